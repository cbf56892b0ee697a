"""The readings by surface."""

from collections.abc import Mapping

from homeport.core.ports import AnswerReading
from homeport.core.types import Surface
from homeport.protocols.answers.chat import ChatReading
from homeport.protocols.answers.completion import CompletionReading
from homeport.protocols.answers.messages import MessagesReading
from homeport.protocols.answers.responses import ResponsesReading


def readings() -> Mapping[Surface, AnswerReading]:
    """One for each surface whose answers are generated."""
    return {
        Surface.CHAT: ChatReading(),
        Surface.COMPLETION: CompletionReading(),
        Surface.MESSAGES: MessagesReading(),
        Surface.RESPONSES: ResponsesReading(),
    }

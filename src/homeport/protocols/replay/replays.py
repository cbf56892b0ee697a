"""The replays by surface, and which answers are worth keeping."""

from collections.abc import Mapping

from homeport.core.types import Surface
from homeport.protocols.answers.parts import field, listed, value_of
from homeport.protocols.replay.base import EMPTY, FAILED, UNFINISHED, UNREADABLE, Replay, ToldReplay, says
from homeport.protocols.replay.chat import ChatWords
from homeport.protocols.replay.chunks import ChunkTelling
from homeport.protocols.replay.completion import CompletionWords
from homeport.protocols.replay.messages import MessagesTelling
from homeport.protocols.replay.responses import ResponsesTelling

_LISTS = {Surface.EMBEDDING: "data", Surface.RERANK: "results", Surface.MODERATION: "results"}


def replays() -> Mapping[Surface, Replay]:
    """One for each surface that is streamed. Answers of the others are whole always."""
    return {
        Surface.CHAT: ToldReplay(ChunkTelling(ChatWords())),
        Surface.COMPLETION: ToldReplay(ChunkTelling(CompletionWords())),
        Surface.MESSAGES: ToldReplay(MessagesTelling()),
        Surface.RESPONSES: ToldReplay(ResponsesTelling()),
    }


class Admission:
    """Which answers may be given to somebody else: those that came to their end by themselves and say something."""

    def __init__(self) -> None:
        self._replays = replays()

    def defect(self, surface: Surface, answer: bytes, *, streamed: bool) -> str:
        """Why an answer is not kept, as one of the codes of `base`; "" where it may be.

        A stream that is kept can be told whole too: one that cannot is no good. Total: no bytes make it raise.
        """
        replay = self._replays.get(surface)
        if replay is not None:
            return replay.stream_defect(answer) if streamed else replay.defect(answer)
        return UNFINISHED if streamed else _list_defect(answer, _LISTS[surface])


def _list_defect(body: bytes, name: str) -> str:
    """Of an answer that is a list of results."""
    answer = value_of(body)
    if not isinstance(answer, dict):
        return UNREADABLE
    if says(answer.get("error")):
        return FAILED
    results = listed(field(answer, name))
    return "" if results and all(isinstance(one, dict) and one for one in results) else EMPTY

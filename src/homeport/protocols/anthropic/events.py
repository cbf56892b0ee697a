"""The events of a Messages stream, as far as they are read."""

import msgspec
from msgspec import Raw, Struct

from homeport.protocols.anthropic.answer import Block, StopDetails
from homeport.protocols.anthropic.reading import read_answer

_NULL = Raw(b"null")


class Start(Struct):
    id: str = ""
    model: str = ""
    usage: Raw = _NULL


class Delta(Struct):
    """A piece of a block, or of the message's end."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class ErrorObject(Struct):
    type: str = ""
    message: str = ""


class Event(Struct):
    """One event; of which kind, `type` says. Kinds and fields that are not known are passed over."""

    type: str
    index: int = 0
    message: Start | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Raw = _NULL
    error: ErrorObject | None = None


_EVENT = msgspec.json.Decoder(Event)


def read_event(data: bytes) -> Event:
    """The data of one server-sent event.

    Raises:
        BadAnswer: it is none of a Messages stream.
    """
    return read_answer(data, _EVENT)

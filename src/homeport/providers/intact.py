"""Whether the events of a stream are whole: a half one that is passed on would pass for an answer.

It is asked of every block, so the common shape is checked in one step for all of its events.
"""

import re

import msgspec

from homeport.core.errors import BadAnswer
from homeport.providers.answers import UNREADABLE
from homeport.transport.sse import data_of

_NAMED_EVENT = re.compile(rb"(?:^|\n\n)event: [^\r\n]*\ndata: (?=\{)")


class _Object(msgspec.Struct):
    """Any JSON object; nothing of it is read."""


_OBJECTS = msgspec.json.Decoder(list[_Object])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


def count_objects(block: bytes) -> int:
    """How many events a block has, where each is one `data: ` line that holds a JSON object in UTF-8.

    0 where only a closer look at each event can tell.
    """
    if not (block.startswith(b"data: {") and block.endswith(b"}\n\n")):
        return 0
    return _count(block[6:-2].replace(b"\n\ndata: ", b","), block)


def count_named_objects(block: bytes) -> int:
    """The same for events of two lines, `event: ` and `data: `."""
    if not (block.startswith(b"event: ") and block.endswith(b"}\n\n")):
        return 0
    return _count(_NAMED_EVENT.sub(b",", block)[1:-2], block)


def check_event(event: bytes) -> None:
    """Look closer at one event. Raises `BadAnswer` where its data is not JSON in UTF-8; a comment has none."""
    data = (data_of(event) or b"").strip()
    if not data or data == b"[DONE]":
        return
    try:
        data.decode()
        _ANYTHING.decode(data)
    except UNREADABLE as error:
        raise BadAnswer(
            "the upstream sent an event that is not JSON, so a part of its answer is lost", hint="try again"
        ) from error


def _count(joined: bytes, block: bytes) -> int:
    try:
        block.decode()  # The decoder skips what it does not read, broken text included.
        found = len(_OBJECTS.decode(b"[%b]" % joined))
    except UNREADABLE:
        return 0
    # Two halves would make a whole, and one event two; but then there are not as many as the block has ends.
    return found if found == block.count(b"\n\n") else 0

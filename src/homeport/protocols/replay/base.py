"""What the surfaces share: what a replay can do, texts cut into pieces, events and frames.

A kept answer is told as it was made where it can be. Only where a caller wants the other form it is told anew:
with all that was in it, or not at all.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from homeport.core.sse import BOM, data_of, events
from homeport.core.types import Frame, Usage
from homeport.protocols.answers.parts import data_events, listed, read, value_of

UNREADABLE = "unreadable"
FAILED = "failed"
UNFINISHED = "unfinished"
UNMERGEABLE = "unmergeable"
CUT = "cut"
FILTERED = "filtered"
REFUSED = "refused"
EMPTY = "empty"
BROKEN_CALL = "broken_call"
ODD_FINISH = "odd_finish"

DONE = b"[DONE]"
_MAX_FRAME = 16 << 10
_MOST_PIECES = 256
_PIECE_CHARS = 24
_TOKENS = 4

Told = dict[str, Any]


class Replay(Protocol):
    """How kept answers of one surface are told again. Total: no bytes make a method raise."""

    def whole(self, events: bytes) -> bytes | None:
        """A stream that came to its end as the body that a whole answer would have had.

        None where it did not, or has what cannot be put together without loss.
        """

    def frames(self, body: bytes, usage: Usage | None = None) -> list[Frame] | None:
        """A whole answer as the stream that would have brought it; None where it cannot be cut without loss.

        Args:
            usage: what it used, for the frame that reports it.
        """

    def stored_frames(self, events: bytes, usage: Usage | None = None) -> list[Frame]:
        """A recorded stream, to be sent again: bytes unchanged, without comments. `usage` as in `frames`."""

    def defect(self, body: bytes) -> str:
        """Why a whole answer is no good to be given again; "" where it is. The codes are those of this module."""

    def stream_defect(self, events: bytes) -> str:
        """The same of a stream."""

    def renamed(self, data: bytes, stem: str, *, streamed: bool) -> bytes:
        """An answer, whole or streamed, with an id of its own, made of `stem`.

        Callers tell answers apart by their ids: a log, a bill or a conversation may pass over one that comes twice.
        Responses keep theirs: it is what the next request goes by.
        """


class NotTold(Exception):
    """An answer that cannot be told in the other form. It does not leave this package.

    Attributes:
        code: why.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_IN_VAIN = (NotTold, RecursionError)


class Telling(Protocol):
    """How one API tells an answer. Every method may raise `NotTold` or `RecursionError`.

    `ends`: one of them is in each event of the end of a stream, and hardly ever one in another event.
    """

    @property
    def ends(self) -> tuple[re.Pattern[bytes], ...]: ...

    def put_together(self, events: bytes) -> Told:
        """The whole answer of a stream that came to its end."""

    def cut(self, body: bytes, usage: Usage | None) -> Iterator[Frame]:
        """A whole answer as the frames of a stream, one for each event."""

    def stored_frame(self, event: bytes, data: bytes, usage: Usage | None) -> Frame:
        """One event of a stream; `data` is what it carries."""

    def count(self, block: bytes) -> int:
        """How many events of content are in a block of events, none of which is of the end."""

    def defect(self, answer: Told) -> str:
        """See `Replay.defect`."""

    def id_of(self, event: Any) -> Any:
        """The id that an answer has, or that of which an event tells a part; None where it is not to be changed."""


class ToldReplay:
    """`Replay` of a telling."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def whole(self, events: bytes) -> bytes | None:
        """See `Replay.whole`."""
        try:
            return encoded(self._telling.put_together(events))
        except _IN_VAIN:
            return None

    def frames(self, body: bytes, usage: Usage | None = None) -> list[Frame] | None:
        """See `Replay.frames`."""
        try:
            return gathered(self._telling.cut(body, usage))
        except _IN_VAIN:
            return None

    def stored_frames(self, events: bytes, usage: Usage | None = None) -> list[Frame]:
        """See `Replay.stored_frames`."""
        events = events.removeprefix(BOM)
        content = self._content(events)
        frames = gathered(
            self._telling.stored_frame(event, data, usage) for event, data in stored(events[len(content) :])
        )
        return [*([Frame(data=content, events=self._telling.count(content))] if content else []), *frames]

    def _content(self, events: bytes) -> bytes:
        """What comes before the first event that may be of the end; nothing where that takes a closer look."""
        if b"\r" in events or b"\n:" in events or not events.startswith((b"data: ", b"event: ")):
            return b""
        marks = [found.start() for end in self._telling.ends if (found := end.search(events))]
        return events[: events.rfind(b"\n\n", 0, min(marks)) + 2] if marks and b"\n\n" in events[: min(marks)] else b""

    def defect(self, body: bytes) -> str:
        """See `Replay.defect`."""
        return _code_of(lambda: self._telling.defect(told_object(value_of(body))))

    def stream_defect(self, events: bytes) -> str:
        """See `Replay.stream_defect`."""
        return _code_of(lambda: self._telling.defect(self._telling.put_together(events)))

    def renamed(self, data: bytes, stem: str, *, streamed: bool) -> bytes:
        """See `Replay.renamed`."""
        parts = (part for _, part in stored(data)) if streamed else [data]
        found = (self._telling.id_of(value_of(part)) for part in parts)
        return with_id(data, next((one for one in found if one), None), stem)


def _code_of(judge: Callable[[], str]) -> str:
    try:
        return judge()
    except NotTold as not_told:
        return not_told.code
    except RecursionError:
        return UNREADABLE


def told_events(block: bytes) -> Iterable[Told]:
    """What the events of a stream say. Raises `NotTold` for one that is no JSON object."""
    plain = _plain_events(block)
    return plain if plain is not None else (told_object(value_of(data)) for data in data_events(block))


def _plain_events(block: bytes) -> list[Told] | None:
    """All events in one step, where each is as most servers write it; None where only a closer look can tell."""
    block = block.removesuffix(_LAST)
    if not (block.startswith((b"data: {", b"event: ")) and block.endswith(b"}\n\n")):
        return None
    # A line break inside a text is escaped, so these bytes are always between two events.
    bare = block.startswith(b"data: ")
    joined = block[6:-2].replace(b"\n\ndata: ", b",") if bare else _NAMED.sub(b",", block)[1:-2]
    told = read(b"[%b]" % joined, _OBJECTS)
    return told if told is not None and len(told) == block.count(b"\n\n") else None


def told_object(value: Any) -> Told:
    """What must be an object. Raises `NotTold`."""
    if not isinstance(value, dict):
        raise NotTold(UNREADABLE)
    return value


def objects(value: Any) -> list[Told]:
    """The objects of what must be a list of them. Raises `NotTold`."""
    if not isinstance(value, list):
        raise NotTold(UNREADABLE)
    return [told_object(one) for one in value]


def encoded(value: Any) -> bytes:
    """JSON. Raises `NotTold` for what was JSON once and cannot be written again, such as a number of 30 digits."""
    try:
        return msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError, TypeError):
        raise NotTold(UNREADABLE) from None


def named(event: Told) -> bytes:
    """An event with its `type` as its name."""
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + encoded(event) + b"\n\n"


def pieces(text: str) -> list[str]:
    """A text in pieces of a few words; a long one in larger ones, so that there are not too many."""
    size = max(_PIECE_CHARS, len(text) // _MOST_PIECES)
    found, start = [], 0
    while start < len(text):
        # To the end of the word, unless that is far away: some languages have no spaces.
        space = text.find(" ", start + size - 1, start + 2 * size)
        end = space if space > start else start + size
        found.append(text[start:end])
        start = end
    return found


def spoken(text: str, logprobs: Any) -> list[tuple[str, Any]]:
    """A text in pieces, each with its part of the log-probabilities; one piece at least where there are any.

    They are cut where their tokens are the text; else all of them come with the first piece.
    """
    if not isinstance(logprobs, dict):
        return [(piece, None) for piece in pieces(text)]
    tokens = _tokens(logprobs)
    if text and tokens and "".join(tokens) == text:
        return [
            ("".join(tokens[start : start + _TOKENS]), _sliced(logprobs, start, len(tokens)))
            for start in range(0, len(tokens), _TOKENS)
        ]
    first, *rest = pieces(text) or [""]
    return [(first, logprobs), *((piece, None) for piece in rest)]


def _tokens(logprobs: Told) -> list[str]:
    """The tokens, as a chat or an older completion tells them; empty where one of them is no text."""
    given = listed(logprobs.get("content")) or listed(logprobs.get("tokens"))
    found = [one.get("token") if isinstance(one, dict) else one for one in given]
    return [one for one in found if isinstance(one, str)] if all(isinstance(one, str) for one in found) else []


def _sliced(logprobs: Told, start: int, count: int) -> Told:
    part: Told = {}
    for name, value in logprobs.items():
        if isinstance(value, list) and len(value) == count:
            part[name] = value[start : start + _TOKENS]
        elif start == 0 or value is None:
            part[name] = value
    return part


def gathered(frames: Iterable[Frame]) -> list[Frame]:
    """Frames of content joined to larger ones: what is there already need not be sent piece by piece."""
    found: list[Frame] = []
    held: list[Frame] = []
    size = 0
    for frame in frames:
        if held and (frame.closing or size + len(frame.data) > _MAX_FRAME):
            found.append(_joined(held))
            held, size = [], 0
        if frame.closing:
            found.append(frame)
        else:
            held.append(frame)
            size += len(frame.data)
    return [*found, _joined(held)] if held else found


def _joined(frames: list[Frame]) -> Frame:
    usages = [frame.usage for frame in frames if frame.usage]
    return Frame(
        data=b"".join(frame.data for frame in frames),
        events=sum(frame.events for frame in frames),
        usage=usages[-1] if usages else None,
    )


def stored(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The events of a recorded stream that carry something, and what that is."""
    for event in events(block):
        data = data_of(event)
        if data is not None:
            yield (event if event.endswith((b"\n\n", b"\r\r", b"\r\n\r\n")) else event + b"\n\n"), data


_LAST = b"data: [DONE]\n\n"
_NAMED = re.compile(rb"(?:^|\n\n)event: [^\r\n]*\ndata: (?=\{)")
_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])
_FAMILY = re.compile(r"[A-Za-z]{1,16}[-_]")


def with_id(data: bytes, old: Any, stem: str) -> bytes:
    """JSON in which an id, wherever it is, has become another one of the same family.

    A quote inside a text is escaped, so what is found is always a field.
    """
    if not isinstance(old, str) or not old or not stem:
        return data
    family = _FAMILY.match(old)
    new = msgspec.json.encode((family.group() if family else "") + stem)
    said = msgspec.json.encode(old)
    for name in (b'"id":', b'"id": '):
        data = data.replace(name + said, name + new)
    return data


def says(value: Any) -> bool:
    """Whether a value is more than a place that was left empty; 0 and false are."""
    return value not in (None, "", [], {})


def finish_defect(finish: Any, defects: Mapping[str, str]) -> str:
    """Why an answer ended in a way that makes it no good: its code; "" for an ordinary end, which is in the map too."""
    if not isinstance(finish, str) or not finish:
        return UNFINISHED
    return defects.get(finish, ODD_FINISH)


def is_json(text: Any) -> bool:
    """Whether the arguments of a call are JSON, or none."""
    return (
        not isinstance(text, str) or not text.strip() or text.strip() == "null" or value_of(text.encode()) is not None
    )

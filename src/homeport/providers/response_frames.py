"""The stream of /v1/responses, cut into frames. Most blocks are passed on unparsed.

Source: OpenAI's API reference, "Streaming events" of the Responses API. A stream ends with one of
`response.completed`, `response.incomplete` or `response.failed`, which carries the whole response.
"""

import re
from collections.abc import Iterator

import msgspec

from homeport.core.errors import BadAnswer, StreamCut
from homeport.core.types import Frame
from homeport.providers.answers import UNREADABLE, read_usage, served, status_of, value_of
from homeport.providers.base import classify_status
from homeport.providers.intact import check_event, count_named_objects
from homeport.transport.sse import EventSplitter, data_of, events

# A quote inside JSON text is escaped, so these bytes are always a field; which one, only parsing tells.
_MAY_END = re.compile(rb'"type" ?: ?"(?:response\.(?:completed|incomplete|failed)|error)"')
_NULL = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    usage: msgspec.Raw = _NULL
    service_tier: msgspec.Raw = _NULL
    output: list[msgspec.Raw] | None = None
    error: msgspec.Raw = _NULL


class _Event(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = _NULL
    code: msgspec.Raw = _NULL
    message: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_EVENT = msgspec.json.Decoder(_Event)
_RESPONSE = msgspec.json.Decoder(_Response)


class ResponseFramer:
    """Cuts a native stream into frames, and knows whether it came to its end."""

    def __init__(self, secret: str = "") -> None:
        """`secret` is the API key, to be kept out of errors."""
        self._secret = secret
        self._splitter = EventSplitter()
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that one network read completes.

        Raises:
            UpstreamRefused: the upstream reported that it failed.
            BadAnswer: an event is not JSON (its text is lost, so the stream must not end well), or too large.
        """
        block = self._splitter.feed(chunk)
        if block and not self.done:
            yield from self._frames(block)

    def close(self) -> Iterator[Frame]:
        """The last frames, when the connection ended. Raises `StreamCut` where no event ended the answer."""
        rest = self._splitter.close()
        if not self.done and _is_whole(data_of(rest)):
            yield from self._frames(rest + b"\n\n")
        if not self.done:
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _frames(self, block: bytes) -> Iterator[Frame]:
        if _MAY_END.search(block) is None and count_named_objects(block):
            yield _content(block)
            return
        before = b""
        for event in events(block):
            try:
                check_event(event)
            except BadAnswer:
                if before:
                    yield _content(before)
                raise
            if (last := self._last(event)) is None:
                before += event
                continue
            if before:
                yield _content(before)
            yield last
            self._raise_failure(event)
            self.done = True
            return
        if before:
            yield _content(before)

    def _last(self, event: bytes) -> Frame | None:
        """The frame of an event that ends the stream. A failure is not forwarded: it is told in words of our own."""
        told = _read(event)
        if told.type not in _ENDS:
            return None
        response = _response_of(told)
        usage = read_usage(response.usage, _NULL)
        if usage is not None:
            usage = served(usage, response.service_tier, response.output)
        return Frame(data=b"" if told.type in _FAILURES else event, usage=usage, closing=told.type not in _FAILURES)

    def _raise_failure(self, event: bytes) -> None:
        told = _read(event)
        if told.type in _FAILURES:
            error = _response_of(told).error
            error = told.error if bytes(error) == b"null" else error
            if bytes(error) == b"null":
                error = msgspec.Raw(msgspec.json.encode({"code": told.code, "message": told.message}))
            words = msgspec.json.encode({"error": error})
            raise classify_status(status_of(value_of(error)), words, secret=self._secret)


_FAILURES = frozenset({"response.failed", "error"})
_ENDS = _FAILURES | {"response.completed", "response.incomplete"}


def _content(block: bytes) -> Frame:
    return Frame(data=block, events=block.count(b'.delta"'))


def _response_of(told: _Event) -> _Response:
    """The response in an event; one that makes no sense spoils nothing else of it, least of all that it is the end."""
    try:
        return _RESPONSE.decode(told.response)
    except UNREADABLE:
        return _Response()


def _read(event: bytes) -> _Event:
    """An event; one that cannot be read ends nothing, and goes on as it came."""
    try:
        return _EVENT.decode(data_of(event) or b"")
    except UNREADABLE:
        return _Event()


def _is_whole(data: bytes | None) -> bool:
    try:
        _EVENT.decode(data or b"")
    except UNREADABLE:
        return False
    return True

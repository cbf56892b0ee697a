"""OpenAI's stream of server-sent events, cut into frames. The hot path: most blocks are passed on unparsed."""

from collections.abc import Iterator

from homeport.core.errors import StreamCut, UpstreamError
from homeport.core.types import Frame
from homeport.providers.answers import ANSWER, UNREADABLE, answer_usage, status_of, value_of
from homeport.providers.base import classify_status
from homeport.providers.intact import check_event, count_objects
from homeport.transport.sse import EventSplitter, data_of, events


class Framer:
    """Cuts an OpenAI stream into frames, and knows whether it came to its end."""

    def __init__(self, secret: str = "") -> None:
        """`secret` is the API key, to be kept out of errors."""
        self._secret = secret
        self._splitter = EventSplitter()
        self._finished = False
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that one network read completes.

        Raises:
            UpstreamRefused: the upstream reported an error inside the stream.
            BadAnswer: an event is not JSON (its text is lost, so the stream must not end well), or too large.
        """
        block = self._splitter.feed(chunk)
        if block and not self.done:
            yield from self._frames(block)

    def close(self) -> Iterator[Frame]:
        """The last frames, when the connection ended.

        Raises:
            StreamCut: neither `[DONE]` nor a finish reason came before.
        """
        rest = self._splitter.close()
        # Some servers forget the blank line after their last event. Half an event is not one.
        if not self.done and _is_whole(data_of(rest)):
            yield from self._frames(rest + b"\n\n")
        if not (self.done or self._finished):
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _frames(self, block: bytes) -> Iterator[Frame]:
        # A quote inside JSON text is escaped, so these bytes are always a field.
        if b'"finish_reason":"' in block or b'"finish_reason": "' in block:
            self._finished = True
        if _is_plain(block) and (count := count_objects(block)):
            yield Frame(data=block, events=count)
        else:
            yield from self._sorted(block)

    def _sorted(self, block: bytes) -> Iterator[Frame]:
        held: list[Frame] = []
        for event in events(block):
            try:
                frame = self._frame(event)
            except UpstreamError:
                yield from _joined(held)
                raise
            if not frame.closing:
                held.append(frame)
                continue
            yield from _joined(held)
            held.clear()
            yield frame
            if self.done:
                return
        yield from _joined(held)

    def _frame(self, event: bytes) -> Frame:
        data = data_of(event)
        if data is None:
            return Frame(data=event)
        if data.strip() == b"[DONE]":
            self.done = True
            return Frame(data=event, closing=True)
        check_event(event)
        try:
            chunk = ANSWER.decode(data)
        except UNREADABLE:
            return Frame(data=event, events=1)  # JSON, but no chunk that we know: it is the caller's to judge.
        if error := value_of(chunk.error):
            raise classify_status(status_of(error), data, secret=self._secret)
        usage = answer_usage(chunk)
        if bytes(chunk.usage) != b"null" and not chunk.choices:
            return Frame(data=event, usage=usage, closing=True, usage_only=True)
        return Frame(data=event, events=1, usage=usage)


def _is_plain(block: bytes) -> bool:
    """Nothing in it ends the stream or reports usage. OpenAI sends `"usage":null` with every chunk."""
    if b"[DONE]" in block or b'"error"' in block:
        return False
    return block.count(b'"usage"') == block.count(b'"usage":null')


def _joined(frames: list[Frame]) -> Iterator[Frame]:
    """Content frames as one; the last usage counts, for a running usage is a total."""
    if frames:
        usages = [frame.usage for frame in frames if frame.usage]
        yield Frame(
            data=b"".join(frame.data for frame in frames),
            events=sum(frame.events for frame in frames),
            usage=usages[-1] if usages else None,
        )


def _is_whole(data: bytes | None) -> bool:
    if data is None or data.strip() == b"[DONE]":
        return data is not None
    try:
        ANSWER.decode(data)
    except UNREADABLE:
        return False
    return True

"""Anthropic's stream of server-sent events as frames: as it came, or in the words of a chat stream.

A stream that is left early is billed too, so frames of content carry what is known of the usage by then:
Anthropic tells the prompt's tokens first, and the output's tokens are estimated until the end.
"""

from collections.abc import Iterator

import msgspec

from homeport.core.errors import BadAnswer, StreamCut
from homeport.core.types import Frame, Usage
from homeport.protocols.anthropic.answer import value_of
from homeport.protocols.anthropic.errors import status_of
from homeport.protocols.anthropic.events import Event, read_event
from homeport.protocols.anthropic.stream_to_chat import ChatChunks
from homeport.protocols.anthropic.usage import merged, usage_of_messages
from homeport.providers.base import classify_status
from homeport.transport.sse import EventSplitter, data_of, events

_CHARS_PER_TOKEN = 4
_DONE = Frame(data=b"data: [DONE]\n\n", closing=True)


class Tally:
    """What a stream has used so far."""

    def __init__(self) -> None:
        self._reported: dict[str, object] = {}
        self._events = 0
        self._chars = 0
        self._told = False

    def note(self, event: Event) -> int:
        """Count an event; 1 if it has content, else 0."""
        if event.type == "message_start" and event.message:
            self._reported = merged({}, value_of(event.message.usage))
        elif event.type == "message_delta":
            self._reported = merged(self._reported, value_of(event.usage))
            self._told = True
        if event.type != "content_block_delta" or event.delta is None:
            return 0
        delta = event.delta
        self._events += 1
        self._chars += len(delta.text or delta.thinking or delta.partial_json or "")
        return 1

    def final(self) -> Usage | None:
        return usage_of_messages(self._reported)

    def so_far(self) -> Usage | None:
        """An estimate, for a stream that may be left; None until the prompt's tokens are known."""
        usage = usage_of_messages(self._reported)
        if usage is None:
            return None
        if self._told:
            return msgspec.structs.replace(usage, estimated=True)
        output = max(usage.output_tokens, self._events, self._chars // _CHARS_PER_TOKEN)
        return msgspec.structs.replace(usage, output_tokens=output, estimated=True)


class MessageFramer:
    """Cuts the stream into frames, bytes unchanged, and knows whether it came to its end."""

    def __init__(self, secret: str = "") -> None:
        """`secret` is the API key, to be kept out of errors."""
        self._secret = secret
        self._splitter = EventSplitter()
        self._tally = Tally()
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that one network read completes.

        Raises:
            UpstreamRefused: the upstream reported an error inside the stream.
            BadAnswer: an event that is too large, or cannot be told in other words.
        """
        block = self._splitter.feed(chunk)
        if block and not self.done:
            yield from self._frames(block)

    def close(self) -> Iterator[Frame]:
        """The last frames, when the connection ended.

        Raises:
            StreamCut: `message_stop` did not come before.
        """
        rest = self._splitter.close()
        # Some servers forget the blank line after their last event.
        if not self.done and _is_last(rest):
            yield from self._frames(rest.rstrip(b"\r\n") + b"\n\n")
        if not self.done:
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _frames(self, block: bytes) -> Iterator[Frame]:
        open_frame: Frame | None = None
        for data in events(block):
            try:
                told = list(self._told(data))
            except Exception:
                if open_frame:
                    yield open_frame  # What came before the error reaches the caller before it.
                raise
            for frame in told:
                if frame.closing and open_frame:
                    yield open_frame
                open_frame = None if frame.closing else _joined(open_frame, frame)
                if frame.closing:
                    yield frame
            if self.done:
                return
        if open_frame:
            yield open_frame

    def _told(self, data: bytes) -> Iterator[Frame]:
        """The frames of one event."""
        payload = data_of(data)
        if payload is None:
            yield Frame(data=data)  # A comment: it keeps the connection awake.
            return
        event = read_event(payload)
        if event.type == "error":
            kind = event.error.type if event.error else ""
            raise classify_status(status_of(kind), payload, secret=self._secret)
        content = self._tally.note(event)
        self.done = event.type == "message_stop"
        yield from self._in_words(data, event, content)

    def _in_words(self, data: bytes, event: Event, content: int) -> Iterator[Frame]:
        if event.type in {"message_delta", "message_stop"}:
            usage = self._tally.final() if event.type == "message_delta" else None
            yield Frame(data=data, usage=usage, closing=True)
        else:
            yield Frame(data=data, events=content, usage=self._tally.so_far())


class ChatFramer(MessageFramer):
    """The same stream as OpenAI's chat chunks."""

    def __init__(self, secret: str = "", *, created: int = 0) -> None:
        """`created` is in seconds since the epoch."""
        super().__init__(secret)
        self._chunks = ChatChunks(created=created)

    def _in_words(self, data: bytes, event: Event, content: int) -> Iterator[Frame]:
        for chunk in self._chunks.feed(event):
            said = b"data: " + msgspec.json.encode(chunk) + b"\n\n"
            if chunk["choices"]:
                yield Frame(data=said, events=1, usage=self._tally.so_far())
            elif chunk["usage"]:
                yield Frame(data=said, usage=self._tally.final(), closing=True, usage_only=True)
        if self.done:
            yield _DONE


def _joined(first: Frame | None, second: Frame) -> Frame:
    """Two frames of content as one; the last usage counts, for a running usage is a total."""
    if first is None:
        return second
    usage = second.usage or first.usage
    return Frame(data=first.data + second.data, events=first.events + second.events, usage=usage)


def _is_last(rest: bytes) -> bool:
    payload = data_of(rest)
    try:
        return payload is not None and read_event(payload).type in {"message_stop", "error"}
    except BadAnswer:
        return False

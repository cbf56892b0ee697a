"""One answer on its way back: the upstream's bytes in, the same with originals out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.sse import data_of, events
from homeport.core.types import Surface
from homeport.privacy.restoration.channels import Channels, Event, Words
from homeport.privacy.restoration.chat import ChatWords
from homeport.privacy.restoration.messages import MessageWords
from homeport.privacy.restoration.responses import ResponseWords
from homeport.privacy.restore import Originals

_WORDS: Mapping[Surface, Callable[[Channels], Words]] = {
    Surface.MESSAGES: MessageWords,
    Surface.RESPONSES: ResponseWords,
}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FORMATS = ("response_format", "text", "output_format", "output_config")


class Restoration:
    """Of one answer, in the words of one surface. What it holds back of a stream is never longer than a placeholder.

    Args:
        asked: the fields of the request; whether they ask for JSON decides how originals are written.
    """

    def __init__(self, surface: Surface, originals: Originals, asked: Mapping[str, Raw]) -> None:
        self._channels = Channels(originals, json_text=wants_json(asked))
        self._words = _WORDS.get(surface, ChatWords)(self._channels)
        self._named = surface in _WORDS
        self._surface = surface

    def whole(self, body: bytes) -> bytes:
        """A whole answer. What is no JSON is as it came; so are vectors, in which there are no texts."""
        if self._surface is Surface.EMBEDDING:
            return body
        try:
            return msgspec.json.encode(self._channels.value(msgspec.json.decode(body)))
        except _UNREADABLE:
            return body

    def feed(self, block: bytes) -> bytes:
        """Some whole events of a stream."""
        return b"".join(self._event(event) for event in events(block))

    def rest(self) -> bytes:
        """Events that tell all that is held back still; b"" where nothing is."""
        return self._made(self._words.rest())

    def _event(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event
        if data.strip() == b"[DONE]":
            return self.rest() + event
        try:
            told = msgspec.json.decode(data)
        except _UNREADABLE:
            return event
        if not isinstance(told, dict):
            return event
        before, after = self._words.event(told)
        return self._made(before) + _rewritten(event, after)

    def _made(self, told: Iterable[Event]) -> bytes:
        return b"".join(
            (b"event: %b\n" % event["type"].encode() if self._named else b"") + _data(event) + b"\n" for event in told
        )


def wants_json(asked: Mapping[str, Raw]) -> bool:
    """Whether a request asks for an answer that is JSON."""
    wanted = b"".join(bytes(asked.get(name, b"")) for name in _FORMATS)
    return b"json_schema" in wanted or b"json_object" in wanted


def _rewritten(event: bytes, told: Any) -> bytes:
    """An event with other data; its other lines as they came."""
    others = [line + b"\n" for line in event.splitlines() if line and line.partition(b":")[0] != b"data"]
    return b"".join([*others, _data(told), b"\n"])


def _data(told: Any) -> bytes:
    return b"data: " + msgspec.json.encode(told) + b"\n"

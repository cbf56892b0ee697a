"""Events of Anthropic's messages: a text is in the deltas of one content block, and ends with it."""

from collections.abc import Iterable
from typing import Any

from homeport.privacy.restoration.channels import Channels, Event, is_text, plain

_TEXTS = ("text", "thinking", "partial_json")
_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}


class MessageWords:
    """`Words` of messages. A text's key is its block's index and the field's name."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def event(self, told: Event) -> tuple[list[Event], Event]:
        """See `Words.event`."""
        index = plain(told.get("index"))
        match told.get("type"):
            case "content_block_delta":
                return self._delta(index, told)
            case "content_block_start":
                return [], self._start(index, told)
            case "content_block_stop":
                return _deltas(self._channels.flush(lambda key: key[0] == index)), told
            case "message_delta" | "message_stop":
                return self.rest(), self._channels.value(told)
        return [], self._channels.value(told)

    def rest(self) -> list[Event]:
        """See `Words.rest`."""
        return _deltas(self._channels.flush())

    def _delta(self, index: Any, told: Event) -> tuple[list[Event], Event]:
        delta = told.get("delta")
        if not isinstance(delta, dict):
            return [], told
        name = next((name for name in _TEXTS if isinstance(delta.get(name), str)), None)
        before = _deltas(self._channels.flush(lambda key: key[0] == index and key[1] != name))
        if name is None:
            return before, self._channels.value(told)
        delta[name] = self._channels.feed((index, name), delta[name], name=name)
        return before, told

    def _start(self, index: Any, told: Event) -> Event:
        block = told.get("content_block")
        if not isinstance(block, dict):
            return told
        begun = {name: block[name] for name in _TEXTS if is_text(block, name)}
        told["content_block"] = self._channels.value(block) | {
            name: self._channels.feed((index, name), piece, name=name) for name, piece in begun.items()
        }
        return told


def _deltas(held: Iterable[tuple[tuple[Any, str], str]]) -> list[Event]:
    return [
        {"type": "content_block_delta", "index": index, "delta": {"type": _DELTAS[name], name: text}}
        for (index, name), text in held
    ]

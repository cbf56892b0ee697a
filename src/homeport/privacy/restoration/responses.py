"""Events of OpenAI's responses: a text is in the deltas of one part, and the events at its end tell all of it again.

Events are numbered, so those that come after one of ours get a new number.
"""

from collections.abc import Callable
from typing import Any

from homeport.privacy.restoration.channels import Channels, Event, plain

_DELTA, _DONE = ".delta", ".done"
_PLACE = ("item_id", "output_index", "content_index", "summary_index")
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"})
_NOT_REPEATED = frozenset({"delta", "obfuscation", "sequence_number"})

_Key = tuple[Any, ...]


class ResponseWords:
    """`Words` of responses. A text's key is the type of its events without `.delta`, and its place."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._shapes: dict[_Key, Event] = {}
        self._numbered = False
        self._next = 0
        self._added = 0

    def event(self, told: Event) -> tuple[list[Event], Event]:
        """See `Words.event`."""
        kind = told.get("type")
        if not isinstance(kind, str):
            return [], told
        number = told.get("sequence_number")
        if isinstance(number, int):
            self._numbered, self._next = True, number + self._added
        if kind.endswith(_DELTA) and isinstance(told.get("delta"), str):
            return [], self._placed(self._delta(kind.removesuffix(_DELTA), told))
        before = self._held(self._ended(kind, told))
        return before, self._placed(self._channels.value(told))

    def rest(self) -> list[Event]:
        """See `Words.rest`."""
        return self._held(lambda key: True)

    def _placed(self, told: Event) -> Event:
        """An event with the number that it has now."""
        if self._numbered:
            told["sequence_number"] = self._next
            self._next += 1
        return told

    def _delta(self, stem: str, told: Event) -> Event:
        key = _key(stem, told)
        self._shapes[key] = {name: value for name, value in told.items() if name not in _NOT_REPEATED}
        name = "arguments" if "arguments" in stem else "text" if "text" in stem else "said"
        return told | {"delta": self._channels.feed(key, told["delta"], name=name)}

    def _ended(self, kind: str, told: Event) -> Callable[[_Key], bool]:
        """Which texts end with an event."""
        if kind in _ENDS:
            return lambda key: True
        if kind == "response.output_item.done":
            return lambda key: self._shapes[key].get("output_index") == told.get("output_index")
        if kind == "response.content_part.done":
            return lambda key: key[1:] == _key("", told)[1:]
        ended = _key(kind.removesuffix(_DONE), told) if kind.endswith(_DONE) else ()
        return lambda key: key == ended

    def _held(self, which: Callable[[_Key], bool]) -> list[Event]:
        return [self._made(key, text) for key, text in self._channels.flush(which)]

    def _made(self, key: _Key, text: str) -> Event:
        """An event of the same shape as the last one of its text."""
        shape = self._shapes[key]
        told = shape | {"delta": text} | ({"logprobs": []} if "logprobs" in shape else {})
        self._added += 1
        return self._placed(told)


def _key(stem: str, told: Event) -> _Key:
    return (stem, *(plain(told.get(name)) for name in _PLACE))

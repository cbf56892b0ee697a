"""The texts of one answer that come side by side, each cut where the upstream cut it."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Protocol

from homeport.privacy.restore import Originals, Restorer

Event = dict[str, Any]

_JSON_NAMES = frozenset({"arguments", "partial_json"})
_ANSWER_NAMES = frozenset({"content", "text"})


class Words(Protocol):
    """How one API tells an answer in events."""

    def event(self, told: Event) -> tuple[list[Event], Event]:
        """What has to be told before an event, and the event, with originals. What is given may be changed."""

    def rest(self) -> list[Event]:
        """What tells all that is held back still."""


class Channels:
    """Texts by key.

    Args:
        json_text: the answer's own text is JSON, for the request asked for that.
    """

    def __init__(self, originals: Originals, *, json_text: bool = False) -> None:
        self._originals = originals
        self._json_text = json_text
        self._open: dict[Hashable, Restorer] = {}

    def feed(self, key: Hashable, piece: str, *, name: str) -> str:
        """What is certain of a text once this piece has come; `name` is that of the field that holds it."""
        restorer = self._open.get(key)
        if restorer is None:
            restorer = self._open[key] = self._originals.restorer(json=self._is_json(name))
        return restorer.feed(piece)

    def flush(self, which: Callable[[Any], bool] = lambda key: True) -> Iterator[tuple[Any, str]]:
        """What is held back of each of these texts, by key."""
        for key, restorer in self._open.items():
            if restorer.holds and which(key):
                yield key, restorer.flush()

    def value(self, value: Any, name: str = "") -> Any:
        """A whole value of JSON with originals in all its texts; `name` is that of the field that holds it."""
        if isinstance(value, str):
            return self._originals.restored(value, json=self._is_json(name))
        if isinstance(value, list):
            return [self.value(item, name) for item in value]
        if isinstance(value, dict):
            return {self._originals.restored(key): self.value(item, key) for key, item in value.items()}
        return value

    def _is_json(self, name: str) -> bool:
        return name in _JSON_NAMES or (self._json_text and name in _ANSWER_NAMES)


def is_text(holder: Mapping[str, Any], name: str) -> bool:
    """Whether a field holds a text that says something."""
    value = holder.get(name)
    return isinstance(value, str) and value != ""


def plain(value: Any) -> str | int | None:
    """What tells texts apart, where it is an id or a number; upstreams may send anything."""
    return value if isinstance(value, str | int) else None

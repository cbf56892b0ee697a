"""Objects that come in pieces, put together field by field. What cannot be put together for certain is not."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from homeport.protocols.replay.base import UNMERGEABLE, NotTold, Told, says


class Rule(Enum):
    """How the pieces of a field make its value.

    TEXT is joined, LIST is appended to, of FIRST and LAST that piece counts which says something. SAME says the same
    each time, or objects that do not contradict each other. ONCE says something a single time: nobody knows how it
    would go on. DROP is there for a stream alone.
    """

    TEXT = auto()
    LIST = auto()
    FIRST = auto()
    LAST = auto()
    SAME = auto()
    ONCE = auto()
    DROP = auto()


class Growing:
    """An object that grows.

    Args:
        rules: by the name of a field.
        default: for all others.
    """

    def __init__(self, rules: Mapping[str, Rule], default: Rule = Rule.SAME) -> None:
        self._rules = rules
        self._default = default
        self._fields: Told = {}
        self._texts: dict[str, list[str]] = {}

    def take(self, piece: Told) -> None:
        """The next piece. Raises `NotTold`."""
        for name, value in piece.items():
            self._take(name, value, self._rules.get(name, self._default))

    def _take(self, name: str, value: Any, rule: Rule) -> None:
        if rule is Rule.DROP:
            return
        if rule is Rule.TEXT and isinstance(value, str):
            self._text(name, value)
        elif rule is Rule.LIST and isinstance(value, list):
            self._list(name, value)
        elif name not in self._fields or not self._has(name):
            if name not in self._fields or says(value):
                self._fields[name] = value
        elif says(value):
            self._fields[name] = _together(self._fields[name], value, rule)

    def _has(self, name: str) -> bool:
        """Whether a field says something already; a 0 where a number comes later does not."""
        if name in self._texts and any(self._texts[name]):
            return True
        return says(self._fields[name]) and self._fields[name] != 0

    def _text(self, name: str, piece: str) -> None:
        if piece and says(self._fields.get(name)):
            raise NotTold(UNMERGEABLE)
        self._texts.setdefault(name, []).append(piece)
        if self._fields.get(name) is None:
            self._fields[name] = ""

    def _list(self, name: str, items: list[Any]) -> None:
        held = self._fields.get(name)
        if not says(held):
            self._fields[name] = list(items)
        elif isinstance(held, list):
            held.extend(items)
        elif items:
            raise NotTold(UNMERGEABLE)

    def value(self) -> Told:
        """All of it, in the order in which it came."""
        return {
            name: held if says(held) or name not in self._texts else "".join(self._texts[name])
            for name, held in self._fields.items()
        }


def _together(held: Any, value: Any, rule: Rule) -> Any:
    """Two pieces that both say something. Raises `NotTold`."""
    if rule is Rule.FIRST:
        return held
    if rule is Rule.LAST:
        return value
    if rule is Rule.SAME and held == value:
        return held
    if rule is Rule.SAME and isinstance(held, dict) and isinstance(value, dict):
        grown = Growing({})
        grown.take(held)
        grown.take(value)
        return grown.value()
    raise NotTold(UNMERGEABLE)

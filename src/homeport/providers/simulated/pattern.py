"""A string that matches a regular expression, for schemas that ask for one.

Python's own parser reads the expression. It is not documented, and has had this form since Python 3.11;
what it gives that is not known here ends the attempt, and a plain word is used.
"""

import random
import re
import re._constants as kinds  # type: ignore[import-not-found]  # the names that the parser uses; not documented
import re._parser as parser  # type: ignore[import-not-found]  # the only parser of expressions that Python has
import string
from typing import Any

_MORE = 3
"""How often at most something without an upper bound is repeated beyond its lower bound."""
_MOST_STEPS = 5000
_LETTERS = string.ascii_lowercase
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: string.digits,
    kinds.CATEGORY_WORD: string.ascii_lowercase + string.digits,
    kinds.CATEGORY_SPACE: " ",
    kinds.CATEGORY_NOT_DIGIT: string.ascii_lowercase,
    kinds.CATEGORY_NOT_WORD: "-",
    kinds.CATEGORY_NOT_SPACE: string.ascii_lowercase,
}


class _Unknown(Exception):
    """The expression has something that cannot be turned round."""


def matching(pattern: str, dice: random.Random, low: int = 0, high: int | None = None) -> str:
    """A string in which `pattern` is found, of `low` to `high` characters where that comes about.

    The result is not tried on the pattern: anybody's pattern may take forever to match.
    """
    try:
        tree = parser.parse(pattern[:_MOST_STEPS])
        made = [_Writer(dice).text(tree) for _ in range(20)]
    except (re.error, _Unknown, OverflowError, RecursionError):
        return "simulated"
    # An expression without an end may have anything after it.
    open_ended = not pattern.endswith(("$", r"\Z"))
    made += [one + "a" * min(low - len(one), _MOST_STEPS) for one in made if open_ended and len(one) < low]
    return next((one for one in made if low <= len(one) and (high is None or len(one) <= high)), made[0])


class _Writer:
    """Writes one string; it gives up where that takes too long."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._groups: dict[int, str] = {}
        self._left = _MOST_STEPS

    def text(self, tree: Any) -> str:
        return "".join(self._one(kind, value) for kind, value in tree)

    def _one(self, kind: Any, value: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise _Unknown
        if kind is kinds.SUBPATTERN:
            made = self._groups[value[0]] = self.text(value[3])
            return made
        if kind is kinds.BRANCH:
            return self.text(self._dice.choice(value[1]))
        if kind is kinds.GROUPREF:
            found = self._groups.get(value, "")
            self._left -= len(found)  # A group of groups doubles with each.
            return found
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            return self._repeated(*value)
        return "" if kind in (kinds.AT, kinds.ASSERT, kinds.ASSERT_NOT) else self._character(kind, value)

    def _repeated(self, least: Any, most: Any, inner: Any) -> str:
        times = self._dice.randint(int(least), min(int(most), int(least) + _MORE))
        if times > self._left:
            raise _Unknown
        self._left -= times
        return "".join(self.text(inner) for _ in range(times))

    def _character(self, kind: Any, value: Any) -> str:
        if kind is kinds.LITERAL:
            return chr(value)
        if kind is kinds.ANY:
            return self._dice.choice(_LETTERS)
        if kind is kinds.NOT_LITERAL:
            return next(char for char in _LETTERS if ord(char) != value)
        if kind is kinds.IN:
            return self._dice.choice(_members(value))
        raise _Unknown


def _members(options: Any) -> str:
    """The characters of a class, from those that people can read."""
    negated = options[0][0] is kinds.NEGATE
    found = "".join(_span(kind, value) for kind, value in options if kind is not kinds.NEGATE)
    if negated:
        found = "".join(char for char in _LETTERS + string.digits + "_- " if char not in found)
    if not found:
        raise _Unknown
    return found


def _span(kind: Any, value: Any) -> str:
    if kind is kinds.LITERAL:
        return chr(value)
    if kind is kinds.RANGE:
        return "".join(chr(code) for code in range(value[0], min(value[1], value[0] + 255) + 1))
    if kind is kinds.CATEGORY and value in _CATEGORIES:
        return _CATEGORIES[value]
    raise _Unknown

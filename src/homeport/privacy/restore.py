"""Putting originals back where an answer has their placeholders, however it is cut into pieces."""

from collections.abc import Iterable, Mapping

import msgspec

from homeport.privacy.placeholders import Grammar, Place

_BEFORE = 2
"""Characters before a placeholder that decide whether it is one."""


class Originals:
    """What placeholders stand for.

    Args:
        names: of the placeholders.
        texts: an original for each place.
    """

    def __init__(self, names: Iterable[str], texts: Mapping[Place, str]) -> None:
        known = frozenset(names)
        self._plain = (Grammar(known), texts)
        self._json = (Grammar(known, json=True), {place: _escaped(text) for place, text in texts.items()})

    def restorer(self, *, json: bool = False) -> "Restorer":
        """For one text; `json`: it is JSON, so originals are written as parts of its strings."""
        return Restorer(*(self._json if json else self._plain))

    def restored(self, text: str, *, json: bool = False) -> str:
        """A whole text with originals in it."""
        restorer = self.restorer(json=json)
        return restorer.feed(text) + restorer.flush()


class Restorer:
    """One text that comes in pieces.

    What is given back is the same for every way to cut the text. Only an end that may still become a placeholder is
    held back, and that is never longer than one. A placeholder that stands for nothing is left as it is.
    """

    def __init__(self, grammar: Grammar, texts: Mapping[Place, str]) -> None:
        self._grammar = grammar
        self._texts = texts
        self._held = ""
        self._before = ""

    def feed(self, piece: str) -> str:
        """What is certain once this piece has come."""
        text = self._before + self._held + piece
        start = len(self._before)
        return self._told(text, start, self._grammar.held(text, start))

    def flush(self) -> str:
        """What was held back, when nothing more comes for now."""
        text = self._before + self._held
        return self._told(text, len(self._before), len(text))

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def _told(self, text: str, start: int, end: int) -> str:
        told: list[str] = []
        position = start
        # What stands before and after decides too: so the grammar is given the text with both.
        for begin, after, place in self._grammar.find(text, start):
            if begin >= end:
                break
            told += [text[position:begin], self._texts.get(place, text[begin:after])]
            position = after
        told.append(text[position:end])
        self._held = text[end:]
        self._before = text[max(0, end - _BEFORE) : end]
        return "".join(told)


def _escaped(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]

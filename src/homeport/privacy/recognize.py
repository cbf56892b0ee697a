"""Running recognizers over text. What was found is told by kind and place, never by its text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import cast

import msgspec

from homeport.core import discovery
from homeport.privacy.recognizers import BY_NAME_ONLY
from homeport.privacy.recognizers.base import NUMBERS, REACH, RecognizerModule

RECOGNIZERS = "homeport.privacy.recognizers"
LIKELY = 0.5
"""The score from which on a finding counts where nobody says otherwise."""

# Four digits with at most three other characters between any two, and what is near enough to be looked at with them.
_NUMBERS = re.compile(r"\d(?:\D{0,3}\d){3}(?:\D{0,96}\d)*", re.ASCII)
_ODD = re.compile(
    r"(?![0-9])\d|[\u00a0\u00ad\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
    r"|[\u2010-\u2015\u2212\ufe58\ufe63]|[\uff01-\uff5e]|\u2019"
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_FULL_WIDTH = range(0xFF01, 0xFF5F)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence: `recognizer` is the kind, the rest is as in `Span`."""

    recognizer: str
    start: int
    end: int
    score: float


class Recognizers:
    """Some recognizers, by name."""

    def __init__(self, modules: Mapping[str, RecognizerModule]) -> None:
        self._modules = dict(modules)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._modules)

    def find(self, text: str) -> list[Finding]:
        """Everything that any of them finds, by place. Findings of different kinds may overlap."""
        page = _Page(text)
        found = [finding for name in self._modules for finding in self._on(page, name)]
        return sorted(found, key=lambda finding: (finding.start, finding.end, finding.recognizer))

    def find_one(self, name: str, text: str) -> list[Finding]:
        """What one of them finds."""
        return list(self._on(_Page(text), name))

    def _on(self, page: "_Page", name: str) -> Iterator[Finding]:
        module = self._modules[name]
        for start, piece in page.pieces(getattr(module, "NEEDS", ())):
            for span in module.find(piece):
                yield Finding(recognizer=name, start=start + span.start, end=start + span.end, score=span.score)


class _Page:
    """A text, and what all recognizers want to know of it."""

    def __init__(self, text: str) -> None:
        self.text = plain(text)

    def pieces(self, needs: str | tuple[str, ...]) -> Iterable[tuple[int, str]]:
        """Where to look: pieces of the text, and where they begin."""
        if needs == NUMBERS:
            return self._around_numbers
        return [(0, self.text)] if not needs or any(mark in self.text for mark in needs) else []

    @cached_property
    def _around_numbers(self) -> list[tuple[int, str]]:
        pieces = []
        for match in _NUMBERS.finditer(self.text):
            start = max(0, match.start() - REACH)
            pieces.append((start, self.text[start : match.end() + REACH]))
        return pieces


def plain(text: str) -> str:
    """The same text, as long as it was, with ASCII's digits, hyphens, spaces and letters for what looks like them."""
    return text if text.isascii() else _FOREIGN.sub(lambda run: _ODD.sub(_as_ascii, run.group()), text)


def _as_ascii(match: re.Match[str]) -> str:
    character = match.group()
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - 0xFEE0)
    if character == "\u2019":
        return "'"
    return "-" if unicodedata.category(character) in ("Pd", "Sm") else " "


def load_recognizers(names: Iterable[str] | None = None) -> Recognizers:
    """The recognizers of these names; by default all but those of `BY_NAME_ONLY`. Raises ConfigError."""
    wanted = set(discovery.discover(RECOGNIZERS)) - BY_NAME_ONLY if names is None else names
    modules = discovery.load_each(RECOGNIZERS, sorted(wanted))
    return Recognizers({name: cast(RecognizerModule, module) for name, module in modules.items()})

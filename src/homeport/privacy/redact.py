"""A request with placeholders where something private was found, and what they stand for.

The same value has the same placeholder wherever it stands in a request. Numbers are given in the order of the
conversation, and clients send the whole of it again with each turn, so a placeholder keeps its meaning over the turns.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import msgspec
from msgspec import Raw

from homeport.privacy import texts
from homeport.privacy.placeholders import Grammar, Place, name_of, place_of, written
from homeport.privacy.recognize import Finding
from homeport.privacy.restore import Originals
from homeport.privacy.texts import Path, Text

Find = Callable[[Text], Iterable[Finding]]
"""What is to be replaced in a text. The same for the same text."""

_LAST = ("messages", "input", "prompt")
_ROUNDS = 3
_MOST = 999_999
_APART, _ROOMS = 1_000, 900


class Unredactable(Exception):
    """Something private would be left, so the request must not leave."""


class Redacted(msgspec.Struct, frozen=True):
    """Fields of a request as they may leave, and what its placeholders stand for."""

    fields: Mapping[str, Raw]
    originals: Originals


class _Span(msgspec.Struct, frozen=True):
    """A part of a text; `name` is that of its placeholder, `weight` says how much it counts against another's."""

    start: int
    end: int
    name: str
    weight: tuple[int, float]


def first_number(names: Sequence[bytes]) -> int:
    """The first number of placeholders in a request that goes on with what others keep, by its fingerprints; else 1.

    There are placeholders in what they keep that stand for something else. So numbers begin somewhere else each time.
    """
    return 1 + _APART * (1 + int.from_bytes(names[-1][:4]) % _ROOMS) if names else 1


def redact(fields: Mapping[str, Raw], find: Find, first: int = 1) -> Redacted | None:
    """Replace all that is found; None where nothing is.

    Args:
        first: number of the placeholders of each name.

    Raises:
        Unreadable: the fields cannot be read whole.
        Unredactable: something is found in what would be sent.
    """
    ordered = sorted(fields, key=lambda name: _LAST.index(name) + 1 if name in _LAST else 0)
    value = {name: texts.decoded(fields[name]) for name in ordered}
    said = texts.read(value).texts
    found = {text.path: spans for text in said if (spans := [*_spans(find(text))])}
    if not found:
        return None
    numbers = _Numbers(said, first)
    changes = {text.path: _replaced(text, found[text.path], find, numbers) for text in said if text.path in found}
    return Redacted(_rewritten(fields, value, changes), numbers.originals())


class _Numbers:
    """Gives placeholders to values: never one that any text of the request may be taken for."""

    def __init__(self, said: Sequence[Text], first: int) -> None:
        self._said = said
        self._before = first - 1
        self._taken: dict[str, Set[Place]] = {}
        self._last: dict[str, int] = {}
        self._given: dict[tuple[str, str], str] = {}
        self._originals: dict[Place, str] = {}

    def placeholder(self, name: str, value: str) -> str:
        """The placeholder of a value."""
        letters = name.replace("_", "")
        if (letters, value) not in self._given:
            number = self._next(name, letters)
            self._given[letters, value] = written(name, number)
            self._originals[place_of(name, number)] = value
        return self._given[letters, value]

    def _next(self, name: str, letters: str) -> int:
        if name not in self._taken:
            self._taken[name] = _lookalikes(name, self._said)
        number = self._last.get(letters, self._before) + 1
        while any((letters, number) in taken for taken in self._taken.values()):
            number += 1
        if number > _MOST:
            raise Unredactable("there is too much to replace")
        self._last[letters] = number
        return number

    def originals(self) -> Originals:
        """What was given."""
        return Originals(self._taken, self._originals)


def _lookalikes(name: str, said: Iterable[Text]) -> Set[Place]:
    # A string that is almost JSON is read as a text, and its escapes as they stand.
    grammars = (Grammar([name]), Grammar([name], json=True))
    return {place for text in said for grammar in grammars for *_, place in grammar.find(text.text)}


def _spans(findings: Iterable[Finding]) -> Iterator[_Span]:
    for finding in findings:
        if finding.start < finding.end:
            yield _Span(finding.start, finding.end, name_of(finding.recognizer), _weight(finding))


def _weight(finding: Finding) -> tuple[int, float]:
    return finding.end - finding.start, finding.score


def _replaced(text: Text, spans: Sequence[_Span], find: Find, numbers: _Numbers) -> str:
    """The text without its spans, nor anything else that is found once they are gone."""
    for _ in range(_ROUNDS):
        spans = _merged(spans)
        pieces = list(_pieces(text.text, spans, numbers))
        told = "".join(piece for piece, _ in pieces)
        left = [
            _Span(*_widened(pieces, finding), name_of(finding.recognizer), _weight(finding))
            for finding in find(msgspec.structs.replace(text, text=told))
            if _shows(pieces, finding)
        ]
        if not left:
            return told
        spans = [*spans, *left]
    raise Unredactable("something private would be left")


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Spans that overlap as one, so that no end of any is left; it has the name of the longest, then of the surest."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            best = max(last, span, key=lambda one: one.weight)
            span = _Span(last.start, max(last.end, span.end), best.name, best.weight)
        merged.append(span)
    return merged


_Piece = tuple[str, _Span | int]
"""What is told, and the span that it replaces, or where in the text it stands."""


def _pieces(text: str, spans: Iterable[_Span], numbers: _Numbers) -> Iterator[_Piece]:
    position = 0
    for span in spans:
        yield text[position : span.start], position
        yield numbers.placeholder(span.name, text[span.start : span.end]), span
        position = span.end
    yield text[position:], position


def _parts(pieces: Iterable[_Piece], finding: Finding) -> Iterator[tuple[str, _Span | int, int, int]]:
    """The parts of the pieces that a finding covers: the piece, what it is, and from where to where in it."""
    offset = 0
    for told, what in pieces:
        start, end = max(finding.start - offset, 0), min(finding.end - offset, len(told))
        if start < end:
            yield told, what, start, end
        offset += len(told)


def _shows(pieces: Sequence[_Piece], finding: Finding) -> bool:
    """Whether it covers anything but placeholders and signs: who looks for `password=` finds our placeholder too."""
    return any(
        isinstance(what, int) and any(char.isalnum() for char in told[start:end])
        for told, what, start, end in _parts(pieces, finding)
    )


def _widened(pieces: Sequence[_Piece], finding: Finding) -> tuple[int, int]:
    """Where in the original text it begins and ends; a placeholder counts as all that it replaces."""
    ends = [
        (what + start, what + end) if isinstance(what, int) else (what.start, what.end)
        for _, what, start, end in _parts(pieces, finding)
    ]
    return min(start for start, _ in ends), max(end for _, end in ends)


def _rewritten(fields: Mapping[str, Raw], value: Mapping[str, Any], changes: Mapping[Path, str]) -> dict[str, Raw]:
    """The fields with changed texts; those without any are the very bytes that came."""
    changed = {path[0] for path in changes}
    told: dict[str, Raw] = {}
    for name, raw in fields.items():
        if name not in changed:
            told[name] = raw
            continue
        [(new_name, new)] = texts.replaced({name: value[name]}, changes).items()
        told[new_name] = _encoded(new)
    return told


def _encoded(value: Any) -> Raw:
    try:
        return Raw(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (ValueError, RecursionError) as error:
        raise texts.Unreadable("it cannot be written again") from error

"""Numbers that identify someone: a form, a check, and words that stand before them."""

import re
from collections.abc import Callable, Iterator

import msgspec

from homeport.privacy.recognizers.base import Span

_REACH = 40


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """How a number is told from others.

    Attributes:
        form: finds candidates, by the text as it is.
        check: of a candidate's letters, in capitals, and digits.
        words: what people say before it.
        beside, grouped, alone: the scores of one that comes after the words; of one that is written in the groups
            that it is known by; of any other. At 0 it is not told.
    """

    form: re.Pattern[str]
    check: Callable[[str], bool]
    words: re.Pattern[str]
    beside: float = 0.95
    grouped: float = 0.7
    alone: float = 0.3


def number(form: str) -> re.Pattern[str]:
    """A form that begins and ends where a word does, and is no part of a longer number."""
    return re.compile(rf"(?<![\w-])(?<!\d[.,/])(?:{form})(?![\w-])(?![.,/]\d)", re.ASCII)


def words(*alternatives: str) -> re.Pattern[str]:
    """Any of these words, in capitals or not; each is a pattern."""
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(alternatives)})(?![^\W\d_])", re.IGNORECASE)


def found(text: str, kind: Identifier) -> Iterator[Span]:
    """Every number of a kind."""
    for match in kind.form.finditer(text):
        written = match.group()
        plain = compact(written)
        if not kind.check(plain):
            continue
        score = kind.grouped if len(plain) < len(written) else kind.alone
        if score < kind.beside and said_before(text, match.start(), kind.words):
            score = kind.beside
        if score:
            yield Span(match.start(), match.end(), score)


def said_before(text: str, start: int, said: re.Pattern[str], reach: int = _REACH) -> bool:
    """Whether one of these words ends in the `reach` characters before a place."""
    return said.search(text, max(0, start - reach), start) is not None


def said_after(text: str, end: int, said: re.Pattern[str], reach: int = 12) -> bool:
    """Whether one of these words is in the `reach` characters after a place."""
    return said.search(text, end, end + reach) is not None


def compact(written: str) -> str:
    """The letters, in capitals, and digits of what is written."""
    return "".join(filter(str.isalnum, written)).upper()


def always(_: str) -> bool:
    """The check of a number that has none."""
    return True

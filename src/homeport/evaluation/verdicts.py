"""Reading what a judge model wrote. Total: what cannot be read for certain is no verdict, and a label says why.

A judge may think aloud, quote what it judges, or do as that says: so a grade counts only where the text names one
grade, and not where it names several, or was cut off before its end.
"""

import re
from typing import Any

import msgspec

from homeport.evaluation.judge import Preference
from homeport.evaluation.rubrics import BEST, WORST, score_of

EMPTY = "empty"
CUT_OFF = "cut_off"
NO_GRADE = "no_grade"
SEVERAL = "several_grades"
OFF_SCALE = "off_the_scale"
NO_CHOICE = "no_choice"

_MOST = 100_000
_LENGTH = "length"
_NUMBER = r"(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)(?![0-9]|[.,][0-9])"
_OF = r"(?:\s{0,3}(?:/|out of)\s{0,3}([0-9]{1,6}))?"
_DRESS = r"[\s*_`\"'\[(]{0,8}"
_MARK = re.compile(
    rf"\b(?:grade|score|rating|verdict)\b[*_`\"']{{0,4}}\s{{0,4}}(?::|=|\bis\b){_DRESS}{_NUMBER}{_OF}", re.IGNORECASE
)
_BARE = re.compile(rf"{_DRESS}{_NUMBER}{_OF}[\s*_`\"'\]).]{{0,8}}", re.IGNORECASE)
_CHOICE = re.compile(
    rf"\b(?:better|choice|verdict)\b[*_`\"']{{0,4}}\s{{0,4}}(?::|=|\bis\b){_DRESS}(first|second|tie)\b", re.IGNORECASE
)
_BARE_CHOICE = re.compile(rf"{_DRESS}(first|second|tie)[\s*_`\"'\]).]{{0,8}}", re.IGNORECASE)
_THOUGHT = "</think>"
_FIELDS = ("grade", "score", "rating")


class Verdict(msgspec.Struct, frozen=True):
    """What a judge says.

    Attributes:
        score: from 0 to 1; None where there is no verdict.
        label: the grade as it was written, or why there is none: a stable code.
    """

    score: float | None
    label: str


class Choice(msgspec.Struct, frozen=True):
    """`first` says whether the first one is better, None for neither; `label` says why none was read, else ""."""

    first: bool | None
    label: str = ""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two answers that were shown in both orders.

    Attributes:
        preference: None where one of the verdicts cannot be read.
        firsts: how often the answer that was shown first was chosen.
        chosen: how many of the verdicts chose one.
    """

    preference: Preference | None
    firsts: int
    chosen: int


def read_grade(text: str, finish: str = "") -> Verdict:
    """The grade that a judge wrote.

    Args:
        finish: why its answer ended, in OpenAI's words; what was cut off may have ended in a quotation.
    """
    told, why = _told(text, finish)
    if why:
        return Verdict(None, why)
    marked = _in_json(told) or [(found[1], found[2]) for found in _MARK.finditer(told)] or _bare(told)
    grades = {(float(number), of or str(BEST)) for number, of in marked}
    if not grades:
        return Verdict(None, NO_GRADE)
    if len(grades) > 1:
        return Verdict(None, SEVERAL)
    [(grade, of)] = grades
    if of != str(BEST) or not WORST <= grade <= BEST:
        return Verdict(None, OFF_SCALE)
    return Verdict(score_of(grade), f"{grade:g}")


def read_choice(text: str, finish: str = "") -> Choice:
    """Which of two answers a judge chose; `finish` as in `read_grade`."""
    told, why = _told(text, finish)
    if why:
        return Choice(None, why)
    bare = _BARE_CHOICE.fullmatch(told)
    words = {found[1].lower() for found in _CHOICE.finditer(told)} or ({bare[1].lower()} if bare else set())
    if len(words) != 1:
        return Choice(None, SEVERAL if words else NO_CHOICE)
    [word] = words
    return Choice(None if word == "tie" else word == "first")


def settle(a_first: Choice, b_first: Choice) -> Pair:
    """What two verdicts in both orders come to: where they disagree, it is a tie.

    Args:
        a_first: the verdict where the answer A was shown first; `b_first` where it was the second.
    """
    both = (a_first, b_first)
    firsts = sum(one.first is True for one in both)
    chosen = sum(one.first is not None for one in both)
    if a_first.label or b_first.label:
        return Pair(preference=None, firsts=firsts, chosen=chosen)
    preference = Preference.TIE
    if a_first.first is True and b_first.first is False:
        preference = Preference.A
    elif a_first.first is False and b_first.first is True:
        preference = Preference.B
    return Pair(preference=preference, firsts=firsts, chosen=chosen)


def _told(text: str, finish: str) -> tuple[str, str]:
    """What counts of a text, without thoughts; and why nothing does, else ""."""
    told = text.rpartition(_THOUGHT)[2].strip()
    if finish == _LENGTH or len(text) > _MOST:
        return "", CUT_OFF
    return told, "" if told else EMPTY


def _in_json(told: str) -> list[tuple[str, str]]:
    """The grade of an answer that is a JSON object; nothing where it is none."""
    inner = told.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if not inner.startswith("{"):
        return []
    try:
        fields = msgspec.json.decode(inner)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    named = (_number(fields.get(name)) for name in _FIELDS)
    return [found for found in named if found is not None]


def _number(value: Any) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _BARE.fullmatch(str(value)[:40])
    return None if found is None else (found[1], found[2])


def _bare(told: str) -> list[tuple[str, str]]:
    found = _BARE.fullmatch(told)
    return [] if found is None else [(found[1], found[2])]

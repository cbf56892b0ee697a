"""Whether an answer is right: one rule for each kind of check.

Regular expressions and JSON schemas come from whoever made the package, and both can be made to take for ever; they
are decided in a process of their own, within a bound of time (`referee`).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

MAX_ANSWER_CHARACTERS = 1 << 20
"""Of a longer answer only so much is looked at."""
_MAX_PATTERN = 4096
_Choice = Annotated[str, Meta(min_length=1, max_length=256)]
_NUMBER = re.compile(
    r"(?:(?<![\w)])[-+\u2212])?"  # the sign, which 3-4 has not
    r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<!\d)\.\d+)"
    r"(?:[eE][-+]?\d{1,4}(?!\d))?",
    re.ASCII,
)
_FENCE = re.compile(r"```[a-zA-Z]{0,16}[ \t]*\n(.*?)\n?```", re.DOTALL)


class _Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every check has: its name in the field `kind`."""


class Exact(_Kind, frozen=True, tag="exact"):
    """The answer, without white space around it, is `expected`, or one of several."""

    ignore_case: bool = False


class Contains(_Kind, frozen=True, tag="contains"):
    """`expected`, or one of several, is somewhere in the answer; with `all` each of them."""

    ignore_case: bool = True
    all: bool = False


class Regex(_Kind, frozen=True, tag="regex"):
    """`pattern` is found somewhere in the answer; left out, `expected` is the pattern. Python's `re`."""

    pattern: Annotated[str, Meta(max_length=_MAX_PATTERN)] = ""
    ignore_case: bool = False


class Number(_Kind, frozen=True, tag="number"):
    """The last number of the answer, or the first, is `expected`.

    Attributes:
        tolerance: it may be off by so much.
        relative: it may be off by this share of `expected`, where that is more.
    """

    tolerance: Annotated[float, Meta(ge=0, le=1e300)] = 0.0
    relative: Annotated[float, Meta(ge=0, le=1)] = 0.0
    place: Literal["first", "last"] = "last"


class Choice(_Kind, frozen=True, tag="choice"):
    """The first of `choices` that the answer names as a word of its own is `expected`. A choice of one letter is
    looked for as it is written, longer ones in any case."""

    choices: Annotated[tuple[_Choice, ...], Meta(min_length=2, max_length=64)]


class JsonSchema(_Kind, frozen=True, tag="json_schema"):
    """The answer, or the first fenced block in it, is JSON that follows `schema`, and is `expected` where that is set.

    JSON Schema draft 2020-12, https://json-schema.org/draft/2020-12. Nothing is fetched for a `$ref`.
    """

    schema: Mapping[str, Any]


Check = Exact | Contains | Regex | Number | Choice | JsonSchema


class Ruling(msgspec.Struct, frozen=True):
    """What the referee says.

    Attributes:
        why: where it is no.
        broken: the question itself makes no sense, or took too long.
    """

    ok: bool
    why: str = ""
    broken: bool = False


READY = b"ready\n"
"""What the referee's process says first."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the referee's process: `schema` and `value`, or `pattern` and `text`."""

    schema: Mapping[str, Any] | None = None
    value: Any = None
    pattern: str = ""
    text: str = ""
    ignore_case: bool = False


class Referee(Protocol):
    """Decides what could take for ever, within a bound of time."""

    def matches(self, pattern: str, text: str, *, ignore_case: bool) -> Ruling: ...

    def follows(self, schema: Mapping[str, Any], value: Any) -> Ruling: ...


class Verdict(msgspec.Struct, frozen=True):
    """Whether an answer passed, and why not, in a few words without the answer."""

    passed: bool
    why: str = ""


_PASSED = Verdict(True)


def problem_of(check: Check, expected: Any) -> str:
    """Why a check cannot be done with such an `expected`, or ""."""
    texts = isinstance(expected, str) or _is_texts(expected)
    match check:
        case Exact() | Contains():
            return "" if texts else "`expected` must be a text, or a list of texts"
        case Regex():
            wanted = "`pattern` or `expected` must be a regular expression"
            given = check.pattern or (expected if isinstance(expected, str) else "")
            return "" if given and len(given) <= _MAX_PATTERN else wanted
        case Number():
            return "" if _is_number(expected) else "`expected` must be a finite number"
        case Choice():
            return "" if expected in check.choices else "`expected` must be one of `choices`"
        case JsonSchema():
            return ""


def judge(check: Check, expected: Any, answer: str, referee: Referee) -> Verdict:
    """Whether `answer` passes; `expected` must fit, see `problem_of`."""
    text = answer[:MAX_ANSWER_CHARACTERS]
    match check:
        case Exact():
            return _said(_exact(check, _texts(expected), text), "it is not what is expected")
        case Contains():
            return _said(_contains(check, _texts(expected), text), "what is expected is not in it")
        case Regex():
            ruling = referee.matches(check.pattern or expected, text, ignore_case=check.ignore_case)
            return Verdict(ruling.ok, ruling.why)
        case Number():
            return _number(check, float(expected), text)
        case Choice():
            chosen = chosen_of(check.choices, text)
            return _said(chosen == expected, f"it names {chosen!r}" if chosen else "it names none of the choices")
        case JsonSchema():
            return _json(check, expected, text, referee)


def numbers_of(text: str) -> tuple[float, ...]:
    """The numbers of a text in order: 1,000 is a thousand; those too large for a float are left out."""
    found = (float(match[0].replace(",", "").replace("\u2212", "-")) for match in _NUMBER.finditer(text))
    return tuple(number for number in found if math.isfinite(number))


def chosen_of(choices: Sequence[str], text: str) -> str:
    """The choice that a text names first, the longest of those that begin at one place; "" for none."""
    found = [(place, -len(choice), choice) for choice in choices if (place := _place(choice, text)) is not None]
    return min(found)[2] if found else ""


def _place(choice: str, text: str) -> int | None:
    flags = re.NOFLAG if len(choice) == 1 else re.IGNORECASE
    found = re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text, flags)
    return found.start() if found else None


def _exact(check: Exact, expected: Sequence[str], text: str) -> bool:
    fold = _folding(check.ignore_case)
    return fold(text.strip()) in {fold(one.strip()) for one in expected}


def _contains(check: Contains, expected: Sequence[str], text: str) -> bool:
    fold = _folding(check.ignore_case)
    folded = fold(text)
    return (all if check.all else any)(fold(one) in folded for one in expected)


def _number(check: Number, expected: float, text: str) -> Verdict:
    numbers = numbers_of(text)
    if not numbers:
        return Verdict(False, "it has no number")
    said = numbers[-1 if check.place == "last" else 0]
    near = abs(said - expected) <= max(check.tolerance, check.relative * abs(expected))
    return _said(near, f"its number is {said:g}")


def _json(check: JsonSchema, expected: Any, text: str, referee: Referee) -> Verdict:
    fenced = _FENCE.search(text)
    try:
        value = msgspec.json.decode(fenced[1] if fenced else text.strip())
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Verdict(False, "it is no JSON")
    ruling = referee.follows(check.schema, value)
    if not ruling.ok:
        return Verdict(False, ruling.why)
    same = expected is msgspec.UNSET or _same(value, expected)
    return _said(same, "it follows the schema, and is not what is expected")


def _same(value: Any, other: Any) -> bool:
    """As JSON is compared: 1 is 1.0, and true is not 1."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_same(value[key], other[key]) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _said(ok: bool, otherwise: str) -> Verdict:
    return _PASSED if ok else Verdict(False, otherwise)


def _folding(ignore_case: bool) -> Callable[[str], str]:
    return str.casefold if ignore_case else str


def _texts(expected: Any) -> Sequence[str]:
    return [expected] if isinstance(expected, str) else expected


def _is_texts(expected: Any) -> bool:
    return isinstance(expected, list) and bool(expected) and all(isinstance(one, str) for one in expected)


def _is_number(expected: Any) -> bool:
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return False
    return abs(expected) <= 1e300

"""What makes two texts the same: words, without what changes by itself.

A repeat must not hide behind a timestamp, a request id or a duration, and progress ("10 %", then "20 %") must
not look like a repeat. So only what is volatile by its form is masked; other numbers are masked where a text
speaks of a failure, since "attempt 7 failed" is no progress.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

_LONGEST = 6_000
_SKETCH = 24
_NEAR = 0.8
_OPENING = 2
_NUMBERS = 12
_LONGEST_NUMBER = 19

_WORD = re.compile(r"[^\W_][\w.:+%/-]*")
_VOLATILE = re.compile(
    r"(?P<time>\d{4}-\d{1,2}-\d{1,2}(t[\d:.]+(z|[+-][\d:]+)?)?|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?"
    r"(z|[+-]\d\d:?\d\d)?|1\d{9}(\.\d+)?|1\d{12}|1\d{15}|1\d{18})"
    r"|(?P<took>\d+(\.\d+)?(ns|us|ms|s|sec|secs|seconds))"
    r"|(?P<id>0x[0-9a-f]{4,}|(?=(?:[a-z_-]*[0-9]){3})(?=[0-9_-]*[a-z])[0-9a-z_-]{8,64})"
)
_UNITS = frozenset({"ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "milliseconds"})
_DIGITS = re.compile(r"\d+")
_TOOK_ENDS = ("_ms", "ms:", "seconds", "elapsed", "duration", "took", "latency", "timestamp", "time", "pid", "uptime")
_COUNTDOWN = frozenset({"eta", "remaining", "left"})
_FAILURES = (
    frozenset(
        [
            "error",
            "errors",
            "err",
            "fail",
            "failed",
            "failure",
            "failures",
            "fails",
            "failing",
            "exception",
            "exceptions",
        ]
    )
    | frozenset(
        [
            "traceback",
            "denied",
            "refused",
            "rejected",
            "unauthorized",
            "unauthorised",
            "forbidden",
            "timeout",
            "invalid",
        ]
    )
    | frozenset(["unavailable", "cannot", "unable", "crash", "crashed"])
)
_FAILING = ("timed out", "time out", "not found", "no such", "could not", "can't", "exit code 1", "exit status 1")
_NO_FAILURE = re.compile(
    r"\b(no|0|without) (errors?|failures?|exceptions?|failed)\b"
    r"|\b(errors?|failures?|failed|exceptions?) (0|null|none|false)\b"
)
_ERROR_NAME = re.compile(r"\b(?!terror\b)[a-z_.]+(?:error|exception)\b")
_DENIAL = re.compile(r"\b(ok|success|succeeded) false\b")
_WAITS = frozenset(
    ["pending", "running", "queued", "waiting", "processing", "building", "starting", "scheduled", "in_progress"]
)
_WAITING = ("in progress", "in-progress", "not ready", "not yet")
_ENDS = (150, 75)
_SHARE = re.compile(r"\d[\d.,]*\s*(?:%|percent|/\s*\d+|(?:out )?of\s+\d+)")


class Mood(StrEnum):
    """What a tool's result speaks of: a failure, something that is still going on, or neither."""

    PLAIN = "plain"
    FAILS = "fails"
    WAITS = "waits"


class Text(msgspec.Struct, frozen=True):
    """What is kept of a text.

    Attributes:
        key: the same for texts that are the same but for what is volatile.
        blurred: the same for texts that differ in numbers alone.
        words: how many there are.
        sketch: the smallest hashes of its pairs of words, for `near`.
        chars: its length.
        exact: the same for texts that are the same, volatile parts too.
        figures: the same for texts with the same numbers and identifiers; 0 for none.
        numbers: the first of its numbers, to tell a counter from what a text is about.
        progress: the same for texts that say the same share: `3 of 10`, `30 %`; 0 for none.
        opening: of its first two words, whatever their numbers.
        structured: whether it is data, as JSON, and not words.
    """

    key: int = 0
    blurred: int = 0
    words: int = 0
    sketch: tuple[int, ...] = ()
    chars: int = 0
    exact: int = 0
    figures: int = 0
    numbers: tuple[int, ...] = ()
    progress: int = 0
    opening: int = 0
    structured: bool = False


def read(text: str) -> tuple[Text, Mood]:
    """What is kept of something said; of a long one its beginning, middle and end count."""
    # What looks like an identifier stays: it may be what the text is about.
    shown = _shortened(text)
    masked = _masked(_words(shown), ids=False)
    likened = [_likened(word) for word in masked]
    pairs = {hash(pair) for pair in zip(likened, [*likened[1:], ""], strict=False)}
    figures = [word for word in masked if not word.isalpha() and _DIGITS.search(word)]
    kept = Text(
        key=hash(tuple(masked)),
        blurred=_blurred(masked),
        words=len(masked),
        sketch=tuple(sorted(pairs)[:_SKETCH]),
        chars=len(text),
        exact=hash(text),
        figures=hash(tuple(figures)) if figures else 0,
        numbers=_numbers(figures),
        progress=_progress(shown) if figures else 0,
        opening=_blurred(masked[:_OPENING]),
        structured=shown.lstrip()[:1] in ("{", "["),
    )
    return kept, mood(masked)


def _likened(word: str) -> str:
    """A word without its numbers, or what it is if it is an identifier."""
    if word.isalpha():
        return word
    return "~id" if _VOLATILE.fullmatch(word) else _DIGITS.sub("#", word)


def _numbers(figures: Sequence[str]) -> tuple[int, ...]:
    """The numbers in some words that are no identifiers."""
    digits = [part for word in figures if not _VOLATILE.fullmatch(word) for part in _DIGITS.findall(word)]
    return tuple([int(part) for part in digits[:_NUMBERS] if len(part) < _LONGEST_NUMBER])


def _progress(shown: str) -> int:
    shares = _SHARE.findall(shown)
    return hash(tuple(shares)) if shares else 0


def result(text: str) -> tuple[Text, Mood]:
    """What is kept of a tool's result. The order of its lines means nothing, and only failures are `blurred`."""
    shown = _shortened(text)
    if "\n" in shown:
        shown = "\n".join(sorted(shown.splitlines()))
    masked = _masked(_words(shown), ids=True)
    key, spoken = hash(tuple(masked)), mood(masked)
    return Text(key, _blurred(masked) if spoken is Mood.FAILS else key, len(masked), (), len(text)), spoken


def mood(words: Sequence[str]) -> Mood:
    """What words speak of; of many, the first and the last count."""
    first, last = _ENDS
    told = " ".join(words if len(words) <= first + last else [*words[:first], *words[-last:]])
    if _said(told, _FAILURES, _FAILING):
        rest = _NO_FAILURE.sub(" ", told)
        if rest == told or _said(rest, _FAILURES, _FAILING):
            return Mood.FAILS
    if ("error" in told or "exception" in told) and _ERROR_NAME.search(told):
        return Mood.FAILS
    if "false" in told and _DENIAL.search(told):
        return Mood.FAILS
    return Mood.WAITS if _said(told, _WAITS, _WAITING) else Mood.PLAIN


def _said(told: str, words: frozenset[str], phrases: Sequence[str]) -> bool:
    return not words.isdisjoint(told.split()) or any(phrase in told for phrase in phrases)


def _blurred(words: Sequence[str]) -> int:
    return hash(tuple([word if word.isalpha() else _DIGITS.sub("#", word) for word in words]))


def exact(text: str) -> Text:
    """What is kept of a call's arguments: another number, date or sign asks for something else."""
    words = text.casefold().split()
    pairs = {hash(pair) for pair in zip(words, [*words[1:], ""], strict=False)}
    key = hash(tuple(words))
    return Text(key, key, len(words), tuple(sorted(pairs)[:_SKETCH]), len(text))


def near(one: Text, other: Text, share: float = _NEAR) -> bool:
    """Whether two texts are nearly the same: that share of their pairs of words is.

    Method: the Jaccard similarity of word shingles, estimated from bottom-k sketches (Broder, "On the resemblance
    and containment of documents", 1997). Charikar's simhash (2002) needs long texts: with one word of eight
    changed a quarter of its bits differ, and the answers of agents that loop are short.
    """
    if one.key == other.key:
        return True
    first, second = one.sketch, other.sketch
    whole = len(first) < _SKETCH and len(second) < _SKETCH
    if not first or not second or (not whole and max(one.words, other.words) > 2 * min(one.words, other.words)):
        return False
    # Similar texts share small hashes: most pairs of texts end here.
    if first[0] not in second[:4] and second[0] not in first[:4]:
        return False
    size = min(len(first), len(second))
    union = sorted({*first, *second})[: max(size, _SKETCH)]
    shared = set(first) & set(second)
    return sum(1 for value in union if value in shared) >= share * len(union)


def counted(one: Text, other: Text) -> bool:
    """Whether the numbers of two texts are the same but for what counts the texts themselves."""
    if one.figures == other.figures:
        return True
    if one.progress != other.progress or len(one.numbers) != len(other.numbers):
        return False
    steps = {abs(first - second) for first, second in zip(one.numbers, other.numbers, strict=True)}
    return len(steps - {0}) <= 1


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    part = _LONGEST // 3
    middle = (len(text) - part) // 2
    return f"{text[:part]} {text[middle : middle + part]} {text[-part:]}"


def _words(text: str) -> list[str]:
    lowered = text.lower()
    return _WORD.findall(lowered) or lowered.split()


def _masked(words: Sequence[str], *, ids: bool) -> list[str]:
    """The words with what is volatile by its form made the same."""
    took = _COUNTDOWN.isdisjoint(words)
    return [word if word.isalpha() else _mask(word.rstrip(".:"), at, words, ids, took) for at, word in enumerate(words)]


def _mask(word: str, at: int, words: Sequence[str], ids: bool, took: bool) -> str:
    if len(word) < 10 and word.isdigit():
        return "~took" if took and _is_time(at, words) else word
    if not _DIGITS.search(word):
        return word  # All that is volatile by its form has a digit.
    found = _VOLATILE.fullmatch(word)
    kind = found.lastgroup if found else None
    if kind == "time" or (kind == "took" and took) or (kind == "id" and ids):
        return f"~{kind}"
    return "~took" if took and word[:1].isdigit() and _is_time(at, words) else word


def _is_time(at: int, words: Sequence[str]) -> bool:
    """Whether the number at this place is said to be one: `12 ms`, `took_ms: 12`."""
    if at + 1 < len(words) and words[at + 1] in _UNITS:
        return True
    return at > 0 and words[at - 1].endswith(_TOOK_ENDS)

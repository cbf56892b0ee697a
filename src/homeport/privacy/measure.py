"""How well recognizers do on labelled texts: found and missed by type, false alarms, what they find in plain prose.

A span counts as found where a finding of a recognizer of its type overlaps it; a finding is right where it overlaps
a span of its type, and wrong over a span of another type too.
"""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from homeport.core.errors import ConfigError
from homeport.privacy.recognize import LIKELY, Finding, Recognizers
from homeport.privacy.recognizers import BY_NAME_ONLY
from homeport.privacy.recognizers.checksums import luhn
from homeport.privacy.recognizers.iban import checksum_agrees
from homeport.stats.proportions import wilson

TYPES: Mapping[str, frozenset[str]] = {
    "CREDIT_CARD": frozenset({"payment_card"}),
    "IBAN_CODE": frozenset({"iban"}),
    "EMAIL_ADDRESS": frozenset({"email"}),
    "US_SSN": frozenset({"us_ssn"}),
    "IP_ADDRESS": frozenset({"ip_address"}),
    "DOMAIN_NAME": frozenset({"domain_name", "url"}),
    "URL": frozenset({"url", "domain_name"}),
    "PHONE_NUMBER": frozenset({"phone"}),
    "US_DRIVER_LICENSE": frozenset({"us_driver_license"}),
    "US_PASSPORT": frozenset({"passport"}),
    "US_ITIN": frozenset({"us_itin"}),
    "US_BANK_NUMBER": frozenset({"bank_account"}),
    "MEDICAL_LICENSE": frozenset({"medical_record_number"}),
    "CRYPTO": frozenset({"crypto_wallet"}),
    "MAC_ADDRESS": frozenset({"mac_address"}),
    "DATE_TIME": frozenset({"date_of_birth"}),
    "ZIP_CODE": frozenset({"zip_code"}),
    "STREET_ADDRESS": frozenset({"street_address"}),
    "AGE": frozenset({"age"}),
    "TITLE": frozenset({"title"}),
}
"""Which recognizers look for what Presidio's research data calls so; a type that is the name of one is its own."""

STRUCTURED = frozenset({"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "US_SSN", "IP_ADDRESS", "DOMAIN_NAME", "URL"})
"""Types with a checksum or a fixed form: their recall has a target."""

TARGET = 0.97
MOST_BYTES = 1 << 28
_LEAST_SCORE = 0.4


class Label(msgspec.Struct, frozen=True):
    """A span of a text, and what it is."""

    type: str
    start: int
    end: int
    value: str = ""


class Row(msgspec.Struct, frozen=True):
    text: str
    spans: tuple[Label, ...] = ()


class Share(msgspec.Struct, frozen=True):
    """So many of so many, with Wilson's 95 % interval; `value` is null where there are none to count."""

    hits: int
    of: int
    value: float | None
    low: float
    high: float


class TypeResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one type was found.

    Attributes:
        recognizers: that look for it; empty where none does.
        recall_valid: of the spans whose checksum agrees, where the type has one.
        target: the least recall that is promised; null for none.
    """

    recognizers: tuple[str, ...]
    structured: bool
    spans: int
    recall: Share
    recall_valid: Share | None
    precision: Share
    f1: float | None
    target: float | None
    met: bool | None


class Clean(msgspec.Struct, frozen=True, kw_only=True):
    """Texts without anything to find: how many had a finding, and of which recognizers."""

    texts: int
    alarms: Share
    recognizers: Mapping[str, int]


def read_rows(path: Path) -> tuple[Row, ...]:
    """Labelled texts as JSON lines, gzipped or not: `{text, spans: [{type, value, start, end}]}`.

    Raises:
        ConfigError: recording_invalid.
    """
    return tuple(_row(line, number, path) for number, line in enumerate(read_lines(path), 1))


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that is gzipped or not, but for empty ones. Raises ConfigError recording_invalid."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _invalid(path, str(getattr(error, "strerror", None) or "it cannot be unpacked")) from error
    if len(data) > MOST_BYTES:
        raise _invalid(path, f"it is larger than {MOST_BYTES} bytes")
    yield from (line for line in data.splitlines() if line.strip())


def _row(line: bytes, number: int, path: Path) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(path, f"line {number} is no labelled text: {error}") from error
    if any(not 0 <= span.start <= span.end <= len(row.text) for span in row.spans):
        raise _invalid(path, f"line {number} has a span outside of its text")
    return row


def _invalid(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} cannot be read: {why}",
        code="recording_invalid",
        hint="it has a JSON object a line: text, and spans with type, start and end",
    )


def measure(rows: Sequence[Row], recognizers: Recognizers) -> Mapping[str, TypeResult]:
    """Every type that the rows or the recognizers have, by name."""
    found = [[one for one in recognizers.find(row.text) if _counts(one)] for row in rows]
    names = sorted({span.type for row in rows for span in row.spans} | (TYPES.keys() - {"URL"}))
    return {name: _measured(name, rows, found) for name in names}


def _counts(finding: Finding) -> bool:
    return finding.score >= (_LEAST_SCORE if finding.recognizer in BY_NAME_ONLY else LIKELY)


def _measured(name: str, rows: Sequence[Row], found: Sequence[Sequence[Finding]]) -> TypeResult:
    looking = TYPES.get(name, frozenset({name.lower()}))
    mine = [[one for one in findings if one.recognizer in looking] for findings in found]
    spans = [[span for span in row.spans if span.type == name] for row in rows]
    hits = [
        (span, any(_overlap(span, one) for one in ones)) for ones, of in zip(mine, spans, strict=True) for span in of
    ]
    right = [any(_overlap(span, one) for span in of) for ones, of in zip(mine, spans, strict=True) for one in ones]
    recall, precision = share(hit for _, hit in hits), share(right)
    valid = _VALID.get(name)
    structured = name in STRUCTURED
    return TypeResult(
        recognizers=tuple(sorted(looking & {one for group in TYPES.values() for one in group})),
        structured=structured,
        spans=len(hits),
        recall=recall,
        recall_valid=share(hit for span, hit in hits if valid(span.value)) if valid else None,
        precision=precision,
        f1=_f1(recall.value, precision.value),
        target=TARGET if structured else None,
        met=recall.value >= TARGET if structured and recall.value is not None else None,
    )


def _overlap(span: Label, finding: Finding) -> bool:
    return span.start < finding.end and finding.start < span.end


def _f1(recall: float | None, precision: float | None) -> float | None:
    if recall is None or precision is None:
        return None
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _luhn_agrees(value: str) -> bool:
    digits = "".join(filter(str.isdecimal, value))
    return bool(digits) and luhn(digits)


def _iban_agrees(value: str) -> bool:
    plain = "".join(filter(str.isalnum, value))
    return len(plain) > 4 and plain.isascii() and checksum_agrees(plain)


_VALID: Mapping[str, Callable[[str], bool]] = {"CREDIT_CARD": _luhn_agrees, "IBAN_CODE": _iban_agrees}


def share(hits: Iterable[bool]) -> Share:
    """How many of some are true."""
    counted = list(hits)
    low, high = wilson(sum(counted), len(counted)) if counted else (0.0, 1.0)
    value = sum(counted) / len(counted) if counted else None
    return Share(sum(counted), len(counted), value, low, high)


def clean(texts: Iterable[str], recognizers: Recognizers) -> Clean:
    """What is found in texts that hold nothing private."""
    found = [{one.recognizer for one in recognizers.find(text) if _counts(one)} for text in texts]
    return Clean(
        texts=len(found),
        alarms=share(bool(names) for names in found),
        recognizers=dict(Counter(name for names in found for name in names).most_common()),
    )


def confusion(rows: Iterable[tuple[str, str]], recognizers: Recognizers) -> Mapping[str, Mapping[str, int]]:
    """Of prompts with the route that somebody labelled them with: how many we would keep at home, and how many not."""
    told: dict[str, Counter[str]] = {}
    for text, route in rows:
        stays = any(_counts(one) for one in recognizers.find(text))
        told.setdefault(route, Counter(local_only=0, allow=0))["local_only" if stays else "allow"] += 1
    return {route: dict(counts) for route, counts in sorted(told.items())}


def time_per_kb(texts: Iterable[str], recognizers: Recognizers, now_ns: Callable[[], int]) -> float:
    """Microseconds that a kilobyte takes, on average."""
    spent = kilobytes = 0.0
    for text in texts:
        started = now_ns()
        recognizers.find(text)
        spent += now_ns() - started
        kilobytes += len(text.encode("utf-8", "replace")) / 1024
    return spent / 1000 / kilobytes if kilobytes else math.nan


def texts_of(path: Path, *names: str) -> Iterator[str]:
    """The first of these fields of each JSON line that is a text or a list of texts. Raises ConfigError."""
    for number, line in enumerate(read_lines(path), 1):
        try:
            row: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _invalid(path, f"line {number} is no JSON") from error
        said = next((row[name] for name in names if name in row), "") if isinstance(row, dict) else ""
        yield from (text for text in (said if isinstance(said, list) else [said]) if isinstance(text, str))

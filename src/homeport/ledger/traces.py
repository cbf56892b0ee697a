"""Recorded traffic as spending: arrivals with their tokens, at a price.

Two forms are read, each as it is or packed by gzip: CSV with the columns TIMESTAMP, ContextTokens and
GeneratedTokens (Azure's public traces), and JSON lines with timestamp (milliseconds), input_length and
output_length (Mooncake's).
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.money import PicoRate, charge

_MAX_ROWS = 5_000_000
_MAX_LINE = 4_000_000
_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_NS_PER_MS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Arrival(msgspec.Struct, frozen=True):
    """One request: when it came, in nanoseconds from any start, and its tokens."""

    at: int
    input_tokens: int
    output_tokens: int


class _Line(msgspec.Struct, frozen=True):
    timestamp: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    input_length: _Tokens
    output_length: _Tokens


class _Row(msgspec.Struct, frozen=True):
    at: datetime
    input_tokens: _Tokens
    output_tokens: _Tokens


def read_trace(path: Path) -> Sequence[Arrival]:
    """The arrivals of a file in the order of time.

    Raises:
        ConfigError: trace_unreadable, with the line that is wrong.
    """
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            lines = io.TextIOWrapper(gzip.GzipFile(fileobj=file) if packed else file, encoding="utf-8", newline="")
            found = sorted(_arrivals(path, lines), key=lambda arrival: arrival.at)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or type(error).__name__) from error
    if not found:
        raise _unreadable(path, "no requests are in it")
    return found


def spent_in(trace: Sequence[Arrival], parts: int, input_rate: PicoRate, output_rate: PicoRate) -> list[int]:
    """Nano-dollars in each of so many equal parts of the time that a trace is long; rates are per token."""
    start, length = trace[0].at, trace[-1].at - trace[0].at + 1
    spent = [0] * parts
    for arrival in trace:
        cost = charge([(arrival.input_tokens, input_rate), (arrival.output_tokens, output_rate)])
        spent[(arrival.at - start) * parts // length] += cost
    return spent


def _arrivals(path: Path, lines: io.TextIOWrapper) -> Iterator[Arrival]:
    numbered = _numbered(path, lines)
    number, head = next(numbered, (0, ""))
    if head.lstrip("\ufeff").startswith("{"):
        yield _from_json(path, number, head)
        for number, line in numbered:
            if line.strip():
                yield _from_json(path, number, line)
        return
    columns = head.lstrip("\ufeff").strip().split(",")
    if not set(_COLUMNS) <= set(columns):
        raise _unreadable(path, f"line 1 has not the columns {', '.join(_COLUMNS)}")
    places = [columns.index(name) for name in _COLUMNS]
    for number, line in numbered:
        if line.strip():
            yield _from_csv(path, number, line, places)


def _numbered(path: Path, lines: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    for number in range(1, _MAX_ROWS + 2):
        line = lines.readline(_MAX_LINE)
        if not line:
            return
        if number > _MAX_ROWS or len(line) == _MAX_LINE:
            raise _unreadable(path, f"line {number} is beyond what is read")
        yield number, line


def _from_json(path: Path, number: int, text: str) -> Arrival:
    try:
        line = msgspec.json.decode(text, type=_Line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unreadable(path, f"line {number}: {str(error)[:120]}") from error
    return Arrival(round(line.timestamp * _NS_PER_MS), line.input_length, line.output_length)


def _from_csv(path: Path, number: int, text: str, places: Sequence[int]) -> Arrival:
    try:
        cells = next(csv.reader([text]))
        at, context, generated = (cells[place] for place in places)
        # Azure writes seven decimals; what is below a microsecond is beyond what datetime holds.
        row = msgspec.convert(
            {"at": _time(at), "input_tokens": int(context), "output_tokens": int(generated)}, _Row, strict=False
        )
    except (csv.Error, IndexError, ValueError, OverflowError, StopIteration) as error:
        raise _unreadable(path, f"line {number}: not a time and two numbers of tokens") from error
    since = row.at - _EPOCH
    return Arrival(
        ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000,
        row.input_tokens,
        row.output_tokens,
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip()[:26])
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} is not a trace: {why}",
        code="trace_unreadable",
        hint="CSV with TIMESTAMP, ContextTokens, GeneratedTokens; or JSON lines with timestamp, input_length, "
        "output_length",
    )

"""Recordings of what probes were answered, as JSON lines:

    {"batch": "2026-03-01T06:00:00Z", "probe": "capital", "output": "Paris", "logprobs": {"Paris": -0.1}}

A batch is what was asked together, such as a day: its rows have the same time, and may be in any order among others.
A probe has one row or several in a batch. `logprobs` may be left out.
"""

import codecs
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError

MOST_ROWS = 1_000_000
MOST_LINE_BYTES = 1 << 20
_MOST_TOKENS = 1_000
_SLACK = 0.01
"""Log-probabilities of certain tokens are a little above 0 where somebody rounded."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = 'a line is {"batch": ISO time, "probe": str, "output": str}; "logprobs": {token: number} where there are any'


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    batch: Annotated[str, Meta(min_length=4, max_length=64)]
    probe: Annotated[str, Meta(min_length=1, max_length=1_000)]
    output: str
    logprobs: Mapping[str, float] | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to one probe.

    Attributes:
        seconds: when its batch was, since 1970; a time without a zone is UTC.
        batch: that time as it was written.
        logprobs: log-probabilities of first tokens, none above 0; empty where none were told.
    """

    seconds: float
    batch: str
    probe: str
    output: str
    logprobs: Mapping[str, float]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one after the other: never more than a line is in memory.

    Raises:
        ConfigError: recording_invalid, with the line.
    """
    try:
        with path.open("rb") as file:
            yield from parse_rows(file, str(path))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", code="recording_invalid", hint="name a file of JSON lines"
        ) from error


def parse_rows(file: BinaryIO, name: str) -> Iterator[Row]:
    """The rows of what is open; `name` stands for it in errors.

    Raises:
        ConfigError: recording_invalid, with the line.
    """
    decoder = msgspec.json.Decoder(_Line)
    rows = 0
    for number, line in enumerate(iter(partial(file.readline, MOST_LINE_BYTES + 1), b""), 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if rows >= MOST_ROWS or number > 2 * MOST_ROWS or len(line) > MOST_LINE_BYTES:
            raise _invalid(name, number, f"is too much: {MOST_ROWS:,} lines of {MOST_LINE_BYTES:,} bytes at most")
        if line.strip():
            rows += 1
            yield _row(decoder, line, name, number)
    if not rows:
        raise ConfigError(f"{name} has no row", code="recording_invalid", hint=_HINT)


def _row(decoder: msgspec.json.Decoder[_Line], line: bytes, name: str, number: int) -> Row:
    try:
        found = decoder.decode(line)
        found.probe.encode()
        found.output.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(name, number, f"cannot be read: {error}") from error
    logprobs = found.logprobs or {}
    if len(logprobs) > _MOST_TOKENS or not all(map(_is_logprob, logprobs.values())):
        raise _invalid(name, number, f"has log-probabilities that are none, or more than {_MOST_TOKENS:,} of them")
    seconds = _seconds(found.batch)
    if seconds is None:
        raise _invalid(name, number, f"has a batch that is no ISO time: {found.batch!a}")
    return Row(seconds=seconds, batch=found.batch, probe=found.probe, output=found.output, logprobs=logprobs)


def _is_logprob(value: float) -> bool:
    return math.isfinite(value) and value <= _SLACK


def _seconds(text: str) -> float | None:
    """Seconds since 1970 of a date, or a date and time; None for what is neither."""
    if not text.isascii() or not text.isprintable():
        return None
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def _invalid(name: str, number: int, problem: str) -> ConfigError:
    return ConfigError(f"{name}, line {number}, {problem}"[:600], code="recording_invalid", hint=_HINT)

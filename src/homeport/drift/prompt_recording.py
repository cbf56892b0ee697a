"""Recordings of prompts, as JSON lines:

    {"day": "2026-03-01", "prompt": "May either party assign this agreement?", "id": "req_1"}

`day` is a date, or a time of it in UTC; rows may be in any order. Without an `id`, a row is named by its line. Of a day
with more prompts than are looked at, some are drawn by chance.
"""

import codecs
import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.drift.prompt_batches import MOST_PROMPTS
from homeport.embeddings.base import LONGEST

MOST_ROWS = 2_000_000
MOST_LINE_BYTES = 4 << 20
MOST_DAYS = 1_500
_HINT = 'a line is {"day": ISO date, "prompt": str}, with "id": str where you want to find it again'


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    day: Annotated[str, Meta(min_length=4, max_length=64)]
    prompt: str
    id: Annotated[str, Meta(max_length=200)] = ""


class RecordedPrompt(msgspec.Struct, frozen=True):
    """One prompt: the line it is in, its id, which several may have, or `line N`, and how its text begins."""

    line: int
    id: str
    text: str


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The prompts of a day that were drawn, and how many there were."""

    day: str
    asked: int
    prompts: tuple[RecordedPrompt, ...]


def read_days(path: Path) -> list[Day]:
    """The days of a file, the earliest first.

    Raises:
        ConfigError: recording_invalid, with the line; recording_too_large, beyond `MOST_DAYS`.
    """
    try:
        with path.open("rb") as file:
            return parse_days(file, str(path))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", code="recording_invalid", hint="name a file of JSON lines"
        ) from error


class _Drawn:
    """So many of a day's prompts, those with the smallest draws."""

    def __init__(self) -> None:
        self.asked = 0
        self.heap: list[tuple[int, int, RecordedPrompt]] = []

    def add(self, number: int, prompt: RecordedPrompt) -> None:
        self.asked += 1
        drawn = -int.from_bytes(blake2b(number.to_bytes(8, "big"), digest_size=8).digest())
        push = heapq.heappush if len(self.heap) < MOST_PROMPTS else heapq.heappushpop
        push(self.heap, (drawn, number, prompt))

    def day(self, name: str) -> Day:
        return Day(day=name, asked=self.asked, prompts=tuple(one for *_, one in sorted(self.heap, key=_line_number)))


def _line_number(entry: tuple[int, int, RecordedPrompt]) -> int:
    return entry[1]


def parse_days(file: BinaryIO, name: str) -> list[Day]:
    """The days of what is open; `name` stands for it in errors.

    Raises:
        ConfigError: as `read_days`.
    """
    days: dict[str, _Drawn] = {}
    for number, row in _rows(file, name):
        day = _day(row.day)
        if day is None:
            raise _invalid(name, number, f"has a day that is no ISO date: {row.day!a}")
        if day not in days and len(days) == MOST_DAYS:
            raise ConfigError(
                f"{name} has more than {MOST_DAYS:,} days", code="recording_too_large", hint="split the file by time"
            )
        drawn = days.setdefault(day, _Drawn())
        if any(character.isalnum() for character in row.prompt[:LONGEST]):
            drawn.add(number, RecordedPrompt(number, row.id or f"line {number}", row.prompt[: 4 * LONGEST]))
    if not days:
        raise ConfigError(f"{name} has no row", code="recording_invalid", hint=_HINT)
    return [days[day].day(day) for day in sorted(days)]


def _rows(file: BinaryIO, name: str) -> Iterator[tuple[int, _Line]]:
    decoder = msgspec.json.Decoder(_Line)
    rows = 0
    for number, line in enumerate(iter(partial(file.readline, MOST_LINE_BYTES + 1), b""), 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if rows >= MOST_ROWS or number > 2 * MOST_ROWS or len(line) > MOST_LINE_BYTES:
            raise _invalid(name, number, f"is too much: {MOST_ROWS:,} lines of {MOST_LINE_BYTES:,} bytes at most")
        if line.strip():
            rows += 1
            yield number, _decoded(decoder, line, name, number)


def _decoded(decoder: msgspec.json.Decoder[_Line], line: bytes, name: str, number: int) -> _Line:
    try:
        found = decoder.decode(line)
        found.prompt.encode()
        found.id.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(name, number, f"cannot be read: {error}") from error
    return found


def _day(text: str) -> str | None:
    """The date in UTC of a date, or a date and time; None for what is neither."""
    if not text.isascii() or not text.isprintable():
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date().isoformat()
    except (ValueError, OverflowError):
        return None


def _invalid(name: str, number: int, problem: str) -> ConfigError:
    return ConfigError(f"{name}, line {number}, {problem}"[:600], code="recording_invalid", hint=_HINT)

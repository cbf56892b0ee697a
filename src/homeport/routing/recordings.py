"""Recordings of what several models answered to the same prompts, as JSON lines.

    {"split": "train", "prompt": "...", "models": {"NAME": {"correct": 1, "logconf": -0.2, "cost_usd": 0.0001}}}

`logconf` is a log-probability that says how sure the model was; null stands for minus infinity. `split` is `train`
or `test`: what is fitted is fitted on `train` alone.
"""

import codecs
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError

_MOST_LINE_BYTES = 8 * 1024 * 1024
_MOST_ROWS = 200_000
_FARTHEST = 1e9
_KEPT_CHARS = 4_096
_RESULT = '{"correct":0|1,"logconf":number|null,"cost_usd":number}'
_HINT = f'a line is {{"split":"train|test","prompt":str,"models":{{"NAME":{_RESULT}}}}}'


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did on a prompt.

    Attributes:
        graded: 0 or 1, which some write as 0.0 or false; nothing between.
    """

    graded: Annotated[float, Meta(ge=0, le=1, multiple_of=1)] | bool = msgspec.field(name="correct")
    cost_usd: Annotated[float, Meta(ge=0)]
    logconf: float | None

    @property
    def correct(self) -> int:
        return int(self.graded)

    @property
    def confidence(self) -> float:
        """`logconf`, minus infinity where it is null; what no log-probability reaches is drawn in."""
        return -math.inf if self.logconf is None else min(max(self.logconf, -_FARTHEST), _FARTHEST)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt, and how each model did on it."""

    split: Literal["train", "test"]
    prompt: str
    models: Mapping[str, Result]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that have all of the models that were asked for.

    Attributes:
        models: as they were asked for; all there are where none was.
        skipped: rows that lack one of them.
    """

    models: tuple[str, ...]
    rows: tuple[Row, ...]
    skipped: int = 0

    def part(self, split: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.split == split)


def read_recording(path: Path, models: Sequence[str] | None = None) -> Recording:
    """Read a file. Long prompts keep their beginning and end.

    Args:
        models: of which rows are wanted; None for all that are there.

    Raises:
        ConfigError: recording_invalid, with the line; recording_model_unknown, with the models that are there.
    """
    try:
        with path.open("rb") as file:
            rows = list(_rows(file, path))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", code="recording_invalid", hint="name a file of JSON lines"
        ) from error
    if not rows:
        raise ConfigError(f"{path} has no row", code="recording_invalid", hint=_HINT)
    known = list(dict.fromkeys(name for row in rows for name in row.models))
    wanted = tuple(known if models is None else models)
    _check(path, wanted, known)
    whole = tuple(row for row in rows if all(name in row.models for name in wanted))
    return Recording(models=wanted, rows=whole, skipped=len(rows) - len(whole))


def _check(path: Path, wanted: Sequence[str], known: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ConfigError(
            f"{path} has no model {missing[0][:80]!a}",
            code="recording_model_unknown",
            hint=f"it has {', '.join(sorted(ascii(name[:80])[1:-1] for name in known)[:50])}",
        )
    if len(set(wanted)) < max(len(wanted), 2):
        raise ConfigError(
            "a cascade has two models or more, each once",
            code="recording_model_unknown",
            hint="--models WEAK,STRONG, the cheapest first",
        )


def _rows(file: BinaryIO, path: Path) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(Row)
    # Never more than a line at a time is read, nor more of it than it may have.
    for number, line in enumerate(iter(partial(file.readline, _MOST_LINE_BYTES + 1), b""), 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if number > _MOST_ROWS or len(line) > _MOST_LINE_BYTES:
            raise _invalid(path, number, f"is too much: {_MOST_ROWS:,} lines of {_MOST_LINE_BYTES:,} bytes at most")
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _invalid(path, number, f"cannot be read: {error}") from error
        if not all(math.isfinite(result.cost_usd) for result in row.models.values()):
            raise _invalid(path, number, "has a cost that is no number")
        yield row if len(row.prompt) <= _KEPT_CHARS else msgspec.structs.replace(row, prompt=_cut(row.prompt))


def _cut(prompt: str) -> str:
    return f"{prompt[: _KEPT_CHARS // 2]}\n{prompt[-_KEPT_CHARS // 2 :]}"


def _invalid(path: Path, number: int, problem: str) -> ConfigError:
    return ConfigError(f"{path}, line {number}, {problem}", code="recording_invalid", hint=_HINT)

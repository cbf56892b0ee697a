"""Rows to fit on: prompts, and how well each of several models answered them.

    {"prompt": "...", "models": {"small": {"correct": 0, ...}, "large": {"correct": 1, ...}}, "split": "train"}
    {"prompt": "...", "weak": 0, "strong": 1, "domain": "law", "contaminated": false}

The second form is RouteLLM's; its two-turn rows `{turns, category, weak: [9, 8], strong: [10, 9]}` are scores of a
judge from 1 to 10, and are routed by their first turn. Fields that are not named here are not read.
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated

import msgspec

from homeport.core.errors import ConfigError

_MOST_LINE = 8 * 1024 * 1024
_MOST_ROWS = 500_000
_JUDGED_OF = 10.0
_HINT = "docs/how-to/fit-a-router.md shows what a row looks like"

Quality = Annotated[float, msgspec.Meta(ge=0, le=1)]
Judged = Annotated[float, msgspec.Meta(ge=0, le=_JUDGED_OF)]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        quality: of each model's answer, from 0 to 1, in the order of `Rows.models`.
        group: what it belongs to, such as a subject; "" where nothing is said.
        held_out: of the split `test`, so nothing is fitted on it.
    """

    prompt: str
    quality: tuple[float, ...]
    group: str = ""
    held_out: bool = False


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, and the models of each, weakest first by their mean quality on all rows."""

    models: tuple[str, ...]
    rows: tuple[Row, ...]

    def means(self) -> tuple[float, ...]:
        """Mean quality by model."""
        sums = [0.0] * len(self.models)
        for row in self.rows:
            sums = [total + quality for total, quality in zip(sums, row.quality, strict=True)]
        return tuple(total / len(self.rows) for total in sums)

    def of(self, *, held_out: bool) -> "Rows":
        """Those that may be fitted on, or the others."""
        return Rows(models=self.models, rows=tuple(row for row in self.rows if row.held_out is held_out))


class _Told(msgspec.Struct, frozen=True):
    correct: Quality


class _Line(msgspec.Struct, frozen=True):
    prompt: str = ""
    turns: list[str] = []
    models: Mapping[str, _Told] = {}
    weak: Quality | list[Judged] | None = None
    strong: Quality | list[Judged] | None = None
    split: str = ""
    domain: str = ""
    category: str = ""
    contaminated: bool = False


def read_rows(path: Path, models: Sequence[str] = ()) -> Rows:
    """The rows of a file of JSON lines, which may be packed with gzip; rows that say `contaminated` are left out.

    Args:
        models: whose answers count; left out: those of the first row.

    Raises:
        ConfigError: rows_invalid, with the line, where the file or a row cannot be used.
    """
    wanted, rows = tuple(models), []
    for number, line in enumerate(_lines(path), 1):
        if number > _MOST_ROWS:
            raise _wrong(path, number, f"there are more than {_MOST_ROWS} rows")
        if not line.strip():
            continue
        told = _decoded(path, number, line)
        qualities = _qualities(told)
        wanted = wanted or tuple(qualities)
        if len({*wanted}) < 2:
            raise _wrong(path, number, "two models or more are needed to choose between them")
        if missing := [name for name in wanted if name not in qualities]:
            raise _wrong(path, number, f"the model {missing[0][:64]!r} is not in it")
        if not told.contaminated:
            rows.append(_row(told, tuple(qualities[name] for name in wanted)))
    if not rows:
        raise ConfigError(f"{path} has no row", code="rows_invalid", hint=_HINT)
    return _weakest_first(Rows(models=wanted, rows=tuple(rows)))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            while line := file.readline(_MOST_LINE):
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} cannot be read: {error}", code="rows_invalid", hint=_HINT) from error


def _opened(path: Path) -> "IO[bytes] | gzip.GzipFile":
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _decoded(path: Path, number: int, line: bytes) -> _Line:
    try:
        told = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, number, f"{error}") from error
    if not told.prompt and not told.turns:
        raise _wrong(path, number, "it has no `prompt`")
    if not told.models and ((not told.weak and told.weak != 0) or (not told.strong and told.strong != 0)):
        raise _wrong(path, number, "it has neither `models` nor `weak` and `strong`")
    return told


def _qualities(told: _Line) -> dict[str, float]:
    if told.models:
        return {name: model.correct for name, model in told.models.items()}
    return {"weak": _quality(told.weak), "strong": _quality(told.strong)}


def _quality(told: float | list[float] | None) -> float:
    return sum(told) / len(told) / _JUDGED_OF if isinstance(told, list) else told or 0.0


def _row(told: _Line, quality: tuple[float, ...]) -> Row:
    return Row(
        prompt=told.prompt or told.turns[0],
        quality=quality,
        group=told.domain or told.category,
        held_out=told.split == "test",
    )


def _weakest_first(rows: Rows) -> Rows:
    means = rows.means()
    places = sorted(range(len(means)), key=lambda place: means[place])
    if places == list(range(len(means))):
        return rows
    return Rows(
        models=tuple(rows.models[place] for place in places),
        rows=tuple(
            msgspec.structs.replace(row, quality=tuple(row.quality[place] for place in places)) for row in rows.rows
        ),
    )


def _wrong(path: Path, number: int, why: str) -> ConfigError:
    return ConfigError(f"{path}, line {number}: {why}", code="rows_invalid", hint=_HINT)

"""Recordings of what people and judges said of the same answers, as CSV, gzipped or not. Two kinds:

- battles: `id, pair, model_a, model_b, human_winner, judge, judge_pick`. The score of a battle is whether the model
  that is named first in `pair` (`X_vs_Y`) won: 1, 0, or one half for a tie. So the mean is that model's share of wins.
- verdicts: `dataset, item, human_label, judge, prompting, verdict_ab, verdict_ba_unswapped`. The score is whether
  the first output is the better one: 1 for `1`, 0 for `2`, one half for a tie. The judge saw both orders; its score is
  the mean of both, so one half where it changes its mind with the order. What it said of the turned order is recorded
  as of the order of `verdict_ab`.

A judge that said nothing, or a tie, has said neither: one half. To leave such rows out would change what the mean is
of. Rows that no person labelled have no truth: they are left out and counted.
"""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError

LEAST_ROWS = 50
"""A task with fewer labelled rows is not measured."""

_MOST_BYTES = 256 << 20
_MOST_ROWS = 1_000_000
_TIES = frozenset({"", "tie", "null", "none", "nan", "both", "both_bad", "tie (bothbad)", "neither", "c"})
_UNLABELLED = frozenset({"", "null", "none", "nan"})
_BATTLES = ("id", "pair", "model_a", "model_b", "human_winner", "judge", "judge_pick")
_VERDICTS = ("dataset", "item", "human_label", "judge", "prompting", "verdict_ab", "verdict_ba_unswapped")
_HINT = f"a CSV file with a header, {','.join(_BATTLES)} or {','.join(_VERDICTS)}"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A judge on a dataset: what people said of each row, and what the judge said, both between 0 and 1.

    Attributes:
        prompting: how the judge was asked; "" where the file does not say.
        unlabelled: rows left out, for no person labelled them.
        unsaid: verdicts that are none, or a tie; one of two orders counts as one.
    """

    file: str
    dataset: str
    judge: str
    prompting: str
    human: tuple[float, ...]
    scores: tuple[float, ...]
    unlabelled: int
    unsaid: int

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.dataset, self.judge, self.prompting) if part)


class _Row(msgspec.Struct, frozen=True):
    dataset: str
    item: str
    judge: str
    prompting: str
    human: float | None
    score: float
    unsaid: int


def read_tasks(path: Path) -> tuple[Task, ...]:
    """The tasks of a file, in the order in which they begin: each judge, and way of asking it, on each dataset.

    Datasets in one folder (`Processed/FairEval`, `Processed/MT-Bench`) are one dataset, named by the folder; one that
    is alone in its folder keeps its name.

    Raises:
        ConfigError: recording_invalid; the message names the line.
    """
    rows = list(_rows(path))
    if not rows:
        raise _invalid(f"{path} has no row")
    merged = _merged(row.dataset for row in rows)
    tasks: dict[tuple[str, str, str], list[_Row]] = {}
    for row in rows:
        tasks.setdefault((merged[row.dataset], row.judge, row.prompting), []).append(row)
    return tuple(_task(path, *key, own) for key, own in tasks.items())


def _task(path: Path, dataset: str, judge: str, prompting: str, rows: list[_Row]) -> Task:
    labelled = [(row.human, row.score) for row in rows if row.human is not None]
    return Task(
        file=path.name,
        dataset=dataset,
        judge=judge,
        prompting=prompting,
        human=tuple(human for human, _ in labelled),
        scores=tuple(score for _, score in labelled),
        unlabelled=len(rows) - len(labelled),
        unsaid=sum(row.unsaid for row in rows),
    )


def _merged(datasets: Iterable[str]) -> Mapping[str, str]:
    """By dataset, the name of the task's one."""
    folders: dict[str, set[str]] = {}
    for dataset in datasets:
        folders.setdefault(dataset.rpartition("/")[0] or dataset, set()).add(dataset)
    return {
        dataset: folder if len(together) > 1 else dataset
        for folder, together in folders.items()
        for dataset in together
    }


def _rows(path: Path) -> Iterator[_Row]:
    parse: Callable[[Mapping[str, str], str], _Row] | None = None
    header: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for number, cells in _lines(path):
        where = f"{path}, line {number}"
        if parse is None:
            header = [cell.strip() for cell in cells]
            parse = _parser(header, where, path)
            continue
        if len(cells) != len(header):
            raise _invalid(f"{where} has {len(cells)} cells, not {len(header)}")
        row = parse(dict(zip(header, (cell.strip() for cell in cells), strict=True)), where)
        key = (row.dataset, row.item, row.judge, row.prompting)
        if key in seen:
            raise _invalid(f"{where} is a second verdict of {row.judge[:80]!a} on {row.item[:80]!a}")
        seen.add(key)
        yield row


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line that each ends in; empty ones are left out."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    for count in itertools.count(1):
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _invalid(f"{path}, line {reader.line_num}, is no CSV: {error}") from error
        if cells is None:
            return
        if count > _MOST_ROWS:
            raise _invalid(f"{path} has more than {_MOST_ROWS:,} rows")
        if any(cells):
            yield reader.line_num, cells


def _text(path: Path) -> str:
    """A file's text, unpacked where it is gzipped."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise _invalid(f"{path} is no whole gzip file: {error}") from error
    if len(data) > _MOST_BYTES:
        raise _invalid(f"{path} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise _invalid(f"{path}, line {number}, is not in UTF-8") from error


def _parser(header: list[str], where: str, path: Path) -> Callable[[Mapping[str, str], str], _Row]:
    if len(set(header)) < len(header):
        raise _invalid(f"{where} names a column twice")
    if set(_BATTLES) <= set(header):
        dataset = path.name.removesuffix(".gz").removesuffix(".csv")
        return lambda cells, where: _battle(cells, where, dataset)
    if set(_VERDICTS) <= set(header):
        return _verdict
    raise _invalid(f"{where} is the header of no recording of judges")


def _battle(cells: Mapping[str, str], where: str, dataset: str) -> _Row:
    models = (cells["model_a"], cells["model_b"])
    first = cells["pair"].partition("_vs_")[0]
    if models[0] == models[1] or first not in models:
        raise _invalid(f"{where}: the first model of `pair` is not one of two models")
    sides = {"a": float(first == models[0]), "b": float(first == models[1])}
    winner = cells["human_winner"].lower().removeprefix("model_")
    pick = cells["judge_pick"].lower().removeprefix("model_")
    score = _score(pick, sides, where, "judge_pick")
    return _Row(
        dataset=dataset,
        item=_named(cells, "id", where),
        judge=_named(cells, "judge", where),
        prompting="",
        human=None if winner in _UNLABELLED else _score(winner, sides, where, "human_winner"),
        score=score,
        unsaid=int(pick in _TIES),
    )


def _verdict(cells: Mapping[str, str], where: str) -> _Row:
    sides = {"1": 1.0, "2": 0.0}
    label = _whole(cells["human_label"])
    said = [_whole(cells[name]) for name in ("verdict_ab", "verdict_ba_unswapped")]
    scores = [_score(verdict, sides, where, "verdict") for verdict in said]
    return _Row(
        dataset=_named(cells, "dataset", where),
        item=_named(cells, "item", where),
        judge=_named(cells, "judge", where),
        prompting=cells["prompting"],
        human=None if label in _UNLABELLED else _score(label, sides, where, "human_label"),
        score=sum(scores) / 2,
        unsaid=sum(verdict in _TIES for verdict in said),
    )


def _whole(cell: str) -> str:
    """Some write 1 as 1.0."""
    return cell.lower().removesuffix(".0")


def _score(said: str, sides: Mapping[str, float], where: str, column: str) -> float:
    if said in sides:
        return sides[said]
    if said in _TIES:
        return 0.5
    raise _invalid(f"{where}: {column} is {said[:40]!a}, not one of {', '.join(sides)}, a tie or nothing")


def _named(cells: Mapping[str, str], column: str, where: str) -> str:
    if not cells[column]:
        raise _invalid(f"{where}: {column} is empty")
    return cells[column]


def _invalid(message: str) -> ConfigError:
    return ConfigError(message, code="recording_invalid", hint=_HINT)

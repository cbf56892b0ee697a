"""Answers of two versions of a model to the same questions, graded: CSV files as those of LLMDrift.

Source of the data and of what is a good answer: Chen, Zaharia and Zou, "How is ChatGPT's behavior changing over
time?" (Harvard Data Science Review 6(2), 2024). A file has a row for each answer, with the columns `model` (a name
that ends with the version's month and day), `dataset`, `id`, `answer` and `ref_answer`; a column named "Directly
Usable" or "Response Rate" is a grade. Else an answer is good if it ends with the label of the reference; where the
reference is the same everywhere it is a matter of opinion, and good is an answer with any label.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError

_GRADES = ("Directly Usable", "Response Rate")
_NEEDED = ("model", "id", "answer")
_MOST_BYTES = 256 << 20
_MOST_ROWS = 200_000
_LEAST_INPUTS = 20
_VERSION = re.compile(r"^(?P<family>.+)-(?P<version>\d{4})$")
_LABELS = (
    re.compile(r"boxed\s*\{\s*([^{}]{1,40}?)\s*\}"),
    re.compile(r"\[\s*(yes|no)\s*\]", re.IGNORECASE),
    re.compile(r"^\W*(yes|no)\b", re.IGNORECASE),
    re.compile(r"^\W{0,4}\(?([A-Z])\)"),
)
_HINT = "see the table of folders in docs/reference/cli.md, `homeport bench drift`"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A model and a task, before and after.

    Attributes:
        before, after: grades (0 or 1) of the same inputs.
    """

    task: str
    model: str
    before: tuple[int, ...]
    after: tuple[int, ...]


def read_endpoints(folder: Path) -> tuple[Endpoint, ...]:
    """Every task and model of a folder's `*.csv` and `*.csv.gz` that was asked in two versions.

    Raises:
        ConfigError: recordings_missing; recording_invalid, with the file.
    """
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    found = [endpoint for path in paths for endpoint in _endpoints(path)]
    if not found:
        raise ConfigError(
            f"there are no answers of two versions of a model in {folder}",
            code="recordings_missing",
            hint="name the folder with --data: it has llmdrift/*.csv.gz",
        )
    return tuple(found)


def _endpoints(path: Path) -> Iterator[Endpoint]:
    rows = list(_rows(path))
    grade = _grader(rows)
    versions: dict[str, dict[str, dict[tuple[str, str], int]]] = {}
    for row in rows:
        named = _VERSION.match(row["model"])
        if named:
            graded = versions.setdefault(named["family"], {}).setdefault(named["version"], {})
            graded[row.get("dataset", ""), row["id"]] = grade(row)
    task = path.name.partition(".")[0].removesuffix("_EVAL").lower()
    for family, known in versions.items():
        if len(known) > 1:
            old, new = known[min(known)], known[max(known)]
            inputs = [one for one in old if one in new]
            if len(inputs) < _LEAST_INPUTS:
                raise _invalid(path, f"{family[:80]!a} has fewer than {_LEAST_INPUTS} inputs in common")
            before, after = tuple(old[one] for one in inputs), tuple(new[one] for one in inputs)
            yield Endpoint(task=task, model=family.rpartition("/")[2], before=before, after=after)


class _Grader:
    def __init__(self, column: str, by_reference: bool) -> None:
        self._column, self._by_reference = column, by_reference

    def __call__(self, row: Mapping[str, str]) -> int:
        if self._column:
            return int(row[self._column].strip() in ("1", "1.0", "True"))
        label = label_of(row["answer"])
        return int(bool(label) and (not self._by_reference or label == label_of(row["ref_answer"])))


def _grader(rows: Sequence[Mapping[str, str]]) -> _Grader:
    column = next((name for name in _GRADES if rows and name in rows[0]), "")
    return _Grader(column, len({row.get("ref_answer", "") for row in rows}) > 1)


def label_of(answer: str) -> str:
    """The label that an answer gives, lower case: the last of the first kind that it has; "" for none."""
    for pattern in _LABELS:
        found = pattern.findall(answer)
        if found:
            return str(found[-1]).strip().lower()
    return ""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows by their columns, none of them missing."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise _invalid(path, f"it has no column {missing[0]!r}")
        for row in reader:
            if reader.line_num > 10 * _MOST_ROWS:
                raise _invalid(path, f"it has more than {10 * _MOST_ROWS:,} lines")
            if None in row or None in row.values():
                raise _invalid(path, f"line {reader.line_num} has not as many columns as the first")
            yield row
    except csv.Error as error:
        raise _invalid(path, f"line {reader.line_num}: {error}") from error


def _text(path: Path) -> str:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise _invalid(path, f"it is larger than {_MOST_BYTES >> 20} MiB")
        return data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        raise _invalid(path, f"it cannot be read: {error}") from error


def _invalid(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path}: {problem}"[:600], code="recording_invalid", hint=_HINT)

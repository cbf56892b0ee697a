"""Labels as files: CSV with a head, or JSON lines, of people who label with other tools. Nothing is taken by halves.

Each line that cannot be used is named, with its number and a stable code; a file with one such line is not taken.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeGuard

import msgspec

from homeport.evaluation.jsonlines import LineError, decoder_of, numbered_lines
from homeport.ledger.export import safe_cell
from homeport.storage.labels import LEAST_RATING, MOST_NOTE, MOST_RATING, MOST_REVIEWER, MOST_SECONDS, Label

COLUMNS = ("request_id", "reviewer", "rating", "note", "labelled_at", "seconds")
NEEDED = COLUMNS[:3]
MOST_BYTES = 64 << 20
MOST_FAULTS = 100
_LONGEST_LINE = 64 << 10
_LONGEST_ID = 40
_SECOND_NS = 1_000_000_000


class Fault(msgspec.Struct, frozen=True):
    """A line that cannot be used, counted from 1."""

    line: int
    code: str
    message: str


class Read(msgspec.Struct, frozen=True):
    """Labels of a file with their lines, and its faults, at most a hundred."""

    labels: tuple[tuple[int, Label], ...]
    faults: tuple[Fault, ...]


class _Wrong(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_labels(data: bytes, *, is_csv: bool, now: int) -> Read:
    """The labels of a file.

    Args:
        now: nanoseconds since the epoch: when a label was made that does not say so.
    """
    found, faults, seen = list[tuple[int, Label]](), list[Fault](), dict[tuple[str, str], int]()
    for number, row in _csv_rows(data) if is_csv else _json_rows(data):
        try:
            if isinstance(row, _Wrong):
                raise row
            label = _label(row, now)
            first = seen.setdefault((label.request_id, label.reviewer), number)
            if first != number:
                raise _Wrong("label_repeated", f"line {first} has a label of this output by this reviewer")
            found.append((number, label))
        except _Wrong as wrong:
            faults.append(Fault(number, wrong.code, str(wrong)))
        if len(faults) >= MOST_FAULTS:
            break
    return Read(tuple(found), tuple(faults))


def check_labels(
    found: Sequence[tuple[int, Label]],
    drawn: Mapping[str, bool],
    ratings: Mapping[tuple[str, str], int],
    *,
    replace: bool = False,
) -> tuple[list[Label], list[Fault]]:
    """Which labels are new, and which cannot be taken into a database that has some already.

    Args:
        drawn: as `drawn_of` tells; `ratings`: as `ratings_of`.
        replace: a label that says another rating takes the place of the one there is.
    """
    new, faults = list[Label](), list[Fault]()
    for number, label in found:
        there = ratings.get((label.request_id, label.reviewer))
        if label.request_id not in drawn:
            faults.append(Fault(number, "output_unknown", "no such output was measured here, or it is forgotten"))
        elif not drawn[label.request_id]:
            faults.append(Fault(number, "output_not_drawn", "it was not drawn for people, so no estimate can weigh it"))
        elif there is not None and there != label.rating and not replace:
            faults.append(Fault(number, "label_exists", f"this reviewer has given it a {there}"))
        elif there != label.rating:
            new.append(label)
    return new, faults[:MOST_FAULTS]


def write_labels(out: TextIO, found: Iterable[Label], *, is_csv: bool) -> int:
    """Write labels as they are read; how many."""
    return _write(out, (as_plain(label) for label in found), COLUMNS, is_csv=is_csv)


def write_items(out: TextIO, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, is_csv: bool) -> int:
    """Write outputs that wait for labels; how many. In CSV, what is no text is JSON."""
    return _write(out, rows, columns, is_csv=is_csv)


def as_plain(label: Label) -> dict[str, Any]:
    """For programs; `labelled_at` in seconds since the epoch."""
    return {**msgspec.structs.asdict(label), "labelled_at": label.labelled_at / _SECOND_NS}


def _write(out: TextIO, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, is_csv: bool) -> int:
    count = 0
    writer = csv.writer(out) if is_csv else None
    if writer is not None:
        writer.writerow(columns)
    for row in rows:
        if writer is not None:
            writer.writerow([_cell(row.get(name)) for name in columns])
        else:
            out.write(json.dumps({name: row.get(name) for name in columns}) + "\n")
        count += 1
    return count


def _cell(value: Any) -> Any:
    return safe_cell(json.dumps(value) if isinstance(value, list | dict) else value)


def _json_rows(data: bytes) -> Iterator[tuple[int, Mapping[str, Any] | _Wrong]]:
    decode: Callable[[int, bytes], dict[str, Any]] = decoder_of(dict[str, Any])
    try:
        for number, line in numbered_lines(io.BytesIO(data), _LONGEST_LINE):
            try:
                yield number, decode(number, line)
            except LineError as error:
                yield number, _Wrong("line_unreadable", error.why)
    except LineError as error:  # it is too long, and nothing after it can be read
        yield error.number, _Wrong("line_too_long", error.why)


def _csv_rows(data: bytes) -> Iterator[tuple[int, Mapping[str, Any] | _Wrong]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield data[: error.start].count(b"\n") + 1, _Wrong("line_unreadable", "it is not UTF-8")
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    lines = reader.reader
    try:
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            yield 1, _Wrong("columns_missing", f"the head has no column {', '.join(missing)}")
            return
        for row in reader:
            yield reader.line_num, _of_spreadsheet(row)
    except csv.Error as error:
        yield lines.line_num or 1, _Wrong("line_unreadable", str(error))


def _of_spreadsheet(row: Mapping[Any, Any]) -> Mapping[str, Any] | _Wrong:
    if None in row or None in row.values():
        return _Wrong("line_unreadable", "it has more or fewer fields than the head")
    fields = {name: _bare(text) for name, text in row.items() if text != "" or name == "note"}
    return {
        **fields,
        **{name: _number(fields[name]) for name in ("rating", "labelled_at", "seconds") if name in fields},
    }


def _bare(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from running it."""
    return text[1:] if text.startswith("'") and safe_cell(text[1:]) == text else text


def _number(text: str) -> Any:
    """The number that a field says; the text where it says none."""
    try:
        return float(text) if text.isascii() else text
    except ValueError:
        return text


def _label(row: Mapping[str, Any], now: int) -> Label:
    """Raises _Wrong."""
    for name in NEEDED:
        if row.get(name) in (None, ""):
            raise _Wrong("field_missing", f"it has no {name}")
    return Label(
        request_id=_text(row, "request_id", _LONGEST_ID, "request_invalid"),
        reviewer=_text(row, "reviewer", MOST_REVIEWER, "reviewer_invalid"),
        rating=_rating(row["rating"]),
        note=_note(row.get("note")),
        labelled_at=_time(row.get("labelled_at"), now),
        seconds=_seconds(row.get("seconds")),
    )


def _text(row: Mapping[str, Any], name: str, most: int, code: str) -> str:
    text = row[name]
    if not isinstance(text, str) or not text.isprintable() or text != text.strip() or len(text) > most:
        raise _Wrong(code, f"{name} is no plain text of at most {most} characters")
    return text


def _rating(value: Any) -> int:
    if not _is_number(value) or value not in range(LEAST_RATING, MOST_RATING + 1):
        raise _Wrong("rating_invalid", f"a rating is a whole number from {LEAST_RATING} to {MOST_RATING}")
    return int(value)


def _note(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise _Wrong("note_invalid", "a note is text")
    if len(value) > MOST_NOTE:
        raise _Wrong("note_too_long", f"a note has at most {MOST_NOTE:,} characters")
    return value


def _time(value: Any, now: int) -> int:
    if value is None:
        return now
    if not _is_number(value) or not 0 < value * _SECOND_NS <= now:
        raise _Wrong("time_invalid", "labelled_at is in seconds since 1970, and not in the future")
    return round(value * _SECOND_NS)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= MOST_SECONDS:
        raise _Wrong("seconds_invalid", "seconds is how long somebody looked, a day at most")
    return float(value)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

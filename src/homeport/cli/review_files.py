"""`homeport review export` and `import`: answers to be labelled elsewhere, and labels, as CSV or JSON lines."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.bootstrap.capture import body_store
from homeport.cli.context import Context, Json
from homeport.cli.review import plain_item, rules_of
from homeport.core.errors import ConfigError, InvalidRequest
from homeport.evaluation.label_files import MOST_BYTES, Fault, check_labels, read_labels, write_items, write_labels
from homeport.inspection.visible import visible_line
from homeport.storage.labels import drawn_of, every_label, put_labels, ratings_of
from homeport.storage.review_queue import waiting

_ITEM_COLUMNS = ("request_id", "messages", "answer", "tool_calls")
_TOLD = 10


def register(app: typer.Typer) -> None:
    app.command("export")(export)
    app.command("import")(import_)


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file to write: CSV where its name ends in .csv, else JSON lines.")],
    items: Annotated[
        bool, typer.Option("--items", help="Answers that wait for labels, with what was said, in place of labels.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many answers at most.")] = 1_000,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write all labels to a file, or answers that wait for labels, to label them with another tool.

    Example: homeport review export waiting.jsonl --items
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    is_csv, now = _is_csv(out), time.time_ns()
    try:
        with out.open("w" if force else "x", encoding="utf-8", newline="") as file:
            if items:
                count = write_items(file, _items(state, limit, now), _ITEM_COLUMNS, is_csv=is_csv)
            else:
                count = write_labels(file, every_label(engine, 0, now + 1), is_csv=is_csv)
    except FileExistsError:
        raise ConfigError(
            f"{ascii(str(out))[:200]} is there already", code="labels_exist", hint="name another file, or say --force"
        ) from None
    if json:
        state.print_json({"file": str(out), "items" if items else "labels": count})
    else:
        what = "answers that wait" if items else "labels"
        state.console.print(f"{count:,} {what} are in {escape(str(out))}.", soft_wrap=True)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a head where its name ends in .csv, else JSON lines.")],
    replace: Annotated[bool, typer.Option("--replace", help="Take ratings that differ from those there are.")] = False,
    json: Json = False,
) -> None:
    """Take labels that were made with other tools: all of a file, or none of it.

    Each has request_id, reviewer and rating (1 to 5), and may have note, labelled_at and seconds.

    Example: homeport review import labels.csv
    """
    state: Context = context.obj
    read = read_labels(_data(file), is_csv=_is_csv(file), now=time.time_ns())
    engine = bootstrap.open_storage(state.settings, state.home)
    ids = sorted({label.request_id for _, label in read.labels})
    new, more = check_labels(read.labels, drawn_of(engine, ids), ratings_of(engine, ids), replace=replace)
    faults = sorted([*read.faults, *more], key=lambda fault: fault.line)
    if faults:
        _refuse(state, faults, json)
    put_labels(engine, new)
    state.note("review.import", file.name, labels=len(new), file_labels=len(read.labels), replace=replace)
    told = {"imported": len(new), "known": len(read.labels) - len(new), "faults": []}
    if json:
        state.print_json(told)
    else:
        state.console.print(f"{told['imported']:,} labels are taken; {told['known']:,} were here already.")


def _items(state: Context, limit: int, now: int) -> Iterator[dict[str, Any]]:
    engine, bodies = bootstrap.open_storage(state.settings, state.home), body_store(state.settings, state.home)
    for one in waiting(engine, rules_of(state), now, limit):
        kept = bodies.get(one.request_id) if bodies.has(one.request_id, one.started_at) else None
        if kept is not None:
            yield plain_item(kept)


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith(".csv")


def _data(path: Path) -> bytes:
    """Raises ConfigError labels_unreadable or labels_too_large."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{ascii(str(path))[:200]} cannot be read: {error.strerror}",
            code="labels_unreadable",
            hint="name a file of JSON lines, or a .csv",
        ) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"{ascii(str(path))[:200]} is larger than {MOST_BYTES >> 20} MiB",
            code="labels_too_large",
            hint="split it",
        )
    return data


def _refuse(state: Context, faults: Sequence[Fault], json: bool) -> NoReturn:
    """Raises InvalidRequest labels_refused, or ends with 1 after the JSON."""
    if json:
        state.print_json({"imported": 0, "known": 0, "faults": msgspec.to_builtins(list(faults))})
        raise typer.Exit(1)
    for fault in faults[:_TOLD]:
        state.console.print(
            f"line {fault.line}: {escape(visible_line(fault.message, 300))} ({fault.code})", soft_wrap=True
        )
    if len(faults) > _TOLD:
        state.console.print(f"and {len(faults) - _TOLD} further lines")
    raise InvalidRequest(
        "no label is taken: the file has lines that cannot be used",
        code="labels_refused",
        hint="mend these lines, and import the file again",
    )

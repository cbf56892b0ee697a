"""`homeport bench privacy`: what recognizers find and miss on labelled texts, and what they find where nothing is."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.core import discovery
from homeport.core.errors import ConfigError
from homeport.privacy.measure import (
    Clean,
    Row,
    Share,
    TypeResult,
    clean,
    confusion,
    measure,
    read_lines,
    read_rows,
    texts_of,
    time_per_kb,
)
from homeport.privacy.recognize import RECOGNIZERS, Recognizers, load_recognizers

_LABELLED = "presidio_synth_pii.jsonl.gz"
_ROUTES = "prism_privacy_routes.jsonl.gz"
_PROSE = {
    "contracts/plain_english_contracts.jsonl": ("original_text",),
    "routing/routellm_gsm8k.jsonl.gz": ("prompt",),
    "routing/routellm_mtbench.jsonl.gz": ("turns",),
    "routing/routellm_mmlu.jsonl.gz": ("prompt",),
}
_MOST_TEXTS = 2_000


def register(app: typer.Typer) -> None:
    app.command()(privacy)


def privacy(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option(help="Labelled texts: JSON lines of {text, spans}.")] = None,
    json: Json = False,
) -> None:
    """Look for private data in labelled texts: recall and precision by type, with 95 % intervals, and false alarms.

    Without --file the texts in privacy/ of $HOMEPORT_DATA, or of ../shared/data, are taken, and prose and prompts
    beside them for false alarms, at most 2,000 texts of each file.

    Example: homeport bench privacy --json
    """
    state: Context = context.obj
    data = state.environment.data or Path("../shared/data")
    rows = read_rows(file or data / "privacy" / _LABELLED)
    every, default = load_recognizers(discovery.discover(RECOGNIZERS)), load_recognizers()
    types = measure(rows, every)
    prose = {"texts without labels": clean((row.text for row in rows if not row.spans), default)}
    routes: Mapping[str, Mapping[str, int]] = {}
    if file is None:
        prose |= _prose(data, default)
        routes = _routes(data / "privacy" / _ROUTES, default)
    microseconds = time_per_kb(_long_texts(rows), default, time.thread_time_ns)
    if json:
        state.print_json(
            {
                "rows": len(rows),
                "types": msgspec.to_builtins(types),
                "false_alarms": msgspec.to_builtins(prose),
                "routes": routes,
                "microseconds_per_kb": microseconds,
            }
        )
        return
    state.console.print(_table(types))
    state.console.print(_alarms(prose))
    for route, counts in routes.items():
        state.console.print(f"route {route}: {counts['local_only']} would stay at home, {counts['allow']} not")
    state.console.print(f"{microseconds:.0f} microseconds of CPU for each kB, with the recognizers of /v1/moderations")


def _prose(data: Path, recognizers: Recognizers) -> Mapping[str, Clean]:
    return {
        name: clean(list(texts_of(data / name, *fields))[:_MOST_TEXTS], recognizers)
        for name, fields in _PROSE.items()
        if (data / name).exists()
    }


def _routes(path: Path, recognizers: Recognizers) -> Mapping[str, Mapping[str, int]]:
    return confusion(_routed(path), recognizers) if path.exists() else {}


def _routed(path: Path) -> Iterator[tuple[str, str]]:
    for line in read_lines(path):
        try:
            row: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ConfigError(f"{path} has a line that is no JSON", code="recording_invalid") from error
        yield str(row["prompt"]), str(row.get("route") or "unlabelled")


def _long_texts(rows: tuple[Row, ...]) -> Iterator[str]:
    """Texts of about 32 kB, as prompts with much context have."""
    joined = "\n".join(row.text for row in rows)
    return (joined[start : start + 32_768] for start in range(0, len(joined), 32_768))


def _table(types: Mapping[str, TypeResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("type", "spans", "recall", "with a checksum that agrees", "precision", "F1", "target"):
        table.add_column(name, justify="left" if name == "type" else "right")
    for name, result in types.items():
        if not result.spans and not result.precision.of:
            continue
        target = "" if result.met is None else f"{result.target:.2f} {'met' if result.met else 'MISSED'}"
        valid, f1 = _told(result.recall_valid), "" if result.f1 is None else f"{result.f1:.3f}"
        told = (_told(result.recall), valid, _told(result.precision), f1, target)
        table.add_row(name if result.recognizers else f"{name} (not looked for)", str(result.spans), *told)
    return table


def _alarms(prose: Mapping[str, Clean]) -> Table:
    table = Table(title="False alarms", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("texts of", "texts", "with a finding", "of"):
        table.add_column(name, justify="right" if name in ("texts", "with a finding") else "left")
    for name, result in prose.items():
        kinds = ", ".join(f"{kind} {count}" for kind, count in result.recognizers.items())
        table.add_row(name, str(result.texts), _told(result.alarms), kinds)
    return table


def _told(share: Share | None) -> str:
    return "" if share is None or share.value is None else f"{share.value:.3f} ({share.low:.3f}-{share.high:.3f})"

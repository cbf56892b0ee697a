"""`homeport quality judge`: what the judge has graded, what waits, and what it costs."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.core.money import format_usd
from homeport.storage.judgements import Judged, JudgeEpoch, judged_in, known_epochs
from homeport.storage.published import read_published
from homeport.storage.standing_judge import JudgeStanding

_SECOND = 1_000_000_000
_OFF = "No judge is at work: evaluation.judge names one, and the jobs worker (homeport up) asks it."
_STATES = {
    "worked": "it is at work",
    "idle": "it waits for outputs",
    "capped": "what a day may cost is spent; it goes on at midnight (UTC)",
    "unpriced": "its price is not known, so it is not asked",
    "held": "it could not be asked; it is tried again",
}


def register(app: typer.Typer) -> None:
    app.command("judge")(judge)


def judge(context: typer.Context, json: Json = False) -> None:
    """How the judge stands: what it graded in each epoch, what waits, and what it cost today (UTC).

    A new model, revision, rubric or prompt begins an epoch; grades of two epochs are not compared.

    Example: homeport quality judge
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    standing = read_published(state.home.judge, JudgeStanding, time.time_ns())
    rows = [(epoch, judged_in(engine, epoch.epoch)) for epoch in known_epochs(engine)]
    if json:
        epochs = [{**msgspec.structs.asdict(epoch), **msgspec.structs.asdict(judged)} for epoch, judged in rows]
        state.print_json({"standing": None if standing is None else _plain(standing), "epochs": epochs})
        return
    _show(state.console, standing)
    if rows:
        state.console.print(_table(rows, "" if standing is None else standing.epoch))


def _plain(standing: JudgeStanding) -> dict[str, object]:
    told = msgspec.structs.asdict(standing)
    del told["stale_at"]
    return told


def _show(console: Console, standing: JudgeStanding | None) -> None:
    if standing is None:
        console.print(_OFF)
        return
    why = f" ({standing.why})" if standing.why else ""
    console.print(
        f"{escape(standing.model)}, by {escape(standing.rubric)} v{standing.rubric_version}: "
        f"{_STATES.get(standing.state, standing.state)}{escape(why)}"
    )
    most = "no cap" if standing.most is None else f"of ${format_usd(standing.most)}"
    console.print(f"{standing.waiting:,} outputs wait; today it cost ${format_usd(standing.spent)}, {most}.")


def _table(rows: Sequence[tuple[JudgeEpoch, Judged]], now: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("epoch", "since", "model", "rubric"):
        table.add_column(heading, overflow="fold")
    for heading in ("outputs", "no verdict", "mean score", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for epoch, judged in rows:
        table.add_row(
            f"{epoch.epoch}{' *' if epoch.epoch == now else ''}",
            f"{datetime.fromtimestamp(epoch.began_at // _SECOND, UTC):%Y-%m-%d %H:%M}",
            escape(epoch.model),
            escape(f"{epoch.rubric} v{epoch.rubric_version}"),
            f"{judged.outputs:,}",
            f"{judged.unread:,}",
            "-" if judged.mean is None else f"{judged.mean:.3f}",
            f"${format_usd(judged.cost)}",
        )
    return table

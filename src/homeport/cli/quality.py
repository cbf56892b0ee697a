"""`homeport quality`: what outputs scored by automatic metrics."""

import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.cost import stretch
from homeport.stats.proportions import wilson
from homeport.storage.score_figures import MetricFigure, SampleFigure, metric_figures, sample_figures

_NOTHING = "No output was measured: evaluation.enabled switches it on, and the jobs worker needs a moment."


app = typer.Typer()


@app.callback(invoke_without_command=True)
def quality(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only the last 24h, 7d, ...; whole hours. Left out: all.")] = None,
    json: Json = False,
) -> None:
    """What outputs scored by automatic metrics, by route, with 95 % intervals of the shares that fail.

    Example: homeport quality --since 24h
    """
    if context.invoked_subcommand is not None:
        return
    state: Context = context.obj
    start, _ = stretch(since, None)
    engine = bootstrap.open_storage(state.settings, state.home)
    now = time.time_ns()
    metrics, samples = metric_figures(engine, start, now), sample_figures(engine, start, now)
    if json:
        state.print_json({"metrics": [_plain(row) for row in metrics], "outputs": [_sampled(row) for row in samples]})
    elif not samples:
        state.console.print(_NOTHING)
    else:
        state.console.print(_outputs(samples))
        state.console.print(_metrics(metrics))


def _outputs(rows: Sequence[SampleFigure]) -> Table:
    table = _table("tier", "model", numbers=("outputs", "read", "low", "for the judge", "for people"))
    for row in rows:
        shares = (
            f"{count:,} ({count / row.outputs:.1%})" for count in (row.kept, row.low, row.for_judge, row.for_human)
        )
        table.add_row(escape(row.tier), escape(row.target), f"{row.outputs:,}", *shares)
    return table


def _metrics(rows: Sequence[MetricFigure]) -> Table:
    table = _table("tier", "model", "metric", numbers=("outputs", "mean", "fail"))
    for row in sorted(rows, key=lambda one: (one.tier, one.target, one.metric, one.version)):
        names = (escape(row.tier), escape(row.target), f"{row.metric} v{row.version}")
        table.add_row(*names, f"{row.outputs:,}", f"{row.mean:,.3f}", _share(row))
    return table


def _table(*names: str, numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in names:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _share(row: MetricFigure) -> str:
    low, high = wilson(row.failed, row.judged)
    return f"{row.failed / row.judged:.1%} ({low:.1%} to {high:.1%})" if row.judged else "-"


def _plain(row: MetricFigure) -> dict[str, object]:
    interval = wilson(row.failed, row.judged) if row.judged else None
    return {**msgspec.structs.asdict(row), "failed_share": row.failed_share, "failed_share_interval": interval}


def _sampled(row: SampleFigure) -> dict[str, object]:
    shares = {f"{name}_share": getattr(row, name) / row.outputs for name in ("kept", "low", "for_judge", "for_human")}
    return {**msgspec.structs.asdict(row), **shares}

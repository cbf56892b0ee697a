"""`homeport feedback`: what was said of answers."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.cost import stretch
from homeport.jobs.signals import Signals
from homeport.stats.proportions import wilson
from homeport.storage.feedback import Said, said_of_tiers
from homeport.storage.ingest import ingest

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS


def register(app: typer.Typer) -> None:
    app.command()(feedback)


def feedback(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only the last 30m, 24h, 7d, ...")] = None,
    json: Json = False,
) -> None:
    """What was said of answers, by tier and by who said it, with 95 % intervals.

    Example: homeport feedback --since 7d
    """
    state: Context = context.obj
    start, _ = stretch(since, None)
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    learn = state.settings.routing.learn
    signals = Signals(engine, retry_ns=learn.retry_seconds * _SECOND_NS, keep_ns=learn.keep_days * _DAY_NS)
    signals.look(time.time_ns())
    rows = said_of_tiers(engine, start)
    if json:
        state.print_json({"tiers": [_plain(row) for row in rows]})
    elif not rows:
        state.console.print("Nothing was said of any answer: POST /v1/feedback.")
    else:
        state.console.print(_table(rows))


def _table(rows: Sequence[Said]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("tier", "source"):
        table.add_column(heading, overflow="fold")
    for heading in ("answers", "rated", "good", "bad", "bad of answers", "bad of rated"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        counts = (row.answers, row.rated, row.good, row.bad)
        shares = (_share(row.bad, row.answers), _share(row.bad, row.rated))
        table.add_row(row.tier or "(none)", row.source, *[f"{count:,}" for count in counts], *shares)
    return table


def _share(hits: int, of: int) -> str:
    low, high = wilson(min(hits, of), of)
    return f"{hits / of:.1%} ({low:.1%} to {high:.1%})" if of else "-"


def _plain(row: Said) -> dict[str, object]:
    return {
        "tier": row.tier,
        "source": row.source,
        "answers": row.answers,
        "rated": row.rated,
        "good": row.good,
        "bad": row.bad,
        "bad_share_of_rated": row.bad / row.rated,
        "bad_share_of_rated_interval": wilson(row.bad, row.rated),
        "bad_share_of_answers": row.bad / row.answers if row.answers else None,
        "bad_share_of_answers_interval": wilson(min(row.bad, row.answers), row.answers),
    }

"""`homeport cost-change`: what changed since last week."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, Project
from homeport.core.errors import ConfigError
from homeport.core.money import format_usd
from homeport.ledger.change import Change, Factor, Use, explain, period
from homeport.storage.ingest import ingest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK = 7 * 86_400 * 1_000_000_000
_MODELS = 10
_WORDS: Mapping[Factor, str] = {
    Factor.VOLUME: "more or fewer requests",
    Factor.MIX: "other models",
    Factor.TOKENS: "tokens per request",
    Factor.PRICE: "cost per token",
}


def register(app: typer.Typer) -> None:
    app.command(name="cost-change")(cost_change)


def cost_change(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option("--from", help="Where the later period begins: 2026-11-15, or 2026-11-15T08:00, UTC.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Just before this it ends. Left out: now.")] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Why the cost changed, against the period of the same length just before. Left out: this week, 7 days.

    Example: homeport cost-change --from 2026-11-15 --to 2026-11-22
    """
    state: Context = context.obj
    end = time.time_ns() if until is None else _time(until)
    start = end - _WEEK if since is None else _time(since)
    if start >= end or 2 * start < end:
        raise ConfigError(
            "the period is empty or begins before there was time", code="period_invalid", hint="--from before --to"
        )
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)  # so that a request which ended just now is counted
    before = period(engine, 2 * start - end, start, project)
    found = explain(before, period(engine, start, end, project))
    if json:
        state.print_json({"from": start, "to": end, "before_from": 2 * start - end, **_plain(found)})
    else:
        _print(state, found)


def _time(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
        # In UTC before the difference: a time zone may carry a date beyond what there is.
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise _no_time(text) from error
    if not timedelta() <= since < timedelta(days=80_000):
        raise _no_time(text)
    return since // timedelta(microseconds=1) * 1_000


def _no_time(text: str) -> ConfigError:
    return ConfigError(
        f"{text[:64]!r} is not a date", code="period_invalid", hint="write it as 2026-11-15 or 2026-11-15T08:00, in UTC"
    )


def _plain(found: Change) -> dict[str, object]:
    return {
        "before_nanodollars": found.before,
        "after_nanodollars": found.after,
        "change_nanodollars": found.after - found.before,
        "change_usd": format_usd(found.after - found.before),
        "parts_nanodollars": found.parts,
        "models": [
            {
                "model": model.model,
                "before": msgspec.structs.asdict(model.before),
                "after": msgspec.structs.asdict(model.after),
                "parts_nanodollars": model.parts,
            }
            for model in found.models
        ],
    }


def _print(state: Context, found: Change) -> None:
    parts = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    parts.add_column("because of")
    parts.add_column("$", justify="right", no_wrap=True)
    for factor in Factor:
        parts.add_row(_WORDS[factor], _signed(found.parts[factor]), end_section=factor is Factor.PRICE)
    parts.add_row("change", _signed(found.after - found.before))
    state.console.print(f"before ${format_usd(found.before)}, after ${format_usd(found.after)}")
    state.console.print(parts)
    models = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    models.add_column("model", overflow="fold")
    for heading in ("requests", "tokens each", "$ before", "$ after", "change"):
        models.add_column(heading, justify="right", no_wrap=True)
    for model in found.models[:_MODELS]:
        models.add_row(
            model.model or "(none)",
            f"{model.before.requests:,} > {model.after.requests:,}",
            f"{_each(model.before)} > {_each(model.after)}",
            format_usd(model.before.cost),
            format_usd(model.after.cost),
            _signed(model.after.cost - model.before.cost),
        )
    state.console.print(models)


def _each(use: Use) -> str:
    return f"{use.tokens // use.requests:,}" if use.requests else "-"


def _signed(nanos: int) -> str:
    return f"+{format_usd(nanos)}" if nanos > 0 else format_usd(nanos)

"""`homeport cost`: what was spent."""

import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport import bootstrap
from homeport.cli import engine_cost
from homeport.cli.context import Context, Json, Project, check_text
from homeport.cli.spans import seconds_of
from homeport.core.errors import ConfigError
from homeport.core.money import format_usd
from homeport.ledger.months import Month
from homeport.ledger.periods import Stretch
from homeport.ledger.reports import GROUPS, Spend, spend
from homeport.ledger.sources import Only
from homeport.storage.ingest import ingest


def register(app: typer.Typer) -> None:
    app.command()(cost)


def cost(
    context: typer.Context,
    by: Annotated[str, typer.Option(help=f"Group by: {', '.join(GROUPS)}.")] = "tier",
    since: Annotated[str | None, typer.Option(help="Only the last 30m, 24h, 7d, ...")] = None,
    month: Annotated[str | None, typer.Option(help="Only this calendar month, in UTC, such as 2026-11.")] = None,
    project: Project = "",
    key: Annotated[str, typer.Option(callback=check_text, help="Only the key with this id.")] = "",
    model: Annotated[str, typer.Option(callback=check_text, help="Only what this model answered.")] = "",
    engines: Annotated[
        bool, typer.Option("--engines", help="Show your own engines: what they cost, used and idle.")
    ] = False,
    json: Json = False,
) -> None:
    """Requests, tokens and cost, from every request the gateway has finished.

    Example: homeport cost --by model --since 24h
    """
    state: Context = context.obj
    if by not in GROUPS:
        raise ConfigError(f"cannot group by {by[:64]!r}", code="group_unknown", hint=f"use: {', '.join(GROUPS)}")
    start, end = stretch(since, month)
    only = Only(project=project, key_id=key, model=model)
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)  # so that a request which ended just now is counted
    if engines:
        engine_cost.show(state, engine, start, end, json=json)
        return
    (total,) = spend(engine, since_ns=start, until_ns=end, only=only)
    groups = spend(engine, by=by, since_ns=start, until_ns=end, only=only)
    if json:
        state.print_json({**_plain(total), "by": by, "groups": [_plain(group) for group in groups]})
    else:
        state.console.print(_table(by, groups, total))


def stretch(since: str | None, month: str | None) -> Stretch | tuple[int, None]:
    """The time that is asked about: the last so long, a month, or always. Raises ConfigError."""
    if since is not None and month is not None:
        raise ConfigError("--since and --month exclude each other", code="since_invalid", hint="leave one out")
    if month is not None:
        asked = Month.parse(month)
        return asked.start_ns, asked.plus(1).start_ns
    return _since(since), None


def _table(by: str, groups: Sequence[Spend], total: Spend) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(by, overflow="fold")
    headings = ["requests", "tokens in", "tokens out", "mean s", "cost $", "$ a query", "p50", "p95", "p99"]
    compared = total.baseline_cost > 0
    for heading in (*headings, *(["saved $"] if compared else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    table.caption = "\n".join(_said_below(total)) or None
    for row in (*groups, total):
        table.add_row(
            row.group or "(none)",
            f"{row.requests:,}",
            f"{row.input_tokens:,}",
            f"{row.output_tokens:,}",
            f"{row.mean_latency_ns / 1e9:.2f}",
            format_usd(row.cost),
            *[_usd(amount) or "-" for amount in (row.query.mean, row.query.p50, row.query.p95, row.query.p99)],
            *([_saved(row) or "-"] if compared else []),
            end_section=row is groups[-1] if groups else False,
        )
    return table


def _said_below(total: Spend) -> Iterator[str]:
    if total.baseline_cost > 0:
        yield (
            f"saved: what {format_usd(total.compared_cost)} $ of answers would have cost at your strongest remote tier "
            f"({format_usd(total.baseline_cost)} $), less what they cost"
        )
    if total.hit_rate is not None:
        yield (
            f"saved by the cache: {format_usd(total.saved_cost)} $, which nobody spent; it answered "
            f"{total.cache_hits:,} of {total.cache_asked:,} requests that asked it ({total.hit_rate:.1%})"
        )


def _plain(row: Spend) -> dict[str, object]:
    fields = msgspec.structs.asdict(row)
    nanodollars, local = fields.pop("cost"), fields.pop("local_cost")
    baseline, compared = fields.pop("baseline_cost"), fields.pop("compared_cost")
    asked, hits, cache_saved = (fields.pop(name) for name in ("cache_asked", "cache_hits", "saved_cost"))
    query = {f"{name}_usd": _usd(amount) for name, amount in msgspec.structs.asdict(fields.pop("query")).items()}
    return {
        **fields,
        "cost_nanodollars": nanodollars,
        "cost_usd": format_usd(nanodollars),
        "local_cost_usd": format_usd(local),
        "baseline_usd": format_usd(baseline) if baseline else None,
        "compared_usd": format_usd(compared) if baseline else None,
        "saved_usd": _saved(row),
        "cache": {
            "asked": asked,
            "hits": hits,
            "hit_rate": row.hit_rate,
            "saved_usd": format_usd(cache_saved),
        },
        "cost_per_query": query,
    }


def _saved(row: Spend) -> str | None:
    return format_usd(row.saved) if row.baseline_cost else None


def _usd(amount: int | None) -> str | None:
    return None if amount is None else format_usd(amount)


def _since(text: str | None) -> int:
    if text is None:
        return 0
    seconds = seconds_of(text)
    if seconds is None:
        raise ConfigError(f"{text[:64]!r} is not a span of time", code="since_invalid", hint="write 30m, 24h or 7d")
    return max(0, time.time_ns() - seconds * 1_000_000_000)

"""`homeport cost --engines`: what your own engines cost, used and idle."""

from rich import box
from rich.table import Table
from sqlalchemy import Engine

from homeport.cli.context import Context
from homeport.core.money import format_usd
from homeport.ledger.engine_report import PoolCost, pool_costs

_MTOK = 1_000_000
_NS_PER_HOUR = 3_600 * 1_000_000_000


def show(state: Context, engine: Engine, since_ns: int, until_ns: int | None, *, json: bool) -> None:
    """Print every pool that has a bill in a period; times are nanoseconds since the epoch."""
    pools = pool_costs(engine, since_ns=since_ns, until_ns=until_ns)
    if json:
        state.print_json({"engines": [_plain(pool) for pool in pools]})
        return
    if not pools:
        state.console.print("No engine has a bill yet: hours are noted while homeport up runs.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("engine", overflow="fold")
    headings = (
        "hours",
        "bill $",
        "used $",
        "idle $",
        "used %",
        "requests",
        "$ a query",
        "all in",
        "$ a Mtok",
        "all in",
    )
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for pool in pools:
        table.add_row(
            pool.engine,
            f"{pool.hours_ns / _NS_PER_HOUR:.2f}",
            *(format_usd(amount) for amount in (pool.bill, pool.used, pool.idle)),
            f"{100 * pool.utilisation:.1f}",
            f"{pool.requests:,}",
            _each(pool.used, pool.requests),
            _each(pool.bill, pool.requests),
            _each(pool.used * _MTOK, pool.tokens),
            _each(pool.bill * _MTOK, pool.tokens),
        )
    state.console.print(table)
    state.console.print("used: by the work of its requests; all in: its idle time shared by them too.")
    if lost := sum(pool.unbilled for pool in pools):
        state.console.print(f"{lost:,} requests were answered in hours without a bill; they are not counted.")


def _each(amount: int, count: int) -> str:
    return format_usd(amount // count) if count else "-"


def _plain(pool: PoolCost) -> dict[str, object]:
    amounts = {name: getattr(pool, name) for name in ("bill", "used", "idle")}
    weights = pool.weights
    return {
        "engine": pool.engine,
        "hours": pool.hours_ns / _NS_PER_HOUR,
        **{f"{name}_nanodollars": amount for name, amount in amounts.items()},
        **{f"{name}_usd": format_usd(amount) for name, amount in amounts.items()},
        "shares_nanodollars": pool.shares,
        "requests": pool.requests,
        "unbilled_requests": pool.unbilled,
        "tokens": pool.tokens,
        "utilisation": pool.utilisation,
        "idle_tax": pool.idle_tax,
        "usage_cost": _both(pool.used, pool),
        "fully_loaded_cost": _both(pool.bill, pool),
        "weights": {
            "uncached_input_ns": weights.uncached / 1_000,
            "cached_input_ns": weights.cached / 1_000,
            "output_ns": weights.output / 1_000,
            "fitted": weights.fitted,
        },
    }


def _both(amount: int, pool: PoolCost) -> dict[str, str | None]:
    return {
        "per_query_usd": format_usd(amount // pool.requests) if pool.requests else None,
        "per_mtok_usd": format_usd(amount * _MTOK // pool.tokens) if pool.tokens else None,
    }

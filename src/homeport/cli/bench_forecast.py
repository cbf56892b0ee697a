"""`homeport bench forecast`: does the bill fall inside the interval as often as it says?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError
from homeport.core.money import PicoRate, rate_per_million
from homeport.ledger.backtest import DAYS_A_MONTH, Coverage, backtest
from homeport.ledger.forecast import COVERAGE
from homeport.ledger.traces import read_trace, spent_in

PACES = (180, 360, 540)
"""A trace is stretched to so many days: half a year, a year, one and a half. Each shows it at another grain."""

_LISTED = ", ".join(str(pace) for pace in PACES)
_LEAST, _MOST = 0.70, 0.90
_MAX_USD = 1_000_000
_KINDS = ("*.csv", "*.csv.gz", "*.jsonl", "*.jsonl.gz")


def register(app: typer.Typer) -> None:
    app.command()(forecast)


def forecast(
    context: typer.Context,
    trace: Annotated[
        list[Path] | None, typer.Option(help="A recording of arrivals and tokens; may be repeated.")
    ] = None,
    input_usd: Annotated[str, typer.Option(help="Price of a million input tokens, in dollars.")] = "2.50",
    output_usd: Annotated[str, typer.Option(help="Price of a million output tokens, in dollars.")] = "15",
    days: Annotated[
        list[int] | None,
        typer.Option(min=37, max=3_660, help=f"Stretch to so many days; may be repeated. Left out: {_LISTED}."),
    ] = None,
    json: Json = False,
) -> None:
    """Forecast the months of recorded traffic from each of their days, and count how often the bill was inside.

    A recording is stretched: equal parts of it are taken for days, thirty of them for a month. Without
    --trace the recordings in traces/ of $HOMEPORT_DATA, or of ../shared/data, are taken.

    Example: homeport bench forecast --trace azure2023_code.csv.gz --json
    """
    state: Context = context.obj
    rates = (_rate("--input-usd", input_usd), _rate("--output-usd", output_usd))
    found = {path.name: _coverage(path, days or PACES, *rates) for path in trace or _recordings(state)}
    if json:
        state.print_json(_plain(found))
    else:
        state.console.print(_table(found))


def _coverage(path: Path, paces: Sequence[int], input_rate: PicoRate, output_rate: PicoRate) -> Mapping[int, Coverage]:
    arrivals = read_trace(path)
    return {
        pace: backtest(spent_in(arrivals, pace, input_rate, output_rate), Random(pace))  # noqa: S311  a seed: the same figures
        for pace in paces
    }


def _recordings(state: Context) -> Sequence[Path]:
    folder = (state.environment.data or Path("../shared/data")) / "traces"
    found = sorted({path for kind in _KINDS for path in folder.glob(kind)})
    if not found:
        raise ConfigError(
            f"there is no recording in {folder}", code="trace_missing", hint="name one: --trace FILE (more than once)"
        )
    return found


def _rate(option: str, text: str) -> PicoRate:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal(-1)
    if not usd.is_finite() or not 0 <= usd <= _MAX_USD:
        raise ConfigError(f"{option} {text[:64]!r} is not a price", code="price_invalid", hint="write it as 2.50")
    return rate_per_million(usd)


def _plain(found: Mapping[str, Mapping[int, Coverage]]) -> dict[str, object]:
    overall = _pooled([_pooled([*paces.values()]) for paces in found.values()])
    return {
        "interval": COVERAGE,
        "target": [_LEAST, _MOST],
        "days_a_month": DAYS_A_MONTH,
        "traces": {
            name: {
                **_figures(_pooled([*paces.values()])),
                "by_days": {str(pace): _figures(coverage) for pace, coverage in paces.items()},
            }
            for name, paces in found.items()
        },
        "overall": _figures(overall),
    }


def _figures(coverage: Coverage) -> dict[str, object]:
    share, count = coverage.coverage, max(coverage.forecasts, 1)
    return {
        "forecasts": coverage.forecasts,
        "inside": coverage.inside,
        "below": coverage.below,
        "above": coverage.above,
        "coverage": share,
        "within_target": share is not None and _LEAST <= share <= _MOST,
        "mean_error": coverage.error / count,
        "mean_width": coverage.width / count,
    }


def _pooled(coverages: Sequence[Coverage]) -> Coverage:
    total = Coverage()
    for coverage in coverages:
        total = total.plus(coverage)
    return total


def _table(found: Mapping[str, Mapping[int, Coverage]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("recording", overflow="fold")
    for heading in ("days", "forecasts", "inside", "below", "above", "error", "width"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, paces in found.items():
        for pace, coverage in paces.items():
            table.add_row(name, str(pace), *_cells(coverage))
        table.add_row(name, "all", *_cells(_pooled([*paces.values()])), end_section=True)
    table.add_row("overall", "all", *_cells(_pooled([_pooled([*paces.values()]) for paces in found.values()])))
    return table


def _cells(coverage: Coverage) -> tuple[str, ...]:
    count, share = max(coverage.forecasts, 1), coverage.coverage
    return (
        f"{coverage.forecasts:,}",
        "-" if share is None else f"{share:.1%}",
        f"{coverage.below / count:.1%}",
        f"{coverage.above / count:.1%}",
        f"{coverage.error / count:.1%}",
        f"{coverage.width / count:.1%}",
    )

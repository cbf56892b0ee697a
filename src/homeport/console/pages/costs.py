"""Costs: what was spent, on what, what it will come to, and a copy of it for other programs."""

import asyncio
import contextlib
import csv
import io
import tempfile
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console import charts
from homeport.console.answers import Answer, Download, File, Html
from homeport.console.figures.costs import GROUPED, CostFigures, cost_figures
from homeport.console.figures.windows import Window, choices, read_window
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import CapacityError, InvalidRequest
from homeport.core.money import format_usd
from homeport.ledger.export import export, safe_cell
from homeport.ledger.forecast import COVERAGE, MIN_DAYS, forecast_month
from homeport.ledger.sources import Only

PATH = "/console/costs"
_PIECE = 256 << 10
_AT_ONCE = 2
"""Each copy of every request is a file while it is read, and may be large; whoever reads slowly keeps it long."""
_COPIES: Mapping[str, str] = {"csv": "requests", "focus": "focus"}

_ASKS: Mapping[str, str] = {"model": "target", **{name: name for name in ("project", "key", "tier", "route", "user")}}
"""How the page Requests is asked for a group, by what it is grouped by."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters. `format`: of a copy: `groups`, `csv` or `focus`."""

    window: str = "7d"
    by: str = "project"
    project: str = ""
    key: str = ""
    model: str = ""
    format: str = "groups"

    @property
    def only(self) -> Only:
        return Only(project=self.project, key_id=self.key, model=self.model)


def page(parts: Parts) -> Page:
    return Page(
        title="Costs",
        path=PATH,
        place=30,
        routes={
            f"GET {PATH}": partial(_show, parts),
            f"GET {PATH}/forecast": partial(_forecast, parts),
            f"GET {PATH}/export": partial(_export, parts, asyncio.Semaphore(_AT_ONCE)),
        },
    )


async def _show(parts: Parts, visit: Visit) -> Answer:
    query = visit.asked(Query)
    figures, names = await off_the_loop(partial(_figures, parts, query, visit.now))
    values = {
        "title": "Costs",
        "figures": figures,
        "query": query,
        "names": names,
        "asks": _ASKS,
        "windows": choices(visit.now, query.window),
        "grouped": GROUPED,
        "spent": charts.spent_over_time(
            [(one.when, one.remote, one.own) for one in figures.moments], figures.window.width
        ),
        "mean": charts.cost_per_query(
            [(one.when, one.mean) for one in figures.moments if one.mean is not None], figures.window.width
        ),
    }
    return Html(template="costs.html", values=values)


def _figures(parts: Parts, query: Query, now: int) -> tuple[CostFigures, Mapping[str, str]]:
    figures = cost_figures(parts.engine, read_window(query.window, now), query.by, query.only)
    names = {stored.key.id: stored.key.name for stored in parts.keys.every()} if query.by == "key" else {}
    return figures, names


async def _forecast(parts: Parts, visit: Visit) -> Answer:
    """Apart, since it is a thousand futures and takes longer than the rest of the page."""
    query = visit.asked(Query)
    found = await off_the_loop(partial(forecast_month, parts.engine, visit.now, query.project))
    values = {"title": "The month's bill", "forecast": found, "coverage": COVERAGE, "least_days": MIN_DAYS}
    return Html(template="forecast.html", values=values, block="figures" if visit.partial else "")


async def _export(parts: Parts, places: asyncio.Semaphore, visit: Visit) -> Answer:
    query = visit.asked(Query)
    window = read_window(query.window, visit.now)
    if query.format == "groups":
        figures, _ = await off_the_loop(partial(_figures, parts, query, visit.now))
        return File(name=f"homeport-costs-{query.by}-{query.window}.csv", kind="text/csv", data=groups_csv(figures))
    if query.format not in _COPIES:
        raise InvalidRequest(
            f"{query.format[:40]!r} is no format of a copy", hint="use: groups, csv, focus", param="format"
        )
    name = f"homeport-{_COPIES[query.format]}-{query.window}.csv"
    return Download(name=name, kind="text/csv", pieces=_in_turn(parts, places, query.format, window))


async def _in_turn(parts: Parts, places: asyncio.Semaphore, kind: str, window: Window) -> AsyncGenerator[bytes, None]:
    """A copy, where not too many are being saved. Raises CapacityError export_busy."""
    if places.locked():
        raise CapacityError(f"{_AT_ONCE} copies are being saved already", code="export_busy", hint="come back later")
    async with places, contextlib.aclosing(_copied(parts, kind, window)) as pieces:
        async for piece in pieces:
            yield piece


async def _copied(parts: Parts, kind: str, window: Window) -> AsyncGenerator[bytes, None]:
    """The ledger's own export, piece by piece, from a file that nobody else sees."""
    with tempfile.TemporaryDirectory(prefix="export-", dir=parts.home.run) as folder:
        out = Path(folder) / "copy"
        write = partial(
            export, parts.engine, kind, out, since_ns=window.since_ns, until_ns=window.until_ns, replace=False
        )
        await off_the_loop(write)
        with out.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece


def groups_csv(figures: CostFigures) -> bytes:
    """The groups of the page; costs are exact, with nine decimals."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((figures.by, "requests", "completed", "input_tokens", "output_tokens", "cost_usd", "own_cost_usd"))
    for row in figures.groups:
        counts = (row.requests, row.completed, row.input_tokens, row.output_tokens)
        writer.writerow((safe_cell(row.group), *counts, format_usd(row.cost), format_usd(row.local_cost)))
    return text.getvalue().encode()

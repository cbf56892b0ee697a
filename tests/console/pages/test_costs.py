"""The page Costs: the command line's figures, copies for other programs, and hostile names as text."""

import asyncio
import csv
import io

import pytest

from homeport.console.show import usd
from homeport.core.people import Role
from homeport.ledger.focus import COLUMNS
from homeport.ledger.reports import spend
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.ledger.requests import DAY, add, request


def fill(office: Office) -> int:
    """Three days of requests; now."""
    now = office.clock.wall = 1_700_000_000 * 10**9
    add(
        office.engine,
        *(request(now - place * DAY // 8, cost=1_000_000_000 + place, project="acme/search") for place in range(20)),
        request(
            now - 1, cost=5_000_000_000, project=HOSTILE[:160], target=HOSTILE[:160], end_user=HOSTILE, local=False
        ),
    )
    return now


@pytest.mark.parametrize("by", ["project", "key", "model", "tier", "route"])
async def test_every_sum_is_on_the_page(office: Office, by: str) -> None:
    now = fill(office)
    page = words((await (await office.enter(Role.VIEWER)).get(f"/console/costs?window=7d&by={by}")).body)
    (total,) = spend(office.engine, since_ns=now - 7 * DAY)
    assert f"Spent {usd(total.cost)}" in page
    assert f"Requests {total.requests:,} {total.completed:,} were answered" in page
    for row in spend(office.engine, by=by, since_ns=now - 7 * DAY):
        assert usd(row.cost) in page


async def test_hostile_names_are_text(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.VIEWER)
    for by in ("project", "model", "user"):
        check_hostile((await browser.get(f"/console/costs?window=24h&by={by}")).body)


async def test_the_forecast_is_a_part_of_its_own(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.VIEWER)
    part = await browser.get("/console/costs/forecast", hx_request="true")
    whole = await browser.get("/console/costs/forecast")
    assert b"<html" not in part.body
    assert b"<html" in whole.body
    for page in (part, whole):
        assert "Expected $" in words(page.body)
        assert "An interval needs 7 whole days" in words(page.body)


@pytest.mark.parametrize(
    "query", ["window=2h", "by=surface", "window=7d&by=user", "format=exe", "by=%00", "project=" + "x" * 9_000]
)
async def test_what_cannot_be_asked_is_told(office: Office, query: str) -> None:
    browser = await office.enter(Role.VIEWER)
    for path in ("/console/costs", "/console/costs/export"):
        answer = await browser.get(f"{path}?{query}")
        assert answer.status in (200, 400), answer.body
        assert b"Traceback" not in answer.body


async def test_a_copy_of_the_groups_runs_nothing_in_a_spreadsheet(office: Office) -> None:
    fill(office)
    add(office.engine, request(office.clock.wall, project="=cmd|' /C calc'!A0"))
    browser = await office.enter(Role.VIEWER)
    answer = await browser.get("/console/costs/export?window=24h&by=project&format=groups")
    assert answer.headers["content-disposition"] == 'attachment; filename="homeport-costs-project-24h.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert {row["project"][:2] for row in rows} >= {"'=", "ac"}
    assert sum(float(row["cost_usd"]) for row in rows) == pytest.approx(
        sum(row.cost for row in spend(office.engine, by="project", since_ns=office.clock.wall - DAY)) / 1e9
    )


async def test_the_ledgers_own_copies(office: Office) -> None:
    now = fill(office)
    browser = await office.enter(Role.VIEWER)
    focus = await browser.get("/console/costs/export?window=7d&format=focus")
    lines = list(csv.DictReader(io.StringIO(focus.body.decode())))
    assert tuple(lines[0]) == COLUMNS
    whole = await browser.get("/console/costs/export?window=7d&format=csv")
    rows = list(csv.DictReader(io.StringIO(whole.body.decode())))
    assert sum(int(row["cost"]) for row in rows) == spend(office.engine, since_ns=now - 7 * DAY)[0].cost
    assert not [path for path in office.home.run.iterdir() if path.name.startswith("export-")]


async def test_who_leaves_a_copy_leaves_nothing_behind(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.VIEWER)
    caller = browser.caller("GET", "/console/costs/export?window=7d&format=csv")
    caller.slow = True
    task = caller.start(office.house.app)
    await caller.writing.wait()
    caller.leave()
    await task
    assert not [path for path in office.home.run.iterdir() if path.name.startswith("export-")]


async def test_few_copies_are_saved_at_once(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.VIEWER)
    path = "/console/costs/export?window=7d&format="
    slow = [browser.caller("GET", f"{path}{kind}") for kind in ("csv", "focus")]
    for caller in slow:
        caller.slow = True
    tasks = [caller.start(office.house.app) for caller in slow]
    for caller in slow:
        await caller.writing.wait()
    refused = await browser.get(f"{path}csv")
    assert (refused.status, b"export_busy" in refused.body) == (503, True)
    for caller in slow:
        caller.leave()
    await asyncio.gather(*tasks)
    assert (await browser.get(f"{path}csv")).status == 200

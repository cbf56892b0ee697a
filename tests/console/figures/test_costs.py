"""The page Costs says what the command line says, to the nano-dollar."""

from collections.abc import Iterator
from typing import Any

import pytest

from homeport.console.figures.costs import GROUPED, MOST_GROUPS, cost_figures
from homeport.console.figures.windows import read_window
from homeport.core.errors import InvalidRequest
from homeport.ledger.sources import Only
from tests.console.figures.ledger import Told, told
from tests.ledger.requests import NOW, ledger, request


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = told(tmp_path_factory.mktemp("costs"))
    yield made
    made.engine.dispose()


def said(house: Told, *arguments: str) -> Any:
    return house.terminal.ask("cost", *arguments, "--json").json


ASKED = [("user", "24h"), *((by, window) for by in GROUPED if by != "user" for window in ("24h", "7d", "30d"))]


@pytest.mark.parametrize(("by", "window"), ASKED)
def test_the_groups_and_their_sum(house: Told, by: str, window: str) -> None:
    figures = cost_figures(house.engine, read_window(window, house.now), by, Only())
    line = said(house, "--by", by, "--since", window)
    assert figures.total.cost == line["cost_nanodollars"] > 0
    assert (figures.total.requests, figures.total.completed) == (line["requests"], line["completed"])
    assert figures.total.saved_cost > 0
    assert [(row.group, row.cost, row.requests, row.input_tokens) for row in figures.groups] == [
        (row["group"], row["cost_nanodollars"], row["requests"], row["input_tokens"]) for row in line["groups"]
    ]
    assert sum(row.cost for row in figures.groups) == figures.total.cost == sum(one.cost for one in figures.moments)


@pytest.mark.parametrize(
    ("only", "arguments"),
    [
        (Only(project="acme/search"), ("--project", "acme/search")),
        (Only(key_id="key_1"), ("--key", "key_1")),
        (Only(model="own"), ("--model", "own")),
    ],
)
def test_only_some(house: Told, only: Only, arguments: tuple[str, str]) -> None:
    figures = cost_figures(house.engine, read_window("7d", house.now), "model", only)
    assert figures.total.cost == said(house, "--since", "7d", *arguments)["cost_nanodollars"] > 0


def test_apis_and_own_engines_are_all_there_is(house: Told) -> None:
    figures = cost_figures(house.engine, read_window("7d", house.now), "tier", Only())
    line = said(house, "--since", "7d")
    own = round(float(line["local_cost_usd"]) * 1e9)
    assert (figures.remote, figures.total.local_cost) == (line["cost_nanodollars"] - own, own)
    [bill] = figures.bills
    [pool] = said(house, "--engines", "--since", "7d")["engines"]
    assert (bill.engine, bill.bill) == (pool["engine"], pool["bill_nanodollars"])
    assert bill.hours_ns / 3600e9 == pytest.approx(pool["hours"])


def test_a_window_is_told_in_hours_or_days(house: Told) -> None:
    day = cost_figures(house.engine, read_window("24h", house.now), "tier", Only()).moments
    month = cost_figures(house.engine, read_window("30d", house.now), "tier", Only()).moments
    assert all(one.when.endswith(":00Z") for one in day)
    assert all(len(one.when) == len("2026-11-01") for one in month)
    assert [one.when for one in month] == sorted(one.when for one in month)


def test_users_are_told_for_a_day_and_no_longer() -> None:
    with pytest.raises(InvalidRequest, match="a day at a time"):
        cost_figures(ledger(), read_window("7d", NOW), "user", Only())


@pytest.mark.parametrize("by", ["", "day", "surface", "cost; drop table", "<script>"])
def test_nothing_else_is_grouped_by(by: str) -> None:
    with pytest.raises(InvalidRequest):
        cost_figures(ledger(), read_window("24h", NOW), by, Only())


def test_of_many_groups_the_largest_are_told() -> None:
    many = ledger(*(request(NOW - place, project=f"p{place}", cost=place) for place in range(MOST_GROUPS + 7)))
    figures = cost_figures(many, read_window("24h", NOW), "project", Only())
    assert (len(figures.groups), figures.further) == (MOST_GROUPS, 7)
    assert figures.groups[0].cost == MOST_GROUPS + 6


def test_nothing_was_asked() -> None:
    figures = cost_figures(ledger(), read_window("month", NOW), "project", Only())
    assert (figures.total.requests, figures.groups, figures.moments, figures.bills) == (0, [], [], [])

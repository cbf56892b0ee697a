"""The page Routing: shares against what is wanted, and yesterday decided again by other shares."""

import html
import json
import re

import pytest

from homeport.console.figures.replayed import yesterday
from homeport.console.figures.routed import Wanted
from homeport.console.pages import routing
from homeport.core.errors import InvalidRequest
from homeport.core.people import Role
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.fakes.house import MID, OWN
from tests.ledger.requests import HOUR, add, request

WANTED = Wanted(policy="complexity", split={"home": 0.7, "mid": 0.3}, cuts={"mid": 0.4}, version=3)


def fill(office: Office) -> None:
    now = office.clock.wall = 1_700_000_000 * 10**9
    start, _ = yesterday(now)
    scored = [
        request(
            start + HOUR + place,
            score=place / 10,
            decided="home" if place < 5 else "mid",
            tier="home" if place < 5 else "mid",
            local=place < 5,
            reason=f"complexity:{'home' if place < 5 else 'mid'}",
        )
        for place in range(10)
    ]
    add(
        office.engine,
        *scored,
        request(now - 1, reason=HOSTILE[:160], tier=HOSTILE[:160], score=0.1, escalation=HOSTILE[:64]),
    )
    office.behind.wanted, office.behind.ladder = WANTED, {"home": OWN, "mid": MID}


@pytest.fixture
def house(office: Office) -> Office:
    fill(office)
    office.behind.chances = lambda score: {"home": 0.9 - score / 2, "mid": 0.95}
    return office


async def test_the_split_is_beside_what_is_wanted(house: Office) -> None:
    page = (await (await house.enter(Role.VIEWER)).get("/console/routing?window=7d")).body
    said = words(page)
    assert "The policy is complexity , by router version 3" in said
    assert "home 5 50.0% 70.0% \u2013 5" in said
    assert "mid 5 50.0% 30.0% 0.400 5" in said
    check_hostile(page)


async def test_yesterday_is_decided_again(house: Office) -> None:
    browser = await house.enter(Role.VIEWER)
    said = words((await browser.get("/console/routing/what-if")).body)
    assert "Yesterday (UTC) decided again, by a sample of 10 of its requests" in said
    assert "Yesterday 50.0% 50.0%" in said
    assert "What if 70.0% 30.0%" in said
    part = (await browser.get("/console/routing/what-if?share:home=1&share:mid=3", hx_request="true")).body
    assert b"<html" not in part
    assert "What if 20.0% 80.0%" in words(part), "of ten requests a quarter is two and a half"
    charts = [json.loads(html.unescape(spec)) for spec in re.findall(r"data-chart='([^']*)'", part.decode())]
    assert len(charts[0]["layer"][0]["data"]["values"]) == 21


async def test_without_what_was_learned_there_is_no_curve(office: Office) -> None:
    fill(office)
    page = (await (await office.enter(Role.VIEWER)).get("/console/routing/what-if")).body
    assert b"What quality costs" not in page
    assert "Yesterday 50.0% 50.0%" in words(page)


async def test_nothing_was_scored(office: Office) -> None:
    assert (
        b"There is nothing to replay" in (await (await office.enter(Role.VIEWER)).get("/console/routing/what-if")).body
    )


@pytest.mark.parametrize("query", ["share:mid=nan", "share:mid=1e999", "share:mid=-1", "share:mid=x", "share:home=101"])
async def test_what_is_no_share_is_refused(house: Office, query: str) -> None:
    browser = await house.enter(Role.VIEWER)
    assert (await browser.get(f"/console/routing/what-if?{query}")).status == 400


def test_shares_add_up() -> None:
    assert routing.read_shares({"share:a": "1", "share:b": "3", "window": "7d"}) == {"a": 0.25, "b": 0.75}
    assert routing.read_shares({"share:a": "0", "share:b": ""}) == {}
    many = {f"share:{place}": "1" for place in range(100)}
    assert len(routing.read_shares(many)) == 12
    with pytest.raises(InvalidRequest):
        routing.read_shares({"share:": "inf"})


async def test_shares_of_tiers_that_are_not_there_change_nothing(house: Office) -> None:
    browser = await house.enter(Role.VIEWER)
    said = words((await browser.get("/console/routing/what-if?share:other=1")).body)
    assert "What if 70.0% 30.0%" in said

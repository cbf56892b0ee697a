"""The page Cache: its figures, taking entries out, and who may."""

import re

import pytest

from homeport.console.show import percent, usd
from homeport.core.caching import Purge, Standing
from homeport.core.people import Role
from homeport.storage.audit import Asked, entries
from homeport.storage.cached import DatabaseEntryStore
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.ledger.requests import add, request

PARTITION = bytes(range(16))


def fill(office: Office) -> None:
    now = office.clock.wall = 1_700_000_000 * 10**9
    hits = [request(now - place, cache="hit", saved_cost=2_000_000_000, cost=0) for place in range(3)]
    add(office.engine, *hits, request(now - 5, cache="miss", target=HOSTILE[:160]))
    off = Standing(partition=PARTITION, checked=40, wrong=9, off=now)
    DatabaseEntryStore(office.engine, office.clock.wall_ns).stand([off])


async def test_what_it_saved_is_on_the_page(office: Office) -> None:
    fill(office)
    page = (await (await office.enter(Role.VIEWER)).get("/console/cache?window=24h")).body
    said = words(page)
    assert f"Answered from the cache {percent(0.75)} 3 of 4 that asked" in said
    assert f"Saved {usd(6_000_000_000)}" in said
    assert f"{PARTITION.hex()} 0 40 9" in said
    assert "off since" in said
    check_hostile(page)


async def test_a_viewer_is_shown_no_button(office: Office) -> None:
    fill(office)
    viewer, operator = [
        (await (await office.enter(role)).get("/console/cache")).body for role in (Role.VIEWER, Role.OPERATOR)
    ]
    forms = [len(re.findall(rb'action="/console/cache/', page)) for page in (viewer, operator)]
    assert forms == [0, 3]


async def test_entries_are_taken_out_and_that_is_written_down(office: Office) -> None:
    office.behind.purged = 7
    browser = await office.enter(Role.OPERATOR)
    answer = await browser.post("/console/cache/purge", {"tag": "prices", "model": "", "key": " "})
    assert (answer.status, answer.headers["location"]) == (303, "/console/cache?purged=7")
    assert office.behind.said == [Purge(tag="prices")]
    [kept] = entries(office.engine, Asked(action="cache"), 9)
    assert (kept.actor, kept.action, kept.after) == ("operator", "cache.purge", {"tag": "prices", "purged": 7})
    assert b"7 entries were taken out" in (await browser.get(answer.headers["location"])).body


@pytest.mark.parametrize(
    "fields", [{}, {"tag": "a", "all": "all"}, {"id": "no id"}, {"partition": "../.."}, {"all": "yes"}]
)
async def test_what_is_not_clear_takes_nothing_out(office: Office, fields: dict[str, str]) -> None:
    answer = await (await office.enter(Role.OPERATOR)).post("/console/cache/purge", fields)
    assert (answer.status, office.behind.said) == (400, [])


async def test_a_partition_answers_again(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.OPERATOR)
    answer = await browser.post(f"/console/cache/partitions/{PARTITION.hex()}/resume")
    assert (answer.status, office.behind.said) == (303, [PARTITION])
    for unknown in ("00" * 16, "zz", "%2e%2e"):
        assert (await browser.post(f"/console/cache/partitions/{unknown}/resume")).status == 404
    [kept] = entries(office.engine, Asked(action="cache.resume"), 9)
    assert kept.subject == PARTITION.hex()

"""The page Requests: found by what they have in common and by what was said, a page at a time, and live."""

import asyncio
import html
import re
from collections.abc import Callable

import pytest

from homeport.console.pages.requests import event
from homeport.core.people import Role
from homeport.jobs.indexing import Indexer
from homeport.storage.journal import Journal
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import list_requests
from tests.console.office import Browser, Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.fakes.wire import Caller
from tests.ledger.requests import MS, add, failed, request
from tests.storage.events import finished
from tests.traces.kept import chat

NOW = 1_700_000_000 * 10**9
_LINK = re.compile(r'href="/console/requests/(r\d+)"')


def listed(page: bytes) -> list[str]:
    """The ids on a page, in order."""
    return _LINK.findall(page.decode())


async def found(browser: Browser, query: str) -> list[str]:
    answer = await browser.get(f"/console/requests?{query}")
    assert answer.status == 200, answer.body
    return listed(answer.body)


@pytest.fixture
def house(office: Office) -> Office:
    office.clock.wall = NOW
    add(
        office.engine,
        request(NOW - 3, project="acme/search", target="gpt", tier="mid", key_id="key_a", end_user="ann", cost=10**9),
        request(NOW - 2, trace_id="t-1", cache="hit", latency_ns=900 * MS),
        failed(NOW - 1, tried=("own",), error="upstream_timeout", status=503),
        request(NOW - 10**15, project="acme/search"),
    )
    return office


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["r2", "r1", "r0", "r3"]),
        ("window=24h", ["r2", "r1", "r0"]),
        ("since=2023-11-14T00:00", ["r2", "r1", "r0"]),
        ("until=2023-11-14T00:00&window=", ["r3"]),
        ("since=2023-11-14T00:00&until=2023-11-15T00:00:30&outcome=failed", ["r2"]),
        ("project=acme", ["r0", "r3"]),
        ("target=gpt&tier=mid", ["r0"]),
        ("key=key_a", ["r0"]),
        ("user=ann", ["r0"]),
        ("outcome=failed", ["r2"]),
        ("status=503", ["r2"]),
        ("error=upstream_timeout", ["r2"]),
        ("cache=hit", ["r1"]),
        ("trace=t-1", ["r1"]),
        ("min_cost_usd=0.5", ["r0"]),
        ("min_latency_ms=500", ["r1"]),
        ("min_latency_ms=&status=&outcome=&q=", ["r2", "r1", "r0", "r3"]),
    ],
)
async def test_filters_as_the_command_line_has_them(house: Office, query: str, ids: list[str]) -> None:
    assert await found(await house.enter(Role.VIEWER), query) == ids


@pytest.mark.parametrize(
    "query",
    [
        "status=x",
        "outcome=lost",
        "min_cost_usd=nan",
        "after=x",
        "after=1.%00",
        "window=9y",
        "q=a&after=b",
        "since=%00",
        "until=now",
        "since=2023-11-14T01:00&until=2023-11-14T00:00",
    ],
)
async def test_what_is_no_filter_is_told(house: Office, query: str) -> None:
    answer = await (await house.enter(Role.VIEWER)).get(f"/console/requests?{query}")
    assert answer.status == 400, answer.body
    assert b"Next: " in answer.body or b"Not done" in answer.body


async def test_page_by_page(office: Office) -> None:
    office.clock.wall = NOW
    add(office.engine, *(request(NOW - place, project="acme" if place % 2 else "other") for place in range(240)))
    browser = await office.enter(Role.VIEWER)
    seen, path, pages = [], "/console/requests?project=acme", 0
    while path:
        page = (await browser.get(path)).body
        seen += listed(page)
        pages += 1
        older = re.search(r'rel="next" href="([^"]*)"', page.decode())
        path = html.unescape(older[1]) if older else ""
    all_ = list_requests(office.engine, RequestFilter(project="acme"), limit=1_000).rows
    assert (seen, pages) == ([row.request_id for row in all_], 3)


async def test_what_was_said_is_found_and_shown_as_text(house: Office) -> None:
    house.bodies.put(chat("r0", prompt=f"the zebra {HOSTILE}", at=NOW - 3))
    house.bodies.put(chat("r1", prompt="nothing like it", at=NOW - 2))
    Indexer(house.bodies, house.words).work()
    browser = await house.enter(Role.VIEWER)
    page = (await browser.get("/console/requests?q=zebra")).body
    assert listed(page) == ["r0"]
    check_hostile(page)
    assert await found(browser, "q=zebra&project=other") == []
    for strange in ('"', "*", "NEAR(", "a OR", "%27%3B--", "\u202e", "-zebra AND x"):
        assert (await browser.get(f"/console/requests?q={strange.encode().hex()}")).status == 200
        answer = await browser.get(
            f"/console/requests?q={'%'.join(['', *(f'{byte:02x}' for byte in strange.encode())])}"
        )
        assert answer.status in (200, 400), answer.body


async def test_hostile_names_are_text(office: Office) -> None:
    office.clock.wall = NOW
    name = HOSTILE[:160]
    add(office.engine, request(NOW, project=name, target=name, tier=name, reason=name, error=name[:64], end_user=name))
    browser = await office.enter(Role.VIEWER)
    check_hostile((await browser.get("/console/requests")).body)
    said = "".join(f"%{byte:02x}" for byte in name.encode())
    check_hostile((await browser.get(f"/console/requests?project={said}&user={said}")).body)


async def test_that_nothing_is_kept_is_told(house: Office) -> None:
    browser = await house.enter(Role.VIEWER)
    assert "capture.enabled: true" in words((await browser.get("/console/requests?q=zebra")).body)


async def events_of(caller: Caller, count: int) -> str:
    async with asyncio.timeout(10):
        while caller.body.count(b"<tr") < count:
            await asyncio.sleep(0.01)
    return caller.body.decode()


async def test_requests_come_live_and_only_those_that_are_wanted(open_office: Callable[..., Office]) -> None:
    office = open_office(live=True)
    browser = await office.enter(Role.VIEWER)
    caller = browser.caller("GET", "/console/requests/tail?key=key_1")
    task = caller.start(office.house.app)
    async with asyncio.timeout(10):
        while not caller.pieces:
            await asyncio.sleep(0.01)
    journal = Journal(office.home.journal)
    for place in range(3):
        journal.record(finished(f"r{place}", started_at=NOW + place))
    body = await events_of(caller, 3)
    journal.close()
    caller.leave()
    await task
    assert caller.headers["content-type"] == "text/event-stream"
    assert set(listed(body.encode())) == {"r0", "r1", "r2"}
    assert all(line.startswith(("event: ", "data: ", "retry: ", ":")) for line in body.splitlines() if line)


async def test_of_too_many_the_latest_are_shown_and_the_others_counted(open_office: Callable[..., Office]) -> None:
    office = open_office(live=True)
    browser = await office.enter(Role.VIEWER)
    caller = browser.caller("GET", "/console/requests/tail")
    task = caller.start(office.house.app)
    async with asyncio.timeout(10):
        while not caller.pieces:
            await asyncio.sleep(0.01)
    journal = Journal(office.home.journal)
    for place in range(500):
        journal.record(finished(f"r{place}", started_at=NOW + place))
    async with asyncio.timeout(10):
        while "r499" not in caller.body.decode() or b"event: lost" not in caller.body:
            await asyncio.sleep(0.01)
    journal.close()
    caller.leave()
    await task
    lost = sum(map(int, re.findall(r"event: lost\ndata: (\d+)", caller.body.decode())))
    assert lost + len(listed(caller.body)) == 500


async def following(caller: Caller, office: Office) -> asyncio.Task[Caller]:
    """A list that has begun to be followed."""
    task = caller.start(office.house.app)
    async with asyncio.timeout(10):
        while not caller.pieces:
            await asyncio.sleep(0.01)
    return task


@pytest.mark.parametrize("how", ["signs out", "is removed", "waits too long"])
async def test_who_is_signed_in_no_more_is_told_nothing_more(open_office: Callable[..., Office], how: str) -> None:
    office = open_office(live=True)
    browser = await office.enter(Role.VIEWER)
    caller = browser.caller("GET", "/console/requests/tail")
    task = await following(caller, office)
    if how == "signs out":
        await browser.post("/console/sign-out")
    elif how == "is removed":
        office.users.remove("viewer")
    office.clock.advance((31 * 60 if how == "waits too long" else 6) * 10**9)
    journal = Journal(office.home.journal)
    journal.record(finished("r0", started_at=NOW))
    async with asyncio.timeout(10):
        await task
    journal.close()
    assert caller.finished
    assert listed(caller.body) == []


async def test_nobody_takes_all_places(open_office: Callable[..., Office]) -> None:
    office = open_office(live=True)
    viewer, operator = await office.enter(Role.VIEWER), await office.enter(Role.OPERATOR)
    callers = [viewer.caller("GET", "/console/requests/tail") for _ in range(8)]
    tasks = [await following(caller, office) for caller in callers]
    refused = await viewer.get("/console/requests/tail")
    assert (refused.status, b"tail_full" in refused.body) == (503, True)
    other = operator.caller("GET", "/console/requests/tail")
    tasks.append(await following(other, office))
    for caller in (*callers, other):
        caller.leave()
    await asyncio.gather(*tasks)
    again = viewer.caller("GET", "/console/requests/tail")
    task = await following(again, office)
    again.leave()
    await task
    assert other.status == again.status == 200


def test_every_line_of_an_event_has_a_field() -> None:
    assert event("rows", b"a\nb\r\n\r\nc") == b"event: rows\ndata: a\ndata: b\ndata: \ndata: c\n\n"

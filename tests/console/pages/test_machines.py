"""The page Models & engines: what answers and how it stands, orders, and who may give them."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from homeport.console import given
from homeport.console.figures.machines import Engines, Package, Replica, SuiteRun
from homeport.core.errors import EngineError
from homeport.core.people import Role
from homeport.storage.audit import Asked, entries
from tests.console.office import TARGET, Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.ledger.requests import add, request

REPLICA = Replica(
    engine="own", replica="own-1", state="serving", version="1.0", digest="sha256:" + "a" * 64, revision="r", pid=42
)
PACKAGE = Package(
    name="smollm2",
    version="1.0",
    digest="sha256:" + "a" * 64,
    in_use=True,
    family="llama",
    quantization="Q4_1",
    size=92_000_000,
    licenses=("Apache-2.0",),
    signers=("release",),
    doubt="",
    tests=(SuiteRun(build="llamacpp", passed=35, of=40, same=None), SuiteRun(build="vllm", passed=24, of=40, same=18)),
)
ENGINES = {"own": {"engine": "external", "url": "http://127.0.0.1:9/v1", "hourly_cost_usd": "0"}}


@pytest.fixture
def house(open_office: Callable[..., Office]) -> Office:
    office = open_office(engines=ENGINES)
    office.behind.told = Engines(replicas=(REPLICA,), packages=(PACKAGE,))
    return office


async def test_what_answers_and_how_it_stands(house: Office) -> None:
    house.clock.wall = 1_700_000_000 * 10**9
    add(house.engine, request(house.clock.wall - 1, upstream="p", target="mid", output_tokens=600, latency_ns=10**9))
    house.targets = [{**TARGET, "places": 4, "in_use": 3, "waiting": 2}, {**TARGET, "closed_by": "failures"}]
    said = words((await (await house.enter(Role.VIEWER)).get("/console/models")).body)
    assert "mid mid p simulated ready 3 of 4, 2 wait 1 2.0 0.0 600.0" in said
    assert "closed: failures 0 tokens" in said
    assert "own own-1 serving 1.0 sha256:aaaaaaaaaaaa 42" in said
    assert "smollm2 1.0 yes llama Q4_1 92.0 MB Apache-2.0 sha256:aaaaaaaaaaaa release" in said


async def test_how_far_engines_agree_with_what_a_package_carries(house: Office) -> None:
    browser = await house.enter(Role.VIEWER)
    said = words((await browser.get("/console/models")).body)
    assert "smollm2 1.0 llamacpp 35 of 40 \u2013 smollm2 1.0 vllm 24 of 40 18 of 40" in said
    part = (await browser.get("/console/models", hx_request="true")).body
    assert b"own-1" in part
    assert b"Parity" not in part, "signatures are not checked every few seconds"


async def test_a_replica_has_the_figures_of_its_engine(house: Office) -> None:
    house.clock.wall = 1_700_000_000 * 10**9
    add(house.engine, request(house.clock.wall - 1, upstream="own", target="mid", output_tokens=300))
    house.targets = [{**TARGET, "upstream": "own-2", "origin": "own"}]
    said = words((await (await house.enter(Role.VIEWER)).get("/console/models")).body)
    assert "mid mid own own-2 simulated ready 0 tokens 1 1.0" in said


async def test_nobody_takes_orders(office: Office) -> None:
    assert b"nobody takes orders here" in (await (await office.enter(Role.VIEWER)).get("/console/models")).body


async def test_hostile_names_are_text(house: Office) -> None:
    house.targets = [{**TARGET, "model": HOSTILE, "tier": HOSTILE, "upstream": HOSTILE, "closed_by": HOSTILE}]
    replica = msgspec.structs.replace(REPLICA, engine=HOSTILE, state=HOSTILE, version=HOSTILE)
    package = msgspec.structs.replace(PACKAGE, name=HOSTILE, signers=(HOSTILE,), doubt=HOSTILE, licenses=(HOSTILE,))
    house.behind.told = Engines(replicas=(replica,), packages=(package,), why=HOSTILE)
    check_hostile((await (await house.enter(Role.OPERATOR)).get("/console/models")).body)


@pytest.mark.parametrize("command", ["drain", "restart"])
async def test_an_order_is_given_and_written_down(house: Office, command: str) -> None:
    browser = await house.enter(Role.OPERATOR)
    answer = await browser.post(f"/console/models/own/{command}")
    assert (answer.status, answer.headers["location"]) == (303, f"/console/models?ordered={command}")
    assert house.behind.said == [(command, "own")]
    [kept] = entries(house.engine, Asked(action="engine"), 9)
    assert (kept.actor, kept.action, kept.subject) == ("operator", f"engine.{command}", "own")
    assert f"own , {command}: done" in words((await browser.get(answer.headers["location"])).body)


async def test_an_order_that_is_refused_is_told(house: Office) -> None:
    house.behind.refuses = EngineError(f"{HOSTILE} is no engine", code="engine_unknown")
    browser = await house.enter(Role.OPERATOR)
    await browser.post("/console/models/own/drain")
    check_hostile((await browser.get("/console/models")).body)


async def test_an_order_goes_on_while_nobody_looks(house: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "_SOON_S", 0.01)
    house.behind.hold = asyncio.Event()
    browser = await house.enter(Role.OPERATOR)
    assert (await browser.post("/console/models/own/restart")).status == 303
    page = (await browser.get("/console/models")).body
    assert b"an order is under way" in page
    assert page.count(b"disabled") == 2
    second = await browser.post("/console/models/own/drain")
    assert (second.status, b"engine_busy" in second.body) == (503, True)
    house.behind.hold.set()
    while any(one.running for one in house.parts.given.every()):
        await asyncio.sleep(0.01)
    assert house.behind.said == [("restart", "own")]
    assert "own , restart: done" in words((await browser.get("/console/models")).body)


async def test_an_engine_of_another_name_is_no_order(house: Office) -> None:
    browser = await house.enter(Role.OPERATOR)
    for name in ("other", "%3Cb%3E", "..%2F..", "own%00"):
        assert (await browser.post(f"/console/models/{name}/drain")).status == 404
    assert house.behind.said == []


async def test_a_viewer_is_shown_no_order(house: Office) -> None:
    pages = [(await (await house.enter(role)).get("/console/models")).body for role in (Role.VIEWER, Role.OPERATOR)]
    assert [page.count(b"/drain") for page in pages] == [0, 1]

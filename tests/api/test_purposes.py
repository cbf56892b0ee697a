"""The header that says why we ask over HTTP ourselves: believed with its proof alone, and told to no upstream."""

import pytest

from homeport.api.purposes import HEADER, Purposes, claim
from homeport.core.purposes import DRIFT_PROBE, OURS, QUALITY_JUDGE
from tests.fakes.house import CHAT, PEPPER, House
from tests.fakes.upstream import whole

PROVEN = claim(PEPPER, DRIFT_PROBE)


def test_a_proof_is_of_one_pepper_and_one_purpose() -> None:
    believed = Purposes(PEPPER)
    assert believed.of(PROVEN) == DRIFT_PROBE
    assert DRIFT_PROBE in OURS, "nothing of it is measured or drawn"
    assert Purposes(b"q" * 32).of(PROVEN) == ""
    assert believed.of(claim(PEPPER, QUALITY_JUDGE)) == "", "the judge asks in process: nobody says so over HTTP"


FORGED = [
    "",
    DRIFT_PROBE,
    f"{DRIFT_PROBE} ",
    f"{DRIFT_PROBE} {'0' * 64}",
    PROVEN.upper(),
    f"{PROVEN}, {PROVEN}",
    f" {PROVEN}",
    PROVEN.replace(DRIFT_PROBE, QUALITY_JUDGE),
    "drift:probé",
    "x" * 10_000,
]


@pytest.mark.parametrize("said", [None, *FORGED])
def test_what_proves_nothing(said: str | None) -> None:
    assert Purposes(PEPPER).of(said) == ""


@pytest.mark.parametrize("said", FORGED)
async def test_a_forged_header_changes_nothing(said: str) -> None:
    house = House()
    house.upstreams["own"].script(whole())
    assert (await house.ask(headers=[(HEADER, said)])).status == 200
    assert house.event.reason not in OURS


async def test_the_ledger_has_why_it_was_asked_and_the_upstream_sees_no_difference() -> None:
    house = House()
    house.upstreams["own"].script(whole())
    probed = await house.ask(headers=[(HEADER, PROVEN), ("cache-control", "no-store")])
    plain = await house.ask(headers=[("cache-control", "no-store")])
    ours, theirs = house.recorder.events
    assert (ours.reason, ours.cost, ours.local) == (DRIFT_PROBE, theirs.cost, theirs.local)
    assert theirs.reason not in OURS
    first, second = house.upstreams["own"].calls
    assert (first.fields, first.headers, first.timeouts) == (second.fields, second.headers, second.timeouts)
    assert all(PROVEN not in str(one) and DRIFT_PROBE not in str(one) for one in (first, probed.headers, probed.body))
    assert plain.json == probed.json


async def test_a_question_that_is_asked_all_day_is_no_loop() -> None:
    house = House()
    house.upstreams["own"].script(whole())
    asked = [(await house.ask(CHAT, headers=[(HEADER, PROVEN), ("x-homeport-trace", "t")])) for _ in range(60)]
    assert {caller.status for caller in asked} == {200}
    assert not any("x-homeport-loop" in caller.headers for caller in asked)
    others = [(await house.ask(CHAT, headers=[("x-homeport-trace", "t")])) for _ in range(60)]
    assert any("x-homeport-loop" in caller.headers or caller.status != 200 for caller in others)

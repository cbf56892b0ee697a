"""What the hedging benchmark makes of what it counted."""

import json
from typing import Any

import msgspec
import pytest

from bench import hedging
from bench.hedging import Bill, Side, bill, figures, worst
from bench.machine import choose_cores
from bench.native import Percentiles, has_compiler
from bench.targets import all_met, judge

PROMPT_TOKENS = 192
"""A quarter of the characters of the benchmark's prompt."""


def times(p99_ms: float) -> Percentiles:
    return Percentiles(samples=1_000, mean=9e4, p50=8e4, p90=2e5, p95=3e5, p99=p99_ms * 1e3, p999=3e6, max=3e6)


PAID = Bill(requests=1_100, calls=1_160, lost=60, cost=1_000, right=1_000)
HEDGED = Side(
    ttft_us=times(500), requests=1_000, errors=0, calls=1_055, upstream_calls=1_160, stalled=58, bill=PAID
)  # fmt: skip
PLAIN = Side(
    ttft_us=times(3_100),
    requests=1_000,
    errors=0,
    calls=1_000,
    upstream_calls=1_100,
    stalled=55,
    bill=Bill(requests=1_100, calls=1_100, lost=0, cost=900, right=900),
)


def sides(**changes: Any) -> dict[str, Side]:
    return {"hedged": msgspec.structs.replace(HEDGED, **changes), "plain": PLAIN}


def met(*rounds: dict[str, Side]) -> bool:
    return all_met(judge(hedging.TARGETS, worst(rounds)))


def test_a_good_round_meets_every_target() -> None:
    found = figures(sides())
    assert found["ttft_p99_x_shorter"] == pytest.approx(6.2)
    assert found["extra_calls_percent"] == pytest.approx(5.5)
    assert found["extra_cost_percent"] == pytest.approx(100 / 9)
    assert found["ttft_p95_ms_plain"] == 300
    assert met(sides())


@pytest.mark.parametrize(
    "change",
    [
        {"ttft_us": times(700)},
        {"calls": 1_081},
        {"errors": 1},
        {"upstream_calls": 1_161},
        {"upstream_calls": 1_150},
        {"bill": msgspec.structs.replace(PAID, cost=999)},
        {"bill": msgspec.structs.replace(PAID, cost=1_001)},
    ],
    ids=[
        "slow",
        "too many calls",
        "an error",
        "a call unbilled",
        "calls billed that none saw",
        "too cheap",
        "too dear",
    ],
)
def test_each_thing_that_is_not_as_it_should_be_fails(change: dict[str, Any]) -> None:
    assert not met(sides(**change))


def test_speed_is_judged_by_the_median_but_money_by_the_worst_round() -> None:
    slow, wrong = sides(ttft_us=times(700)), sides(bill=msgspec.structs.replace(PAID, cost=999))
    assert met(sides(), slow, sides())
    assert not met(sides(), wrong, sides())


def test_a_bill_has_the_lost_calls_in_it() -> None:
    """$0.40 and $1.60 a million tokens."""
    answer, prompt = 230 * 400 + 8 * 1_600, PROMPT_TOKENS * 400
    alone = json.dumps([{"error": "", "cost": 0}])
    raced = json.dumps([{"error": "", "cost": 0}, {"error": "hedge_lost", "cost": prompt}])
    found = bill([(answer, 230, 8, alone), (answer + prompt, 230, 8, raced)])
    assert found == Bill(requests=2, calls=3, lost=1, cost=2 * answer + prompt, right=2 * answer + prompt)
    assert bill([(answer, 230, 8, raced)]).right == answer + prompt, "whatever the ledger says"


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no C compiler is here")
def test_a_short_round_is_answered_and_billed_to_the_last_call() -> None:
    found = figures(hedging.measure(choose_cores(), hedging.QUICK, 0))
    never = [target for target in hedging.TARGETS if target.bound == 0]
    assert all_met(judge(never, found)), found

"""What requests under a budget hold and settle, however they end."""

import asyncio
from typing import Any

import msgspec
import pytest

from homeport.core.budgets import ScopeKind
from homeport.core.errors import ConnectFailed, UpstreamRefused, UpstreamTimeout
from homeport.core.money import Nano, PicoRate
from homeport.core.types import Completion, MachinePrice, Outcome, Surface, TokenPrice, UpstreamCall, Usage
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.spending import SpendingRules
from tests.fakes.bank import budget
from tests.fakes.house import API_PRICE, CHAT, MID, OWN, PROMPT, STREAM, TOP, House, target
from tests.fakes.upstream import DONE, Hang, ScriptedUpstream, counted, said, spoken, whole

USD = 1_000_000_000
COST = 1_250_000
"""Of one answer of the scripted upstreams, in nano-dollars."""

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause", " 9.") if body is STREAM else whole()


async def test_a_request_waits_for_one_that_may_give_money_back() -> None:
    house = House(MID, budgets=[budget(limit=5_000_000)], rules=SpendingRules(patience=5, default_output=600))
    house.upstreams["mid"].script(Hang(), whole(usage=Usage(input_tokens=10, output_tokens=10)))
    first = house.caller()
    hanging = first.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    second = house.caller({**CHAT, "max_tokens": 900}).start(house.app)
    await asyncio.sleep(0.05)
    assert not second.done()
    first.leave()
    await hanging
    assert (await second).status == 200
    await house.balanced()


@BOTH
async def test_a_caller_who_leaves_is_settled_for_what_was_produced(body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script([said("Clause"), Hang()] if body is STREAM else Hang())
    caller = house.caller(body)
    task = caller.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    assert sum(house.notes.amounts.values()) > 0
    caller.leave()
    await task
    assert house.event.outcome is Outcome.CANCELLED
    assert house.event.estimated
    assert house.event.cost > 0
    await house.balanced()


@BOTH
async def test_what_nobody_saw_is_presumed_and_never_above_the_hold(body: dict[str, Any]) -> None:
    """An upstream that is left goes on for a while, and bills what it made."""
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(whole(usage=Usage(input_tokens=40, output_tokens=100)))
    for _ in range(8):
        await house.ask({**CHAT, "max_tokens": 110})
    house.upstreams["mid"].script([said("Clause"), Hang()] if body is STREAM else Hang())
    house.upstreams["mid"].working = lambda: house.clock.advance(1_000_000_000)
    caller = house.caller({**body, "max_tokens": 110})
    task = caller.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    house.clock.advance(1_000_000_000)
    caller.leave()
    await task
    event = house.recorder.events[-1]
    assert event.input_tokens >= 40, "as the upstream counted the same prompt before"
    assert event.output_tokens == (33 if body is STREAM else 107)
    await house.balanced()


async def test_a_failed_call_that_may_be_billed_is_held_for_beside_the_next() -> None:
    house = House(MID, TOP, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(UpstreamTimeout("late"))
    house.upstreams["top"].script(whole())
    held: list[int] = []
    house.upstreams["top"].working = lambda: held.append(sum(house.notes.amounts.values()))
    assert (await house.ask()).status == 200
    assert house.event.cost == COST + house.event.attempts[0].cost
    assert held[0] > house.event.cost
    await house.balanced()


async def test_a_call_that_was_never_connected_gives_its_hold_to_the_next() -> None:
    house = House(MID, TOP, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(ConnectFailed("no"))
    house.upstreams["top"].script(whole())
    held: list[int] = []
    house.upstreams["mid"].working = lambda: held.append(sum(house.notes.amounts.values()))
    house.upstreams["top"].working = house.upstreams["mid"].working
    assert (await house.ask()).status == 200
    assert held[0] == held[1]
    await house.balanced()


async def test_a_further_call_is_not_made_for_want_of_money() -> None:
    dear = target(
        "dear",
        price=TokenPrice(source="list", input=PicoRate(10**9), cached_input=PicoRate(0), output=PicoRate(10**10)),
    )
    house = House(MID, dear, OWN, budgets=[budget(limit=50_000_000)])
    house.upstreams["mid"].script(ConnectFailed("no"))
    house.upstreams["own"].script(whole())
    assert (await house.ask()).status == 200
    assert [attempt.error for attempt in house.event.attempts] == ["upstream_unreachable", "budget_exceeded", ""]
    house = House(MID, dear, budgets=[budget(limit=50_000_000)])
    house.upstreams["mid"].script(ConnectFailed("no"))
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (429, "upstream_unavailable")
    assert caller.error["attempts"][1].startswith("dear: budget_exceeded")
    await house.balanced()


async def test_retries_are_held_for_once_where_nothing_was_lost() -> None:
    house = House(MID, budgets=[budget(limit=USD)], resilience=Resilience(retry=RetryPolicy(rounds=3)))
    house.upstreams["mid"].script(*(UpstreamRefused("busy", status=503, retryable=True) for _ in range(2)), whole())
    assert (await house.ask()).status == 200
    await house.balanced()
    assert house.bank.spent["bud_search", ""] == COST


RUNAWAY = [said("word") for _ in range(5_000)]


async def test_a_stream_that_ignores_its_bound_goes_on_as_long_as_there_is_money() -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=SpendingRules(default_output=100))
    house.upstreams["mid"].script([*RUNAWAY[:3_000], counted(Usage(input_tokens=10, output_tokens=3_000)), DONE])
    caller = await house.ask(STREAM)
    assert caller.body.endswith(b"data: [DONE]\n\n")
    assert house.event.output_tokens == 3_000
    await house.balanced()


@pytest.mark.parametrize(
    ("surface", "body", "native", "sign"),
    [
        ("chat/completions", STREAM, True, b'"finish_reason":"length"'),
        ("completions", {"model": "auto", "prompt": PROMPT, "stream": True}, True, b'"finish_reason":"length"'),
        ("messages", {**STREAM, "max_tokens": 100}, False, b'"stop_reason":"max_tokens"'),
        ("responses", {"model": "auto", "input": PROMPT, "stream": True}, False, b'"reason":"max_output_tokens"'),
    ],
)
async def test_a_runaway_stream_is_ended_as_one_that_is_too_long(
    surface: str, body: dict[str, Any], native: bool, sign: bytes
) -> None:
    place = MID if native else target("mid", price=API_PRICE, surfaces=frozenset({Surface.CHAT}))
    limit = 8_000_000
    house = House(place, budgets=[budget(limit=limit)], rules=SpendingRules(default_output=100, patience=0.1))
    house.upstreams["mid"].script(RUNAWAY)
    caller = await house.ask(body, surface=surface)
    assert caller.status == 200
    assert sign in caller.body
    assert b'"type":"error"' not in caller.body
    assert house.upstreams["mid"].cancelled == 1
    assert house.event.outcome is Outcome.COMPLETED
    assert house.event.reason == "budget:cut"
    assert limit // 2 < house.event.cost <= limit
    await house.balanced()


async def test_a_model_without_a_price_is_refused() -> None:
    house = House(target("mid"), budgets=[budget(limit=USD)])
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (403, "price_unknown_for_budget")
    assert house.calls() == []
    house = House(target("mid"))
    house.upstreams["mid"].script(whole())
    assert (await house.ask()).status == 200, "nothing caps it"


async def test_a_model_without_a_price_counts_as_the_ceiling() -> None:
    house = House(target("mid"), budgets=[budget(limit=30)], rules=SpendingRules(unknown_price=Nano(10), patience=0))
    house.upstreams["mid"].script(whole())
    assert [(await house.ask()).status for _ in range(4)] == [200, 200, 200, 429]
    assert {(event.cost, event.price_source) for event in house.recorder.events[:3]} == {
        (10, "budgets.unknown_price_usd")
    }
    await house.balanced()


async def test_while_the_database_cannot_be_asked_only_capped_requests_are_refused() -> None:
    capped = budget(limit=USD, kind=ScopeKind.KEY, scope="key_open")
    house = House(MID, OWN, budgets=[capped])
    house.bank.closed = True
    house.upstreams["mid"].script(whole())
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (503, "budget_unavailable")
    assert "the database is locked" in caller.error["message"]
    house.upstreams["own"].script(whole())
    assert (await house.ask({**CHAT, "model": "own"})).status == 200
    house.book = type(house.book)([budget(limit=USD, kind=ScopeKind.KEY, scope="key_other")])
    assert (await house.ask()).status == 200


async def test_the_bank_goes_away_while_requests_are_under_way() -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(whole())
    assert (await house.ask()).status == 200
    house.bank.closed = True
    statuses = [(await house.ask({**CHAT, "max_tokens": 200})).status for _ in range(100)]
    assert statuses[0] == 200, "the lease is spent first"
    house.bank.closed = False
    await house.balanced()


async def test_a_call_that_is_paid_by_its_time_is_given_up_when_its_hold_is_used_up() -> None:
    """3.60 USD an hour: 600 s cost 0.60 USD, and 0.05 USD pay for 50 s."""
    hourly = target("mid", price=MachinePrice(source="second", hourly=Nano(3_600_000_000)))
    house = House(hourly, budgets=[budget(limit=50_000_000)])
    house.upstreams["mid"].script(whole())
    house.upstreams["mid"].working = lambda: house.clock.advance(2_000_000_000)
    assert (await house.ask()).status == 200
    [call] = house.upstreams["mid"].calls
    assert 30 <= call.timeouts.total <= 50
    assert house.event.cost == 2_000_000
    await house.balanced()
    rich = House(hourly, budgets=[budget(limit=10 * USD)])
    rich.upstreams["mid"].script(whole())
    assert (await rich.ask()).status == 200
    assert rich.upstreams["mid"].calls[0].timeouts == hourly.timeouts
    assert (await House(hourly, budgets=[budget(limit=20_000_000)]).ask()).status == 429, "less than 30 s"


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("responses", {"model": "auto", "input": PROMPT, "max_output_tokens": 10**30, "n": 10**30}),
        ("chat/completions", {**CHAT, "max_tokens": 10_000_000, "n": 128}),
        ("messages", {**CHAT, "max_tokens": 10_000_000, "n": "many"}),
        ("completions", {"model": "auto", "prompt": [[1] * 100], "max_tokens": None, "best_of": 20}),
    ],
)
async def test_absurd_bounds_are_not_trusted(surface: str, body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(whole(usage=Usage(input_tokens=10, output_tokens=10)))
    caller = await house.ask(body, surface=surface)
    assert caller.status in {200, 400, 429}
    for sent in house.upstreams["mid"].calls:
        bounds = [int(bytes(sent.fields[name])) for name in sent.fields if "tokens" in name]
        assert max(bounds) * 4_000 <= USD
    await house.balanced()


async def test_a_hedge_is_held_for_too() -> None:
    hedging = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))
    house = House(MID, resilience=hedging, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(whole())
    house.upstreams["mid"].working = lambda: house.clock.advance(10_000_000)
    for _ in range(20):
        await house.ask()
    held: list[int] = []
    house.upstreams["mid"].working = lambda: held.append(sum(house.notes.amounts.values()))
    house.upstreams["mid"].script(Hang(), whole())
    assert (await house.ask()).status == 200
    assert held[1] > 1.2 * held[0] > 0
    assert [attempt.error for attempt in house.recorder.events[-1].attempts] == ["", "hedge_lost"]
    await house.balanced()


async def test_no_cost_is_above_the_cap_whatever_is_asked_at_once() -> None:
    """Two hundred callers, a cap for about fifty answers, upstreams that use all they may."""
    limit = 50 * COST
    house = House(MID, budgets=[budget(limit=limit)], max_in_flight=500, rules=SpendingRules(patience=0.3))

    class Greedy(ScriptedUpstream):
        async def complete(self, call: UpstreamCall) -> Completion:
            await asyncio.sleep(0.001)
            bound = msgspec.json.decode(call.fields["max_tokens"], type=int)
            return whole(usage=Usage(input_tokens=30, output_tokens=min(bound, 300)))

    house.serve("at-mid", Greedy())
    callers = await asyncio.gather(*(house.ask({**CHAT, "max_tokens": 2_000}) for _ in range(200)))
    assert {caller.status for caller in callers} <= {200, 429}
    spent = sum(event.cost for event in house.recorder.events)
    assert 0.97 * limit <= spent <= limit
    await house.balanced()

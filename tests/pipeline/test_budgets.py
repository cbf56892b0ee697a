"""Requests under a budget: what is held, what is sent, what is settled, and what happens when nothing is left."""

import asyncio
from typing import Any

import msgspec
import pytest

from homeport.core.budgets import Action, ScopeKind, Window
from homeport.core.errors import ConnectFailed, UpstreamRefused, UpstreamTimeout
from homeport.core.money import Nano, PicoRate
from homeport.core.types import Completion, Key, Outcome, Surface, TokenPrice, UpstreamCall, Usage
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.spending import SpendingRules
from tests.fakes.bank import budget
from tests.fakes.house import API_PRICE, CHAT, EMBED, MID, OPEN, OWN, PROMPT, STREAM, TOP, House, seen, target
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import DONE, Hang, ScriptedUpstream, counted, said, spoken, vectors, whole

USD = 1_000_000_000
COST = 1_250_000
"""Of one answer of the scripted upstreams, in nano-dollars."""

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause", " 9.") if body is STREAM else whole()


async def balanced(house: House) -> None:
    """Nothing is reserved any more, and what was settled is what the records say, in every account."""
    await house.wallet.close()
    assert set(house.notes.amounts.values()) <= {0}
    billed = sum(event.cost for event in house.recorder.events if not event.local)
    for name, leases in house.bank.leases.items():
        assert house.bank.spent[name] == billed
        assert set(leases.values()) == {0}


@BOTH
async def test_an_answer_is_held_for_and_settled(body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(answering(body))
    caller = await house.ask(body)
    assert caller.status == 200
    assert house.event.cost == COST
    assert house.event.holder == "this"
    await balanced(house)
    assert house.bank.spent["bud_search", ""] == COST


async def test_the_header_says_what_is_left() -> None:
    house = House(MID, budgets=[budget(limit=USD), budget("small", limit=USD // 2)])
    house.upstreams["mid"].script(whole())
    caller = await house.ask()
    assert caller.headers["x-homeport-budget-remaining"] == "0.498750000"


async def test_without_a_budget_nothing_is_asked_or_told() -> None:
    house = House(MID, budgets=[budget(limit=1, kind=ScopeKind.KEY, scope="key_other")])
    house.upstreams["mid"].script(whole())
    caller = await house.ask()
    assert caller.status == 200
    assert "x-homeport-budget-remaining" not in caller.headers
    assert house.bank.trades == 0
    assert seen(house.upstreams["mid"]) == CHAT


@BOTH
async def test_an_empty_budget_refuses(body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=1000)])
    caller = await house.ask(body)
    assert caller.status == 429
    assert caller.error["code"] == "budget_exceeded"
    assert caller.error["type"] == "insufficient_quota"
    assert "'search'" in caller.error["message"]
    assert "0.00 of 0.000001 USD in all are spent" in caller.error["message"]
    assert caller.headers["x-should-retry"] == "false"
    assert "attempts" not in caller.error
    assert house.calls() == []
    assert (house.event.outcome, house.event.error, house.event.cost) == (Outcome.REJECTED, "budget_exceeded", 0)
    await balanced(house)


async def test_a_window_that_resets_says_when() -> None:
    house = House(MID, budgets=[budget(limit=1000, window=Window.MONTH)])
    house.bank.resets_at = house.clock.wall + 90_000_000_000
    caller = await house.ask()
    assert caller.status == 429
    assert caller.headers["retry-after"] == "90"
    assert "more is free in 90 seconds" in caller.error["hint"]


async def test_the_upstream_is_told_a_bound_that_the_hold_pays_for() -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=SpendingRules(patience=0.2, default_output=500))
    house.upstreams["mid"].script(whole())
    await house.ask()
    assert seen(house.upstreams["mid"]) == {**CHAT, "max_completion_tokens": 500}


@pytest.mark.parametrize(
    ("surface", "body", "field"),
    [
        ("chat/completions", {**CHAT, "max_tokens": 8000}, "max_tokens"),
        ("chat/completions", {**CHAT, "max_completion_tokens": 8000, "n": 2}, "max_completion_tokens"),
        ("completions", {"model": "auto", "prompt": PROMPT, "max_tokens": 8000}, "max_tokens"),
        ("responses", {"model": "auto", "input": PROMPT, "max_output_tokens": 8000}, "max_output_tokens"),
        ("messages", {"model": "auto", "max_tokens": 8000, "messages": CHAT["messages"]}, "max_tokens"),
    ],
)
async def test_as_a_budget_empties_answers_are_bounded(surface: str, body: dict[str, Any], field: str) -> None:
    """Eight ordinary answers are known; the worst case is far more than is left."""
    house = House(MID, budgets=[budget(limit=40_000_000)])
    house.upstreams["mid"].script(whole(usage=Usage(input_tokens=10, output_tokens=100)))
    for _ in range(8):
        assert (await house.ask(body, surface=surface)).status == 200
    house.upstreams["mid"].calls.clear()
    await house.ask(body, surface=surface)
    bound = seen(house.upstreams["mid"])[field]
    assert 100 <= bound < 8000
    choices = body.get("n", 1)
    held = max(house.notes.amounts.values())
    assert held == 0
    assert bound * choices * 4_000 < 40_000_000 // 8, "what it may cost is a small part of what is left"
    await balanced(house)


async def test_a_bound_that_fits_is_left_alone() -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(whole())
    await house.ask({**CHAT, "max_tokens": 30})
    assert seen(house.upstreams["mid"]) == {**CHAT, "max_tokens": 30}


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("embeddings", EMBED),
        ("rerank", {"model": "auto", "query": "a", "documents": ["b", "c"]}),
        ("moderations", {"model": "mid", "input": PROMPT}),
    ],
)
async def test_what_generates_nothing_is_held_for_by_its_prompt(surface: str, body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=2_000_000)])
    house.upstreams["mid"].script(vectors(Usage(input_tokens=10)))
    caller = await house.ask(body, surface=surface)
    assert caller.status == 200
    assert seen(house.upstreams["mid"]) == body
    await balanced(house)
    assert (await House(MID, budgets=[budget(limit=10)]).ask(body, surface=surface)).status == 429


async def test_an_own_model_answers_whatever_is_left() -> None:
    house = House(OWN, MID, budgets=[budget(limit=0)])
    house.upstreams["own"].script(whole())
    assert (await house.ask()).status == 200
    await balanced(house)


async def test_degrade_answers_at_home() -> None:
    house = House(MID, OWN, budgets=[budget("café", limit=0, action=Action.DEGRADE)])
    house.upstreams["own"].script(whole())
    caller = await house.ask()
    assert (caller.status, caller.headers["x-homeport-model"]) == (200, "own")
    assert caller.headers["x-homeport-reason"] == "budget:caf?"
    assert house.calls() == ["own"]
    assert house.event.reason == "budget:caf?"


async def test_degrade_without_a_model_at_home_refuses() -> None:
    house = House(MID, TOP, budgets=[budget(limit=0, action=Action.DEGRADE)])
    assert (await house.ask()).status == 429
    house = House(MID, OWN, budgets=[budget(limit=0, action=Action.DEGRADE)])
    assert (await house.ask({**CHAT, "model": "mid"})).status == 429, "it named a model that is not at home"


async def test_queue_waits_until_time_has_passed() -> None:
    house = House(MID, budgets=[budget(limit=0, action=Action.QUEUE, window=Window.HOUR)])
    house.bank.resets_at = house.clock.wall + 3_000_000_000
    house.upstreams["mid"].script(whole())

    def later() -> None:
        if len(house.slept) >= 3:
            house.book = type(house.book)([budget(limit=USD, action=Action.QUEUE, window=Window.HOUR)])
            for purse in house.wallet.purses(house.book.accounts(next(iter(house.keys._keys.values())), "", "")):  # type: ignore[attr-defined]
                purse.dry_until = 0

    house.bank.before = later
    caller = await house.ask()
    assert caller.status == 200
    assert sum(house.slept) >= 3


async def test_queue_does_not_wait_beyond_the_deadline() -> None:
    house = House(MID, budgets=[budget(limit=0, action=Action.QUEUE, window=Window.HOUR)])
    house.bank.resets_at = house.clock.wall + 60_000_000_000
    caller = await house.ask(headers=[("x-homeport-timeout", "30")])
    assert caller.status == 429
    assert house.slept == []


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
    await balanced(house)


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
    assert house.event.cost > 0
    await balanced(house)


async def test_a_failed_call_that_may_be_billed_is_held_for_beside_the_next() -> None:
    house = House(MID, TOP, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(UpstreamTimeout("late"))
    house.upstreams["top"].script(whole())
    held: list[int] = []
    house.upstreams["top"].working = lambda: held.append(sum(house.notes.amounts.values()))
    assert (await house.ask()).status == 200
    assert house.event.cost == COST + house.event.attempts[0].cost
    assert held[0] > house.event.cost
    await balanced(house)


async def test_a_call_that_was_never_connected_gives_its_hold_to_the_next() -> None:
    house = House(MID, TOP, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(ConnectFailed("no"))
    house.upstreams["top"].script(whole())
    held: list[int] = []
    house.upstreams["mid"].working = lambda: held.append(sum(house.notes.amounts.values()))
    house.upstreams["top"].working = house.upstreams["mid"].working
    assert (await house.ask()).status == 200
    assert held[0] == held[1]
    await balanced(house)


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
    await balanced(house)


async def test_retries_are_held_for_once_where_nothing_was_lost() -> None:
    house = House(MID, budgets=[budget(limit=USD)], resilience=Resilience(retry=RetryPolicy(rounds=3)))
    house.upstreams["mid"].script(*(UpstreamRefused("busy", status=503, retryable=True) for _ in range(2)), whole())
    assert (await house.ask()).status == 200
    await balanced(house)
    assert house.bank.spent["bud_search", ""] == COST


RUNAWAY = [said("word") for _ in range(5_000)]


async def test_a_stream_that_ignores_its_bound_goes_on_as_long_as_there_is_money() -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=SpendingRules(default_output=100))
    house.upstreams["mid"].script([*RUNAWAY[:3_000], counted(Usage(input_tokens=10, output_tokens=3_000)), DONE])
    caller = await house.ask(STREAM)
    assert caller.body.endswith(b"data: [DONE]\n\n")
    assert house.event.output_tokens == 3_000
    await balanced(house)


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
    await balanced(house)


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
    await balanced(house)


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
    await balanced(house)


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
    assert held[1] > 1.5 * held[0] > 0
    assert [attempt.error for attempt in house.recorder.events[-1].attempts] == ["", "hedge_lost"]
    await balanced(house)


SCOPES = [
    (ScopeKind.ALL, ""),
    (ScopeKind.PROJECT, "acme"),
    (ScopeKind.PROJECT, "acme/search"),
    (ScopeKind.KEY, "key_open"),
    (ScopeKind.USER, "ann"),
    (ScopeKind.USER, "*"),
    (ScopeKind.TRACE, "t1"),
    (ScopeKind.TRACE, "*"),
]


@pytest.mark.parametrize(("kind", "scope"), SCOPES)
async def test_every_scope(kind: ScopeKind, scope: str) -> None:
    keys = FixedKeyRing({OPEN: Key(id="key_open", name="open", project="acme/search")})
    house = House(MID, keys=keys, budgets=[budget(limit=1, kind=kind, scope=scope)])
    caller = await house.ask(headers=[("x-homeport-user", "ann"), ("x-homeport-trace", "t1")])
    assert caller.status == 429


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (ScopeKind.PROJECT, "acme/sea"),
        (ScopeKind.PROJECT, "acme/search/deep"),
        (ScopeKind.KEY, "key_other"),
        (ScopeKind.USER, "bob"),
        (ScopeKind.TRACE, "*"),
    ],
)
async def test_other_scopes(kind: ScopeKind, scope: str) -> None:
    keys = FixedKeyRing({OPEN: Key(id="key_open", name="open", project="acme/search")})
    house = House(MID, keys=keys, budgets=[budget(limit=1, kind=kind, scope=scope)])
    house.upstreams["mid"].script(whole())
    assert (await house.ask(headers=[("x-homeport-user", "ann")])).status == 200


async def test_each_user_has_an_account() -> None:
    house = House(MID, budgets=[budget(limit=10_000_000, kind=ScopeKind.USER, scope="*")])
    house.upstreams["mid"].script(whole())
    for user in ("ann", "bob"):
        assert (await house.ask({**CHAT, "user": user})).status == 200
    await house.wallet.close()
    assert house.bank.spent == {("bud_search", "ann"): COST, ("bud_search", "bob"): COST}


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
    await balanced(house)

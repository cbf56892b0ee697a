"""Requests under a budget: what is held, what is sent, what is settled, and what happens when nothing is left."""

from typing import Any

import pytest

from homeport.core.budgets import Action, ScopeKind, Window
from homeport.core.types import Key, Outcome, Usage
from homeport.pipeline.spending import SpendingRules
from tests.fakes.bank import budget
from tests.fakes.house import CHAT, EMBED, MID, OPEN, OWN, PROMPT, STREAM, TOP, House, seen
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import spoken, vectors, whole

USD = 1_000_000_000
COST = 1_250_000
"""Of one answer of the scripted upstreams, in nano-dollars."""

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause", " 9.") if body is STREAM else whole()


@BOTH
async def test_an_answer_is_held_for_and_settled(body: dict[str, Any]) -> None:
    house = House(MID, budgets=[budget(limit=USD)])
    house.upstreams["mid"].script(answering(body))
    caller = await house.ask(body)
    assert caller.status == 200
    assert house.event.cost == COST
    assert house.event.holder == "this"
    await house.balanced()
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
    await house.balanced()


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
    assert seen(house.upstreams["mid"]) == {**CHAT, "max_tokens": 500}


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
    await house.balanced()


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
    await house.balanced()
    assert (await House(MID, budgets=[budget(limit=10)]).ask(body, surface=surface)).status == 429


async def test_an_own_model_answers_whatever_is_left() -> None:
    house = House(OWN, MID, budgets=[budget(limit=0)])
    house.upstreams["own"].script(whole())
    assert (await house.ask()).status == 200
    await house.balanced()


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


async def test_the_record_says_which_budget_refused() -> None:
    house = House(MID, budgets=[budget("plenty", limit=USD), budget("tight", limit=1)])
    refused = await house.ask()
    assert (refused.status, refused.error["code"]) == (429, "budget_exceeded")
    assert (house.event.error, house.event.reason) == ("budget_exceeded", "budget:tight")

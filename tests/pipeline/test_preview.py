"""A dry run says what the request itself would meet, and leaves nothing behind."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from homeport.config.privacy import PrivacySettings
from homeport.core.budgets import Action
from homeport.core.discovery import discover, load
from homeport.core.errors import UpstreamRefused
from homeport.core.types import Capability, Surface
from homeport.routing.policies.base import PolicySetup
from tests.conformance.test_policies import NEEDED, POLICIES
from tests.fakes.bank import budget
from tests.fakes.house import CHAT, MID, OPEN, OWN, PRIVATE, TOP, House, target
from tests.fakes.router import router
from tests.fakes.upstream import spoken, vectors, whole

TIERS = ("home", "mid", "top")
OPTIONS: dict[str, dict[str, Any]] = {"weighted": {"weights": {"home": 3, "mid": 2, "top": 1}}}
EXPLORING = ("cheapest", "complexity", "cascade")


def house(policy: str, **more: Any) -> House:
    options = {**NEEDED.get(policy, {}), **OPTIONS.get(policy, {})}
    if policy in EXPLORING:
        options["explore"] = 0.1
    setup = PolicySetup(options=options, tiers=TIERS, router=router())
    blind = target("blind", tier="mid", capabilities=frozenset({Capability.TOOLS}), context_tokens=200)
    return House(OWN, MID, blind, TOP, policy=load(POLICIES, policy).create(setup), **more)


def requests(dice: random.Random) -> Iterator[tuple[Surface, dict[str, Any]]]:
    """What callers may send, conversations among it that go on."""
    open_: list[list[dict[str, Any]]] = []
    while True:
        model = dice.choice(["auto"] * 6 + ["mid", "top", "blind", "home"])
        more: dict[str, Any] = dice.choice([{}, {}, {"tools": [{"type": "function", "function": {"name": "f"}}]}])
        match dice.randrange(8):
            case 0:
                yield Surface.EMBEDDING, {"model": dice.choice(["auto", "own"]), "input": "x" * dice.randrange(1, 50)}
            case 1:
                yield Surface.COMPLETION, {"model": model, "prompt": "x" * dice.randrange(1, 120)}
            case 2 | 3 | 4 if open_:
                messages = dice.choice(open_)
                messages += [{"role": "assistant", "content": "Yes."}, _said(dice)]
                yield Surface.CHAT, {"model": "auto", "messages": list(messages), "stream": dice.random() < 0.3}
            case _:
                open_.append([_said(dice)])
                yield Surface.CHAT, {"model": model, "messages": list(open_[-1]), **more}


def _said(dice: random.Random) -> dict[str, Any]:
    text = f"{dice.random()} {'x' * dice.randrange(1, 70)}"
    if dice.random() < 0.1:
        return {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {}}]}
    return {"role": "user", "content": text}


@pytest.mark.parametrize("policy", sorted(discover(POLICIES)))
async def test_what_a_dry_run_says_is_what_happens(policy: str) -> None:
    """1,200 random requests over all policies, each asked about and then sent."""
    here, dice, told = house(policy), random.Random(policy), Counter[str]()
    sent = requests(dice)
    for _ in range(200):
        surface, body = next(sent)
        token = dice.choice([OPEN, OPEN, PRIVATE])
        dry = await here.ask(body, surface=f"route?surface={surface}", token=token)
        for upstream in here.upstreams.values():
            if surface is Surface.EMBEDDING:
                upstream.script(vectors())
            else:
                upstream.script(spoken("Yes.") if body.get("stream") else whole())
        live = await here.ask(body, surface=surface, token=token)
        assert dry.status == live.status, (dry.json, body)
        if live.status == 200:
            assert dry.json["reason"] == live.headers["x-homeport-reason"], body
            if "x-homeport-escalation" not in live.headers:
                answered = live.headers["x-homeport-tier"], live.headers["x-homeport-model"]
                assert (dry.json["tier"], dry.json["model"]) == answered
            assert token != PRIVATE or dry.json["candidates"][0]["local"]
            told[live.headers["x-homeport-reason"].partition(":")[0]] += 1
        else:
            assert dry.error["code"] == live.error["code"]
    assert told[policy] > 20
    assert told["pinned"] > 5
    if policy == "complexity":
        assert told["session"] > 3, told


async def test_it_leaves_nothing_behind() -> None:
    here = house("complexity", budgets=[budget(limit=10**9)])
    before = here.pipeline  # the same for every request
    for _ in range(50):
        dry = await here.ask(CHAT, surface="route")
        assert dry.status == 200
    assert before is here.pipeline
    assert here.calls() == []
    assert here.recorder.events == []
    assert here.sessions.noted == {}
    assert here.bank.leases.get(("bud_search", ""), {}) == {} or set(here.bank.leases["bud_search", ""].values()) == {0}
    assert here.notes.amounts == {}
    assert here.admission.in_flight == 0


async def test_it_teaches_the_policy_nothing() -> None:
    here = house("complexity")
    policy: Any = here.policy
    held = policy.held
    await here.ask(CHAT, surface="route")
    assert policy.held == held
    here.upstreams["own"].script(whole())
    await here.ask(CHAT)
    assert policy.held != held


async def test_it_tells_all_there_is_to_tell() -> None:
    here = house("complexity")
    told = (await here.ask(CHAT, surface="route")).json
    assert (told["tier"], told["model"], told["reason"], told["policy"]) == (
        "home",
        "own",
        "complexity:home",
        "complexity",
    )
    assert told["router"]["version"] == 3
    assert told["router"]["features"] == [{"name": "length", "amount": pytest.approx(0.31)}]
    assert [tier["tier"] for tier in told["tiers"]] == ["home", "mid", "top"]
    assert all(tier["success"] for tier in told["tiers"])
    assert told["tiers"][1]["threshold"] == pytest.approx(0.7)
    assert told["counterfactual"]["tier"] == "top"
    assert told["privacy"] == {
        "data_class": "open",
        "action": "allow",
        "classes": [],
        "recognizers": [],
        "reason": "",
    }
    assert told["cost_usd"]
    private = (await here.ask(CHAT, surface="route", token=PRIVATE)).json
    assert {one["why"] for one in private["removed"]} == {"data_class"}
    assert private["privacy"]["action"] == "local_only"


async def test_a_budget_that_sends_home_is_told() -> None:
    here = House(MID, OWN, budgets=[budget(limit=1000, action=Action.DEGRADE)])
    dry = await here.ask(CHAT, surface="route")
    assert (dry.json["tier"], dry.json["reason"]) == ("home", "budget:search")
    here.upstreams["own"].script(whole())
    live = await here.ask(CHAT)
    assert live.headers["x-homeport-reason"] == dry.json["reason"]


async def test_a_budget_that_refuses_is_told() -> None:
    here = House(MID, budgets=[budget(limit=1000)])
    dry, live = await here.ask(CHAT, surface="route"), await here.ask(CHAT)
    assert (dry.status, dry.error["code"]) == (live.status, live.error["code"]) == (429, "budget_exceeded")
    plenty = House(MID, budgets=[budget(limit=10**9)])
    assert (await plenty.ask(CHAT, surface="route")).json["reason"] == "static:mid"


async def test_what_is_down_is_passed_over_and_comes_last() -> None:
    here = house("cheapest")
    here.health.down.add("at-mid")
    dry = (await here.ask(CHAT, surface="route")).json
    assert dry["candidates"][-1]["model"] == "mid"
    assert dry["candidates"][-1]["closed"] == "not_ready"
    assert {"model": "mid", "tier": "mid", "upstream": "at-mid", "why": "not_ready"} in dry["removed"]


async def test_the_version_that_decided_is_in_the_answer() -> None:
    here = house("complexity")
    here.upstreams["own"].script(UpstreamRefused("broken", status=500, retryable=True))
    here.upstreams["mid"].script(whole())
    live = await here.ask(CHAT)
    assert live.headers["x-homeport-router"] == "3"
    plain = House(OWN)
    plain.upstreams["own"].script(whole())
    assert "x-homeport-router" not in (await plain.ask(CHAT)).headers


@pytest.mark.parametrize("action", ["local_only", "redact_and_restore", "block"])
async def test_what_is_found_is_told_by_its_name_and_not_remembered(action: str) -> None:
    card = "4111 1111 1111 1111"
    here = house("complexity", privacy=PrivacySettings.model_validate({"find": {"payment_card": action}}))
    body = {**CHAT, "messages": [{"role": "user", "content": f"My card is {card}."}]}
    dry = await here.ask(body, surface="route")
    assert here.taints.known == {}
    assert card not in dry.body.decode()
    for upstream in here.upstreams.values():
        upstream.script(whole())
    live = await here.ask(body)
    assert dry.status == live.status
    if action == "block":
        assert dry.error["code"] == live.error["code"] == "content_blocked"
        return
    assert dry.json["reason"] == live.headers["x-homeport-reason"]
    assert (dry.json["privacy"]["action"], dry.json["privacy"]["recognizers"]) == (action, ["payment_card"])

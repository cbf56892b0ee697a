"""Weighted, cheapest and latency: who is preferred, who stays."""

from collections import Counter

import msgspec
import pytest

from homeport.core.errors import ConfigError
from homeport.core.routing import Decision
from homeport.core.types import Target
from homeport.routing.policies import cheapest, latency, weighted
from homeport.routing.policies.base import PolicySetup
from tests.fakes.facts import SetFacts, question
from tests.fakes.house import MID, OWN, TOP
from tests.routing.test_eligibility import inference

ALL = (OWN, MID, TOP)


def named(decision: Decision) -> list[str]:
    return [target.name for target in decision.candidates]


def weigh(facts: SetFacts, eligible: tuple[Target, ...] = ALL, **weights: float) -> Decision:
    return weighted.create(PolicySetup(options={"weights": weights})).decide(question(inference(), facts), eligible)


def test_weights_are_shares_and_the_others_stand_behind() -> None:
    first = Counter(named(weigh(SetFacts(draw=n / 100), mid=9, top=1))[0] for n in range(100))
    assert first == {"mid": 90, "top": 10}
    canary = weigh(SetFacts(draw=0.95), mid=9, top=1)
    assert (named(canary), canary.reason, canary.propensity) == (["top", "own", "mid"], "weighted:top", 0.1)


def test_weights_of_those_who_are_eligible_alone_count() -> None:
    decision = weigh(SetFacts(draw=0.1), (OWN, TOP), mid=9, top=1)
    assert (named(decision), decision.propensity) == (["top", "own"], 1.0)
    assert named(weigh(SetFacts(), (OWN,), mid=9, top=1)) == ["own"]


def test_a_models_own_weight_wins_over_its_tiers() -> None:
    new = msgspec.structs.replace(OWN, name="new", model="new")
    first = Counter(named(weigh(SetFacts(draw=n / 100), (new, OWN), new=1, **{OWN.tier: 9}))[0] for n in range(100))
    assert first == {"new": 10, "own": 90}
    assert named(weigh(SetFacts(), (new, OWN), new=0, **{OWN.tier: 1})) == ["own", "new"]


def test_weights_that_are_nothing_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        weigh(SetFacts(), mid=0)
    assert caught.value.code == "policy_option_invalid"


def cheap(facts: SetFacts, session: str = "", **options: float) -> Decision:
    return cheapest.create(PolicySetup(options=options)).decide(question(inference(), facts, session), ALL)


def test_the_cheapest_first_and_those_without_a_price_last() -> None:
    decision = cheap(SetFacts(costs={"top": 5, "mid": 3}))
    assert (named(decision), decision.reason) == (["mid", "top", "own"], "cheapest:mid")


def test_a_conversation_moves_only_where_that_saves_enough() -> None:
    costs = {"own": 100, "mid": 90, "top": 300}
    assert cheap(SetFacts(costs=costs), "home").reason == "session:home"
    assert cheap(SetFacts(costs=costs), "home", switch_margin=0.05).reason == "cheapest:mid"
    assert cheap(SetFacts(costs=costs), "top").reason == "cheapest:mid"


def test_a_prompt_that_is_cached_is_cheaper_where_it_is() -> None:
    facts = SetFacts(costs={"own": 100, "mid": 90, "top": 300}, warm={"top": 80})
    assert cheap(facts, "top").reason == "cheapest:top"


def test_exploring_reaches_every_tier() -> None:
    found = {cheap(SetFacts(draw=n / 100, costs={"own": 1, "mid": 2, "top": 3}), explore=0.3).reason for n in range(30)}
    assert found == {"cheapest:home", "explore:mid", "explore:top"}
    assert cheap(SetFacts(draw=0.3, costs={"own": 1}), explore=0.3).reason == "cheapest:home"


def quick(facts: SetFacts, session: str = "", **options: float) -> Decision:
    return latency.create(PolicySetup(options=options)).decide(question(inference(), facts, session), ALL)


def test_the_quickest_first_and_load_counts() -> None:
    times = {"own": 1.0, "mid": 0.5, "top": 2.0}
    decision = quick(SetFacts(first_tokens=times))
    assert (named(decision), decision.reason) == (["mid", "own", "top"], "latency:mid")
    assert named(quick(SetFacts(first_tokens=times, loads={"mid": 20_000})))[0] == "own"


def test_unknown_ones_are_tried_by_a_share_of_conversations() -> None:
    times = {"own": 1.0}
    assert named(quick(SetFacts(first_tokens=times, draw=0.5))) == ["own", "mid", "top"]
    tried = {quick(SetFacts(first_tokens=times, draw=draw)).reason for draw in (0.01, 0.04)}
    assert tried == {"explore:mid", "explore:top"}
    assert quick(SetFacts(draw=0.01)).reason == "latency:home", "nothing is known of anybody"


def test_a_conversation_moves_only_where_it_gains_time() -> None:
    times = {"own": 1.0, "mid": 0.9, "top": 2.0}
    assert quick(SetFacts(first_tokens=times), "home").reason == "session:home"
    assert quick(SetFacts(first_tokens=times), "top").reason == "latency:mid"
    assert quick(SetFacts(first_tokens=times), "home", switch_margin=0.0).reason == "latency:mid"

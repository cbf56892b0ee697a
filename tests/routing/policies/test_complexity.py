"""Where a request begins by its score: the split, its value, the session, the cascade."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.core.errors import ConfigError
from homeport.core.routing import Decision, Prompt, Question
from homeport.core.types import Surface, Target
from homeport.routing.policies import cascade, complexity
from homeport.routing.policies.base import PolicySetup
from homeport.routing.policies.complexity import Complexity
from homeport.storage.held import HeldNumbers
from tests.fakes.facts import SetFacts, question
from tests.fakes.house import MID, OWN, TOP
from tests.fakes.router import SKETCH, LengthScorer, router
from tests.routing.test_eligibility import inference

ALL = (OWN, MID, TOP)
TIERS = ("home", "mid", "top")


def setup(**options: Any) -> PolicySetup:
    return PolicySetup(options=options, tiers=TIERS, router=router())


def asked(score: int, session: str = "", **facts: Any) -> Question:
    """Of so many hundredths."""
    return question(inference(), SetFacts(prompt=Prompt(chars=score), **facts), session)


def named(decision: Decision) -> list[str]:
    return [target.name for target in decision.candidates]


def answer(
    score: int,
    session: str = "",
    *,
    eligible: tuple[Target, ...] = ALL,
    facts: dict[str, Any] | None = None,
    **options: Any,
) -> Decision:
    return complexity.create(setup(**options)).decide(asked(score, session, **(facts or {})), eligible)


@pytest.mark.parametrize(
    ("score", "order"),
    [(0, ["own", "mid", "top"]), (69, ["own", "mid", "top"]), (80, ["mid", "top", "own"]), (95, ["top", "mid", "own"])],
)
def test_the_score_chooses_and_failover_goes_up_first(score: int, order: list[str]) -> None:
    decision = answer(score)
    assert named(decision) == order
    assert (decision.reason, decision.cascade) == (f"complexity:{decision.candidates[0].tier}", False)


def test_it_says_why() -> None:
    told = answer(80).explanation
    assert told is not None
    assert (told.policy, told.version, told.score, told.features) == ("complexity", 3, 0.8, (("length", 0.8),))
    assert told.thresholds == {"mid": pytest.approx(0.7), "top": pytest.approx(0.92)}
    assert told.success == {"home": pytest.approx(0.2), "mid": pytest.approx(0.55), "top": 0.9}


def test_a_tier_that_is_closed_is_stood_in_for_by_the_next_stronger_one() -> None:
    assert named(answer(80, eligible=(OWN, TOP))) == ["top", "own"]
    assert named(answer(95, eligible=(OWN, MID))) == ["mid", "own"]
    assert answer(95, eligible=(OWN,)).reason == "complexity:home"


@pytest.mark.parametrize("surface", [Surface.EMBEDDING, Surface.RERANK, Surface.MODERATION])
def test_what_does_not_compare_is_not_scored(surface: Surface) -> None:
    policy = complexity.create(setup())
    decision = policy.decide(question(inference(surface=surface), SetFacts(prompt=Prompt(chars=99))), ALL)
    assert decision.candidates[0] is OWN
    assert decision.explanation is None


@pytest.mark.parametrize(
    ("score", "session", "reason"),
    [
        (75, "home", "session:home"),
        (85, "home", "complexity:mid"),
        (65, "mid", "session:mid"),
        (55, "mid", "complexity:home"),
        (95, "mid", "session:mid"),
        (95, "home", "complexity:mid"),
        (10, "top", "complexity:home"),
        (90, "top", "session:top"),
        (75, "gone", "complexity:mid"),
    ],
)
def test_a_conversation_moves_only_beyond_the_margin(score: int, session: str, reason: str) -> None:
    assert answer(score, session).reason == reason


def test_what_an_answer_is_worth_is_weighed_against_what_it_costs() -> None:
    facts = {"costs": {"own": 0, "mid": 1_000_000, "top": 20_000_000}}
    assert answer(0, value_usd="0.01", facts=facts).reason == "complexity:home"
    assert answer(90, value_usd="0.01", facts=facts).reason == "complexity:mid"
    assert answer(90, value_usd="1", facts=facts).reason == "complexity:top"
    assert answer(90, "mid", value_usd="1", facts=facts).reason == "complexity:top"
    assert answer(15, "home", value_usd="1", facts=facts).reason == "session:home"
    assert answer(90, value_usd="1", facts={"costs": {"own": 0}}).reason == "complexity:home", "no price, no gain"


def drifting() -> Iterator[int]:
    dice = random.Random(5)
    for number in range(3_000):
        yield min(100, max(0, round(dice.gauss(30 + number / 60, 12))))


def test_the_split_is_held_while_the_traffic_gets_harder() -> None:
    shares = {hold: split_of(complexity.create(setup(hold=hold))) for hold in (True, False)}
    wanted = {"home": 0.70, "mid": 0.22, "top": 0.08}
    assert all(abs(shares[True][tier] - share) < 0.02 for tier, share in wanted.items()), shares
    assert abs(shares[False]["home"] - 0.70) > 0.02, "without it the split is lost"


def split_of(policy: Complexity) -> dict[str, float]:
    found: Counter[str] = Counter()
    for score in drifting():
        one = asked(score)
        decision = policy.decide(one, ALL)
        policy.decided(one, ALL, decision)
        found[decision.candidates[0].tier] += 1
    return {tier: found[tier] / 3_000 for tier in TIERS}


def test_only_requests_that_could_go_anywhere_move_the_thresholds() -> None:
    policy = complexity.create(setup())
    one, before = asked(50), policy.held
    policy.decided(one, (OWN,), policy.decide(one, (OWN,)))
    assert policy.held == before
    policy.decided(one, ALL, policy.decide(one, ALL))
    assert policy.held != before
    again = complexity.create(setup())
    again.resume(policy)
    assert again.held == policy.held
    other = complexity.create(setup(split={"home": 0.5, "top": 0.5}))
    other.resume(policy)
    assert other.held != policy.held


def test_what_it_wants_can_be_seen() -> None:
    policy = complexity.create(setup())
    assert (policy.ladder, policy.split) == (TIERS, {"home": 0.7, "mid": 0.22, "top": 0.08})
    assert list(policy.cuts) == ["mid", "top"]
    explained = policy.decide(asked(50), ALL).explanation
    assert explained is not None
    assert explained.thresholds == policy.cuts
    priced = complexity.create(setup(value_usd="1"))
    assert (priced.split, priced.cuts) == ({}, {})


def test_a_tier_without_a_share_is_never_chosen() -> None:
    assert {answer(score, split={"home": 0.5, "top": 0.5}).reason for score in range(0, 101, 5)} == {
        "complexity:home",
        "complexity:top",
    }
    assert {answer(score, split={"mid": 1}).reason for score in (0, 50, 100)} == {"complexity:mid"}


def test_the_measured_order_is_the_ladder() -> None:
    turned = PolicySetup(tiers=TIERS, router=router(tiers=("mid", "home", "top"), shares=(0.5, 0.3, 0.2)))
    decision = complexity.create(turned).decide(asked(10), ALL)
    assert named(decision) == ["mid", "own", "top"]


def test_a_cascade_begins_at_the_first_tier_and_looks_at_all_but_the_last() -> None:
    policy = cascade.create(setup())
    decision = policy.decide(asked(100), ALL)
    assert (named(decision), decision.reason, decision.cascade) == (["own", "mid", "top"], "cascade:home", True)
    begun = cascade.create(setup(split={"home": 0.5, "mid": 0.3, "top": 0.2}))
    assert (named(begun.decide(asked(70), ALL)), begun.decide(asked(70), ALL).cascade) == (["mid", "top"], True)
    last = begun.decide(asked(100), ALL)
    assert (named(last), last.cascade) == (["top", "mid", "own"], False)


def test_a_conversation_that_was_escalated_stays_up() -> None:
    decision = cascade.create(setup()).decide(asked(0, "mid"), ALL)
    assert (named(decision), decision.reason, decision.cascade) == (["mid", "top"], "session:mid", True)


@pytest.mark.parametrize(
    "options",
    [
        {"split": {"gone": 1.0}},
        {"split": {"home": 0.5}},
        {"split": {"home": 1.0}, "value_usd": "1"},
        {"value_usd": "0"},
        {"value_usd": "a lot"},
        {"value_usd": "-1"},
        {"explore": 0.6},
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        complexity.create(setup(**options))
    assert caught.value.code == "policy_option_invalid"


def test_it_needs_a_router_and_two_tiers() -> None:
    for wrong in (PolicySetup(tiers=TIERS), PolicySetup(tiers=("home",), router=router())):
        with pytest.raises(ConfigError):
            complexity.create(wrong)


class Silent(LengthScorer):
    def chances(self, score: float) -> dict[str, float]:
        return {}


def test_a_router_that_tells_no_chances_can_split_but_not_weigh() -> None:
    silent = router(scorer=Silent(), sketch=SKETCH)
    told = complexity.create(PolicySetup(tiers=TIERS, router=silent)).decide(asked(80), ALL).explanation
    assert told is not None
    assert told.success == {}
    with pytest.raises(ConfigError):
        complexity.create(PolicySetup(options={"value_usd": "1"}, tiers=TIERS, router=silent))


def test_processes_share_their_thresholds(tmp_path: Path) -> None:
    several = [complexity.create(with_memory(HeldNumbers(tmp_path / "t"))) for _ in range(2)]
    assert several[0].held == several[1].held
    for score in (10, 50, 90):
        one = asked(score)
        several[0].decided(one, ALL, several[0].decide(one, ALL))
        assert several[0].held == several[1].held
    assert several[1].held != complexity.create(setup()).held
    other = complexity.create(
        msgspec.structs.replace(with_memory(HeldNumbers(tmp_path / "t")), router=router(version=4))
    )
    assert other.held == complexity.create(setup()).held, "of another version they mean something else"


def with_memory(memory: HeldNumbers) -> PolicySetup:
    return msgspec.structs.replace(setup(), memory=memory)

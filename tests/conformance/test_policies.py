"""Every policy, shipped or installed, must pass this suite. One with options that it needs names them here."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.discovery import discover, load
from homeport.core.errors import ConfigError
from homeport.core.ports import Policy
from homeport.core.routing import Prompt, Turn
from homeport.core.types import Inference, Surface, Target
from homeport.routing.policies.base import PolicySetup
from tests.fakes.facts import SetFacts, question
from tests.fakes.house import target
from tests.fakes.router import router
from tests.routing.test_eligibility import inference

POLICIES = "homeport.routing.policies"
TIERS = ("home", "mid", "top")
NEEDED: dict[str, dict[str, Any]] = {"weighted": {"weights": {"home": 3, "top-0": 1}}}
NAMES = sorted(discover(POLICIES))
LADDER = tuple(target(f"{tier}-{number}", tier=tier, local=tier == "home") for tier in TIERS for number in range(2))

turns = st.builds(Turn, st.sampled_from(["system", "user", "assistant", "tool"]), st.text())
prompts = st.builds(
    Prompt, turns=st.lists(turns, max_size=3).map(tuple), chars=st.integers(0, 10**9), tools=st.integers(0, 3)
)
names = st.sampled_from([one.name for one in LADDER])
facts = st.builds(
    SetFacts,
    prompt=prompts,
    draw=st.floats(0, 1, exclude_max=True),
    costs=st.dictionaries(names, st.integers(0, 10**12)),
    first_tokens=st.dictionaries(names, st.floats(0, 600)),
    loads=st.dictionaries(names, st.integers(0, 10**9)),
    closed=st.dictionaries(names, st.just("not_ready")),
)
some = st.lists(st.sampled_from(LADDER), min_size=1, unique_by=lambda one: one.name).map(tuple)
asked = st.sampled_from(Surface).map(lambda surface: inference(surface=surface))
sessions = st.sampled_from(["", *TIERS, "gone"])


def policy(name: str, **options: Any) -> Policy:
    setup = PolicySetup(options={**NEEDED.get(name, {}), **options}, tiers=TIERS, router=router())
    made: Policy = load(POLICIES, name).create(setup)
    return made


MADE = {name: policy(name) for name in NAMES}
EXPLORING = {name: policy(name, explore=0.5) for name in NAMES if name in ("cheapest", "complexity", "cascade")}


def decided(one: Policy, asked: Inference, facts: SetFacts, eligible: tuple[Target, ...], session: str) -> None:
    first = one.decide(question(asked, facts, session), eligible)
    assert first == one.decide(question(asked, facts, session), eligible), "the same question has the same answer"
    assert first.candidates
    assert set(map(id, first.candidates)) <= set(map(id, eligible)), "nobody answers who may not"
    assert len({id(one) for one in first.candidates}) == len(first.candidates)
    assert 0 < first.propensity <= 1 + 1e-9
    assert first.reason.isascii()
    assert first.reason.isprintable()
    assert len(first.reason) <= 160
    if asked.surface is Surface.EMBEDDING:
        assert first.candidates == eligible[:1], "vectors of two models do not mix"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(asked=asked, facts=facts, eligible=some, session=sessions)
def test_decisions(name: str, asked: Inference, facts: SetFacts, eligible: tuple[Target, ...], session: str) -> None:
    decided(MADE[name], asked, facts, eligible, session)


@pytest.mark.parametrize("name", sorted(EXPLORING))
@settings(max_examples=60)
@given(asked=asked, facts=facts, eligible=some, session=sessions)
def test_decisions_that_explore(
    name: str, asked: Inference, facts: SetFacts, eligible: tuple[Target, ...], session: str
) -> None:
    decided(EXPLORING[name], asked, facts, eligible, session)


@pytest.mark.parametrize("name", sorted({*EXPLORING, "weighted", "latency"}))
def test_propensities_are_the_shares(name: str) -> None:
    """Over evenly spread draws, each tier is chosen as often as its decisions say that it is."""
    one, chosen, said = EXPLORING.get(name, MADE[name]), dict.fromkeys(TIERS, 0), dict.fromkeys(TIERS, 0.0)
    for number in range(1_000):
        facts = SetFacts(
            draw=(number + 0.5) / 1_000,
            costs={one.name: place + 1 for place, one in enumerate(LADDER)},
            first_tokens={"mid-0": 1.0, "top-1": 2.0},
        )
        decision = one.decide(question(inference(), facts), LADDER)
        tier = decision.candidates[0].tier
        chosen[tier], said[tier] = chosen[tier] + 1, decision.propensity
    assert sum(said.values()) == pytest.approx(1, abs=1e-9)
    assert all(count / 1_000 == pytest.approx(said[tier], abs=0.003) for tier, count in chosen.items())


HOSTILE: list[Any] = [None, "x", -1, 2, float("nan"), [], {"": {}}, {"home": "x"}, {"home": -1}, {}, True, 10**400]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_options_that_are_wrong_are_refused_with_a_code(name: str, value: Any) -> None:
    for option in ("weights", "split", "explore", "switch_margin", "value_usd", "try_unknown", "hold", "what\x00"):
        assert refusal(name, option, value) in {"", "policy_option_invalid"}
    assert refusal(name, "nothing_has_this", value) == "policy_option_invalid"


def refusal(name: str, option: str, value: Any) -> str:
    try:
        policy(name, **{option: value})
    except ConfigError as error:
        return error.code if error.message and error.hint else "it says too little"
    return ""

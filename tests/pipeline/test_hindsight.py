"""What a finished request leaves behind to learn from, and what it never does."""

from typing import Any

import msgspec
import pytest

from homeport.core.errors import BadAnswer
from homeport.core.money import PicoRate
from homeport.core.privacy import Action, Assessment
from homeport.core.routing import Decision, Explanation, Prompt, Question
from homeport.core.types import Key, Outcome, Surface, Target, TokenPrice, Usage
from homeport.ledger.pricing import RateCard
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.hindsight import Hindsight, LookBack
from tests.fakes.house import API_PRICE, CHAT, MID, OPEN, OWN, PRIVATE, STREAM, TOP, House, target
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import spoken, whole

DEAR = TokenPrice(
    source="list", input=PicoRate(10_000_000), cached_input=PicoRate(2_500_000), output=PicoRate(40_000_000)
)
FRONTIER = target("frontier", price=DEAR)
FALLEN = [
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "5"},
    {"role": "user", "content": "No, that's wrong."},
]


class Scoring:
    """A router: everything to the first, with a score."""

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        why = Explanation(policy="scoring", version=3, score=0.25, explored=True)
        return Decision(candidates=eligible, reason="scored", propensity=0.01, explanation=why)


def features(prompt: Prompt) -> bytes:
    return b"of " + prompt.turns[-1].text.encode()


def house(*targets: Target, learn: bool = True, **more: Any) -> House:
    told = House(*targets, policy=Scoring(), **more)
    stages = told.pipeline._stages
    back = LookBack(targets, RateCard(), learn=learn, features=features)
    told.pipeline._stages = msgspec.structs.replace(stages, hindsight=back)
    told.upstreams[targets[0].name].script(whole())
    return told


async def test_a_baseline_is_the_same_usage_at_the_last_tier_that_has_a_price() -> None:
    told = house(OWN, MID, FRONTIER, target("unpriced"))
    await told.ask()
    # As in the test of a whole answer, at ten times the price.
    assert told.event.baseline_cost == 12_500_000


async def test_a_stream_has_a_baseline_too() -> None:
    told = house(MID, FRONTIER)
    told.upstreams["mid"].script(spoken("Clause", " 9."))
    await told.ask(STREAM)
    assert told.event.baseline_cost == 10 * told.event.cost > 0


@pytest.mark.parametrize(
    ("targets", "asked"),
    [
        ((OWN,), {}),  # nothing remote to compare with
        ((OWN, target("free")), {}),  # nothing with a price
        ((OWN, FRONTIER), {"token": PRIVATE}),  # private data could not have gone there
        ((OWN, target("frontier", price=DEAR, surfaces=frozenset({Surface.EMBEDDING}))), {}),  # it cannot answer that
        ((OWN, FRONTIER), {"body": {"model": "auto", "input": "x"}, "surface": "embeddings"}),  # not the same thing
    ],
)
async def test_no_baseline_where_there_is_nothing_to_compare_with(targets: tuple[Target, ...], asked: Any) -> None:
    told = house(*targets)
    await told.ask(**asked)
    assert told.event.outcome is Outcome.COMPLETED
    assert told.event.baseline_cost == 0


async def test_a_key_that_may_not_use_the_dearest_tier_is_compared_with_the_next() -> None:
    keys = FixedKeyRing({OPEN: Key(id="key_open", name="open", tiers=frozenset({"home", "mid"}))})
    told = house(OWN, MID, FRONTIER, keys=keys)
    await told.ask()
    assert told.event.baseline_cost == 1_250_000


async def test_a_failed_request_saves_nothing() -> None:
    told = House(MID, TOP)
    told.pipeline._stages = msgspec.structs.replace(told.pipeline._stages, hindsight=LookBack((MID, TOP), RateCard()))
    told.upstreams["mid"].script(BadAnswer("not an answer"))
    told.upstreams["top"].script(BadAnswer("not an answer"))
    await told.ask()
    assert told.event.outcome is Outcome.FAILED
    assert told.event.baseline_cost == 0


async def test_what_was_decided_and_how_likely_it_was() -> None:
    told = house(OWN, MID)
    await told.ask()
    event = told.event
    assert (event.decided, event.propensity, event.router_version) == ("home", 0.01, 3)
    assert (event.score, event.explored) == (0.25, True)
    assert event.features == b"of Which clause ends the contract?"


async def test_a_turn_says_which_conversation_it_goes_on_with() -> None:
    told = house(OWN, MID)
    await told.ask({**CHAT, "messages": FALLEN[:1]})
    await told.ask({**CHAT, "messages": FALLEN})
    first, second = told.recorder.events
    assert first.prompt_id == second.follows != ""
    assert second.prompt_id not in ("", first.prompt_id)
    assert (first.reask, second.reask) == (False, True)


@pytest.mark.parametrize(("token", "learn"), [(PRIVATE, True), (OPEN, False)])
async def test_of_private_requests_and_where_it_is_off_nothing_is_kept(token: str, learn: bool) -> None:
    told = house(OWN, MID, learn=learn)
    await told.ask({**CHAT, "messages": FALLEN}, token=token)
    event = told.event
    assert event.score == 0.25
    assert (event.prompt_id, event.follows, event.reask, event.features) == ("", "", False, b"")


class Found(LookBack):
    """As if something had been found in the request that is to be hidden."""

    def of(self, exchange: Exchange, usage: Usage) -> Hindsight:
        exchange.assessment = Assessment(action=Action.REDACT_AND_RESTORE, found=("email",))
        return super().of(exchange, usage)


class OfBatch(LookBack):
    """As if a line of a batch had asked."""

    def of(self, exchange: Exchange, usage: Usage) -> Hindsight:
        exchange.batch = True
        return super().of(exchange, usage)


@pytest.mark.parametrize(("tiers", "baseline"), [((("batch", API_PRICE),), 1_250_000), ((), 12_500_000)])
async def test_a_line_of_a_batch_is_compared_with_the_batch_price(tiers: Any, baseline: int) -> None:
    dear = target("frontier", price=msgspec.structs.replace(DEAR, tiers=tiers))
    told = house(OWN, dear)
    back = OfBatch((OWN, dear), RateCard(), learn=True, features=features)
    told.pipeline._stages = msgspec.structs.replace(told.pipeline._stages, hindsight=back)
    await told.ask()
    assert told.event.baseline_cost == baseline
    assert told.event.prompt_id == ""  # lines of a batch are no conversation


async def test_of_what_is_redacted_nothing_is_kept() -> None:
    told = house(OWN, FRONTIER)
    back = Found((OWN, FRONTIER), RateCard(), learn=True, features=features)
    told.pipeline._stages = msgspec.structs.replace(told.pipeline._stages, hindsight=back)
    await told.ask({**CHAT, "messages": FALLEN})
    event = told.event
    assert (event.baseline_cost, event.score) == (12_500_000, 0.25)
    assert (event.prompt_id, event.follows, event.reask, event.features) == ("", "", False, b"")


class Escalated(LookBack):
    """As if a cascade had looked at an answer."""

    told = ""

    def of(self, exchange: Exchange, usage: Usage) -> Hindsight:
        exchange.escalation = self.told
        return super().of(exchange, usage)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("", ""),
        ("own:low_confidence:0.42<0.55", "low_confidence"),
        ("qwen2:7b:refusal", "refusal"),
        ("own:refusal,kept:mid:low_confidence:0.42<0.55", "low_confidence"),
    ],
)
async def test_an_escalation_leaves_its_reason(told: str, code: str) -> None:
    asked = house(OWN, MID)
    back = Escalated((OWN, MID), RateCard())
    back.told = told
    asked.pipeline._stages = msgspec.structs.replace(asked.pipeline._stages, hindsight=back)
    await asked.ask()
    assert asked.event.escalation == code


async def test_a_fixed_route_leaves_nothing_but_its_baseline() -> None:
    told = House(OWN, FRONTIER)
    told.pipeline._stages = msgspec.structs.replace(
        told.pipeline._stages, hindsight=LookBack((OWN, FRONTIER), RateCard(), learn=True, features=features)
    )
    told.upstreams["own"].script(whole())
    await told.ask()
    event = told.event
    assert event.baseline_cost == 12_500_000
    assert (event.decided, event.score, event.prompt_id, event.features) == ("", None, "", b"")

"""Whatever happens to whom in a cascade: one answer, of one model, everything paid once and nothing left open."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Outcome, Target
from homeport.pipeline.cascade import CascadePolicy
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from tests.fakes.bank import budget
from tests.fakes.cascading import Climbing, SetJudge, piece, streamed, sure
from tests.fakes.house import CHAT, MID, OPEN, OWN, PRIVATE, STREAM, TOP, House, target
from tests.fakes.upstream import Hang
from tests.fakes.wire import Caller

DEN = target("den", tier="den", local=True)
PLACES = (OWN, DEN, MID, TOP)
POOR = "poor"
FAULTS = {
    "down": ConnectFailed("x"),
    "late": UpstreamTimeout("x"),
    "nonsense": BadAnswer("x"),
    "cut": StreamCut("x"),
    "busy": UpstreamRefused("x", status=429, retryable=True),
    "wrong": UpstreamRefused("x", status=400, retryable=False),
}
FATES = st.sampled_from(["good", "good", "poor", "poor", "poor", "poor", "poor", "broken", "hang", *FAULTS])


def answer_of(name: str, fate: str, *, stream: bool) -> Any:
    """What a target does; its words are in nobody else's answer."""
    words = [f"<{name}>", *([POOR] if fate == "poor" else []), f"<{name}>"]
    if fate in FAULTS:
        return FAULTS[fate]
    if fate == "hang":
        return [piece(f"<{name}>"), Hang()] if stream else Hang()
    if fate == "broken":
        return [piece(f"<{name}>"), StreamCut("x")] if stream else StreamCut("x")
    return streamed(*words, logprob=-0.1) if stream else sure(" ".join(words))


def answers_of(name: str, fate: str, world: "World") -> list[Any]:
    """What it does when it is asked; another thing, where it is asked again."""
    first = answer_of(name, fate, stream=world.stream)
    if fate not in ("good", "poor") or world.again in ("", "same"):
        return [first]
    return [first, sure("Another.") if world.again == "other" else FAULTS.get(world.again, Hang())]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One request and all that happens to it."""

    fates: tuple[str, ...]
    first: int
    stream: bool
    private: bool
    cents: int | None
    commit: int
    hedged: bool
    again: str

    @property
    def placed(self) -> Sequence[Target]:
        return PLACES[self.first :]


worlds = st.builds(
    World,
    fates=st.tuples(FATES, FATES, FATES, FATES),
    first=st.integers(0, 2),
    stream=st.booleans(),
    private=st.booleans(),
    cents=st.sampled_from([None, 0, 1, 100]),
    commit=st.sampled_from([1, 2, 3, 9]),
    hedged=st.booleans(),
    again=st.sampled_from(["", "same", "other", "hang", *FAULTS]),
)


def house_of(world: World) -> House:
    hedge = HedgePolicy(quantile=0.5 if world.hedged else 0.0, budget=1.0)
    house = House(
        *world.placed,
        policy=Climbing(),
        judge=SetJudge(look=lambda answer: POOR not in answer.text, doubts=bool(world.again)),
        looks=CascadePolicy(commit_tokens=world.commit, commit_seconds=0.005),
        resilience=Resilience(retry=RetryPolicy(rounds=2), hedge=hedge, restart_wait=0.0),
        budgets=[] if world.cents is None else [budget(limit=1_000 + world.cents * 10_000_000)],
    )
    for one, fate in zip(world.placed, world.fates, strict=False):
        house.upstreams[one.name].script(*answers_of(one.name, fate, world))
        for _ in range(20):
            house.deployments.of(one).began(1_000_000, 0)
    return house


async def live(house: House, world: World) -> Caller:
    """Ask, and leave some time after somebody hangs."""
    caller = house.caller(STREAM if world.stream else CHAT, token=PRIVATE if world.private else OPEN)
    task = caller.start(house.app)
    while not task.done():
        await asyncio.wait({task}, timeout=0.02)
        if any(upstream.hanging.is_set() for upstream in house.upstreams.values()):
            caller.leave()
    return await task


def remote_cost(house: House) -> int:
    """What the calls of remote models cost, by the record."""
    event, remote = house.event, {one.name for one in PLACES if not one.local}
    lost = sum(attempt.cost for attempt in event.attempts)
    answer = event.cost - lost if event.target in remote else 0
    return answer + sum(attempt.cost for attempt in event.attempts if attempt.target in remote)


@settings(max_examples=100, deadline=None)
@given(world=worlds)
async def test_whatever_happens(world: World) -> None:
    house = house_of(world)
    caller = await live(house, world)
    event = house.event
    # Nothing is left open or at work.
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for one in world.placed:
        upstream = house.upstreams[one.name]
        assert upstream.ended == len(upstream.calls)
        assert house.deployments.of(one).outstanding == 0
        assert one.local or not (world.private and upstream.calls)
        sampled = [attempt for attempt in event.attempts if attempt.error.startswith("sampled")]
        assert all(attempt.target in ("own", "den") for attempt in sampled)
        assert not (sampled and (world.stream or not world.again))
    # What is given is one model's.
    assert event.outcome is not Outcome.COMPLETED or caller.status == 200
    told = {one.name for one in PLACES if f"<{one.name}>".encode() in caller.body}
    assert told <= {event.target}
    if event.outcome is Outcome.COMPLETED:
        assert told == {event.target}
        assert [attempt.target for attempt in event.attempts if not attempt.error] == [event.target]
        assert event.target != "own" or b"logprob" not in caller.body, "only the caller's wishes are told"
    # That a better answer was wanted is no reason for an error.
    escalated = [attempt for attempt in event.attempts if attempt.error.startswith("escalated_")]
    assert not (escalated and event.outcome is Outcome.FAILED and not world.stream)
    assert not (escalated and event.outcome is Outcome.REJECTED)
    assert bool(escalated) <= ("x-homeport-escalation" in caller.headers or event.outcome is Outcome.CANCELLED)
    # Every call of a remote model is paid, once.
    await house.wallet.close()
    assert set(house.notes.amounts.values()) <= {0}
    for name, leases in house.bank.leases.items():
        assert house.bank.spent[name] == remote_cost(house)
        assert set(leases.values()) == {0}

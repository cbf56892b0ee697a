"""A doubtful answer of an own engine: it is asked again, and what most of its answers say decides."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed, UpstreamTimeout
from homeport.core.routing import Answer, Question, Verdict
from homeport.core.types import Outcome, Target, Usage
from homeport.pipeline.cascade import CascadePolicy
from homeport.pipeline.sampling import SamplingPolicy, Votes
from tests.fakes.bank import budget
from tests.fakes.cascading import answering, climbing_house, sure, text_of
from tests.fakes.house import CHAT, MID, OWN, PRIVATE, STREAM, TOP, House, target
from tests.fakes.upstream import Hang, whole

SAMPLE = 50_000
"""What a second of the own engine costs."""


class Doubting:
    """`Judge`: it cannot say."""

    def __init__(self, accept: bool = False) -> None:
        self._accept = accept

    def judge(self, question: Question, target: Target, answer: Answer) -> Verdict:
        reason = "confident" if self._accept else "low_confidence"
        return Verdict(accept=self._accept, reason=reason, confidence=0.5, threshold=0.55, doubtful=True)

    def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
        """It does not learn."""


def doubting(*answers: Any, accept: bool = False, samples: int = 3, **more: Any) -> House:
    looks = CascadePolicy(sampling=SamplingPolicy(samples=samples, temperature=0.9))
    it = climbing_house(*more.pop("targets", ()), judge=Doubting(accept), looks=looks, **more)
    own = it.upstreams.get("own") or it.upstreams["mid"]
    own.script(*answers)
    own.working = lambda: it.clock.advance(1_000_000_000)
    it.upstreams["mid" if own is not it.upstreams["mid"] else "top"].script(whole("Better."))
    return it


def codes(it: House) -> list[tuple[str, str]]:
    return [(attempt.target, attempt.error) for attempt in it.event.attempts]


@pytest.mark.parametrize("accept", [False, True])
async def test_what_most_answers_say_is_given(accept: bool) -> None:
    it = doubting(sure("Clause 9."), whole("Clause 3."), whole("clause 9"), accept=accept)
    caller = await it.ask()
    assert (caller.status, text_of(CHAT, caller)) == (200, "Clause 9.")
    assert b"logprobs" not in caller.body
    assert "x-homeport-escalation" not in caller.headers
    assert (caller.headers["x-homeport-model"], caller.headers["x-homeport-reason"]) == ("own", "cascade:home")
    assert codes(it) == [("own", ""), ("own", "sampled"), ("own", "sampled")]
    assert [attempt.cost for attempt in it.event.attempts] == [0, SAMPLE, SAMPLE]
    assert (it.event.cost, it.event.estimated) == (3 * SAMPLE, False)
    assert it.deployments.of(OWN).outstanding == 0


@pytest.mark.parametrize("accept", [False, True])
async def test_what_only_one_answer_says_is_not(accept: bool) -> None:
    it = doubting(sure("Clause 9."), whole("Clause 3."), whole("Clause 4."), accept=accept)
    caller = await it.ask()
    assert text_of(CHAT, caller) == "Better."
    assert caller.headers["x-homeport-escalation"] == "own:no_agreement"
    assert caller.headers["x-homeport-reason"] == "cascade:home"
    assert codes(it) == [("own", "escalated_no_agreement"), ("own", "sampled"), ("own", "sampled"), ("mid", "")]
    assert sum(attempt.cost for attempt in it.event.attempts) == 3 * SAMPLE
    assert it.deployments.of(OWN).outstanding == 0


async def test_no_more_are_asked_than_it_takes_to_know() -> None:
    it = doubting(sure("Clause 9."), whole("Clause 9."), samples=3)
    assert text_of(CHAT, await it.ask()) == "Clause 9."
    assert it.calls() == ["own", "own"]
    two = doubting(sure("Clause 9."), whole("Clause 3."), samples=2)
    assert text_of(CHAT, await two.ask()) == "Better."


async def test_how_it_is_asked_again() -> None:
    it = doubting(sure("Clause 9."), whole("Clause 9."))
    wishes = {"logprobs": True, "top_logprobs": 2, "seed": 7, "temperature": 0, "top_p": 0.1, "max_tokens": 9}
    caller = await it.ask({**CHAT, **wishes})
    assert b"top_logprobs" in caller.body, "the caller's own wish is answered"
    first, again = ({name: bytes(raw) for name, raw in call.fields.items()} for call in it.upstreams["own"].calls)
    assert first["logprobs"] == b"true"
    assert again["temperature"] == b"0.9"
    assert again == {**{name: first[name] for name in ("model", "messages", "max_tokens")}, "temperature": b"0.9"}


@pytest.mark.parametrize("failure", [ConnectFailed("down"), UpstreamTimeout("late")])
@pytest.mark.parametrize("accept", [False, True])
async def test_where_no_further_answer_comes_the_confidence_decides(failure: Exception, accept: bool) -> None:
    it = doubting(sure("Clause 9."), failure, accept=accept)
    caller = await it.ask()
    assert text_of(CHAT, caller) == ("Clause 9." if accept else "Better.")
    assert it.calls().count("own") == 2, "it is not asked a third time"
    assert it.event.attempts[1].error.startswith("sampled_upstream_")
    assert caller.headers["x-homeport-reason"] == "cascade:home", "that is no failover"
    if not accept:
        assert caller.headers["x-homeport-escalation"] == "own:low_confidence:0.50<0.55"
        assert it.event.attempts[0].error == "escalated_low_confidence"
    assert it.deployments.of(OWN).outstanding == 0


async def test_an_answer_without_agreement_is_kept_where_no_better_one_comes() -> None:
    it = doubting(sure("Clause 9."), whole("Clause 3."), whole("Clause 4."))
    it.upstreams["mid"].script(ConnectFailed("down"))
    caller = await it.ask()
    assert text_of(CHAT, caller) == "Clause 9."
    assert caller.headers["x-homeport-escalation"] == "kept:own:no_agreement"
    assert it.event.cost == 3 * SAMPLE


async def test_a_remote_model_is_never_asked_again() -> None:
    it = doubting(sure("Clause 9."), targets=(MID, TOP))
    assert text_of(CHAT, await it.ask()) == "Better."
    assert it.calls() == ["mid", "top"]


async def test_a_stream_is_not_asked_again() -> None:
    it = doubting()
    for name in ("own", "mid"):
        it.upstreams[name].script(answering(STREAM, name))
    await it.ask(STREAM)
    assert it.calls() == ["own", "mid"]


async def test_private_data_stays_with_the_engine_that_has_it() -> None:
    den = target("den", tier="den", local=True)
    it = doubting(sure("Clause 9."), whole("Clause 3."), whole("Clause 4."), targets=(OWN, den, MID))
    it.upstreams["den"].script(whole("Better."))
    assert text_of(CHAT, await it.ask(token=PRIVATE)) == "Better."
    assert it.calls() == ["own", "own", "own", "den"]


async def test_without_time_for_the_next_tier_it_is_not_asked_again() -> None:
    it = doubting(sure("Clause 9."), whole("Clause 3."))
    caller = await it.ask(headers=[("x-homeport-timeout", "4")])
    assert it.calls() == ["own", "mid"]
    assert caller.headers["x-homeport-escalation"] == "own:low_confidence:0.50<0.55"


async def test_the_deadline_holds_for_further_answers() -> None:
    it = doubting(sure("Clause 9."), whole("Clause 3."), whole("Clause 4."), samples=5)
    later = iter([1, 40, 40, 40, 40])
    it.upstreams["own"].working = lambda: it.clock.advance(next(later) * 1_000_000_000)
    caller = await it.ask(headers=[("x-homeport-timeout", "20")])
    assert text_of(CHAT, caller) == "Clause 9."
    assert it.calls() == ["own", "own"]
    assert it.upstreams["own"].calls[1].timeouts.total <= 19


async def test_a_caller_who_leaves_meanwhile() -> None:
    it = doubting(sure("Clause 9."), Hang(), budgets=[budget(limit=1_000_000_000)])
    caller = it.caller()
    task = caller.start(it.app)
    await it.upstreams["own"].hanging.wait()
    caller.leave()
    await task
    assert it.event.outcome is Outcome.CANCELLED
    assert [attempt.cost for attempt in it.event.attempts] == [SAMPLE, SAMPLE]
    assert it.upstreams["own"].cancelled == 1
    assert it.deployments.of(OWN).outstanding == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await it.balanced()


async def test_a_further_answer_that_tells_no_usage_is_a_guess() -> None:
    it = doubting(sure("Clause 9.", usage=Usage(output_tokens=3)), whole("Clause 9.", usage=None))
    await it.ask()
    assert it.event.estimated


@pytest.mark.parametrize(
    ("voters", "votes", "decided", "carried"),
    [
        (3, "", False, None),
        (3, "y", True, True),
        (3, "n", False, False),
        (3, "nn", True, False),
        (3, "ny", True, True),
        (2, "y", True, True),
        (2, "n", True, False),
        (5, "yn", False, False),
        (5, "yy", True, True),
        (5, "nnn", True, False),
    ],
)
def test_votes(voters: int, votes: str, decided: bool, carried: bool | None) -> None:
    poll = Votes(voters)
    for vote in votes:
        poll.count(vote == "y")
    assert (poll.decided, poll.carried) == (decided, carried)


def test_votes_that_do_not_come() -> None:
    poll = Votes(5)
    poll.count(True)
    poll.close()
    assert (poll.decided, poll.carried) == (True, True)

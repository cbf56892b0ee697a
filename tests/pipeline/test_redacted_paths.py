"""Redaction beside hedges and cascades, counting and dry runs: who is asked, how often, changes nothing of it."""

import json
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed
from homeport.core.types import Target, UpstreamCall
from homeport.pipeline.cascade import CascadePolicy
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from tests.fakes.cascading import Climbing, SetJudge, streamed, sure, text_of
from tests.fakes.house import CHAT, MID, OWN, TOP, House
from tests.fakes.upstream import Hang
from tests.pipeline.test_redaction import EMAIL, PROMPT, REDACT, originals_in, sent_to

BODIES = [{**CHAT, "messages": [{"role": "user", "content": PROMPT}], "stream": stream} for stream in (False, True)]
BOTH = pytest.mark.parametrize("body", BODIES, ids=["whole", "stream"])
ASIDE = "messages/count_tokens"


def answering(body: dict[str, Any], *texts: str) -> Any:
    return streamed(*texts, logprob=-0.1) if body["stream"] else sure("".join(texts))


def house(*targets: Target, good: tuple[str, ...] = (), **more: Any) -> House:
    looks = CascadePolicy(commit_tokens=2)
    return House(*targets, policy=Climbing(), judge=SetJudge(*good), looks=looks, privacy=REDACT, **more)


@BOTH
async def test_both_calls_of_a_hedge_are_redacted(body: dict[str, Any]) -> None:
    hedging = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))
    it = house(MID, resilience=hedging)
    for _ in range(20):
        it.deployments.of(MID).began(1_000_000, 0)
    it.upstreams["mid"].script(Hang(), answering(body, "to [EMA", "IL_1]", ", done"))
    caller = await it.ask(body)
    assert text_of(body, caller) == f"to {EMAIL}, done"
    assert it.calls() == ["mid", "mid"]
    assert caller.headers["x-homeport-reason"] == "hedge:mid"
    assert not originals_in(sent_to(it))
    first, second = json.loads(sent_to(it))
    assert first == second


@BOTH
async def test_an_escalation_takes_placeholders_out_and_brings_originals_back(body: dict[str, Any]) -> None:
    it = house(OWN, MID)
    it.upstreams["own"].script(answering(body, "no", " [EMAIL_1]", " idea"))
    it.upstreams["mid"].script(answering(body, "to [EMA", "IL_1]", ", done"))
    caller = await it.ask(body)
    assert text_of(body, caller) == f"to {EMAIL}, done"
    assert caller.headers["x-homeport-escalation"].startswith("own:low_confidence")
    assert originals_in(sent_to(it, "own")), "at home it is read as it is"
    assert not originals_in(sent_to(it, "mid"))
    assert "[EMAIL_1]" in sent_to(it, "mid")


@BOTH
async def test_an_own_answer_that_is_kept_is_as_the_model_wrote_it(body: dict[str, Any]) -> None:
    it = house(OWN, MID)
    it.upstreams["own"].script(answering(body, "no", " [EMAIL_1]", " idea"))
    it.upstreams["mid"].script(ConnectFailed("down"))
    assert text_of(body, await it.ask(body)) == "no [EMAIL_1] idea"
    assert not originals_in(sent_to(it, "mid"))


@BOTH
async def test_a_remote_answer_that_is_kept_gets_its_originals_back(body: dict[str, Any]) -> None:
    it = house(MID, TOP)
    it.upstreams["mid"].script(answering(body, "to", " [EMA", "IL_1]", "?"))
    it.upstreams["top"].script(ConnectFailed("down"))
    caller = await it.ask(body)
    assert text_of(body, caller) == f"to {EMAIL}?"
    assert caller.headers["x-homeport-escalation"].startswith("kept:mid")
    assert not originals_in(sent_to(it, "mid") + sent_to(it, "top"))


@BOTH
async def test_what_one_remote_model_left_open_is_not_in_the_next_one_s_answer(body: dict[str, Any]) -> None:
    it = house(MID, TOP)
    it.upstreams["mid"].script(answering(body, "to", " [EMA"))
    it.upstreams["top"].script(answering(body, "IL_1]", " and [EMAIL_1]", "."))
    assert text_of(body, await it.ask(body)) == f"IL_1] and {EMAIL}."


class Counter:
    """`TokenCounter`.

    Attributes:
        seen: what it was asked.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def count_tokens(self, call: UpstreamCall) -> int:
        self.seen += [bytes(raw).decode() for raw in call.fields.values()]
        return 7


async def test_no_original_is_counted_elsewhere() -> None:
    counter = Counter()
    it = house(MID, TOP, counters={"mid": counter, "top": counter})
    body = {"model": "auto", "messages": BODIES[0]["messages"]}
    counted = await it.ask(body, surface=ASIDE)
    assert counted.status == 200
    assert not originals_in("".join(counter.seen))
    plain = await it.ask({"model": "auto", "messages": CHAT["messages"]}, surface=ASIDE)
    assert (plain.json["input_tokens"], bool(counter.seen)) == (7, True), "what has none is counted there"


@BOTH
async def test_a_dry_run_calls_nobody_and_repeats_no_original(body: dict[str, Any]) -> None:
    it = house(OWN, MID)
    told = await it.ask(body, surface="route")
    assert told.status == 200
    assert it.calls() == []
    assert not originals_in(told.body.decode())
    assert "email" in told.body.decode(), "what was found is told by its name"

"""A cascade: lower answers are looked at, better ones are asked for, and what was paid for is never lost."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed, StreamCut, UpstreamRefused
from homeport.core.routing import Answer, Question, Verdict
from homeport.core.types import Completion, Outcome, Surface, Target
from homeport.pipeline.spending import SpendingRules
from tests.fakes.bank import budget
from tests.fakes.cascading import Climbing, SetJudge, answering, climbing_house, sure, text_of, unsure
from tests.fakes.house import CHAT, EMBED, MID, OWN, PRIVATE, PROMPT, STREAM, TOP, House, seen, target
from tests.fakes.upstream import Hang, spoken, vectors, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
ESCALATED = "own:low_confidence:0.42<0.55"
USD = 1_000_000_000
COST = 1_250_000
"""Of one answer of the scripted APIs, in nano-dollars."""


@BOTH
async def test_a_good_answer_is_given(body: dict[str, Any]) -> None:
    it = climbing_house(good=("own",))
    it.upstreams["own"].script(answering(body, "Clause", " 9."))
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 9.")
    assert caller.headers["x-homeport-model"] == "own"
    assert caller.headers["x-homeport-reason"] == "cascade:home"
    assert "x-homeport-escalation" not in caller.headers
    assert it.calls() == ["own"]
    assert [attempt.error for attempt in it.event.attempts] == [""]


@BOTH
async def test_a_poor_answer_is_paid_for_and_the_next_tier_is_asked(body: dict[str, Any]) -> None:
    it = climbing_house()
    it.upstreams["own"].script(answering(body, "I guess", " 3"))
    it.upstreams["own"].working = lambda: it.clock.advance(1_000_000_000)
    it.upstreams["mid"].script(answering(body, "Clause", " 9."))
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 9.")
    assert b"guess" not in caller.body
    assert caller.headers["x-homeport-escalation"] == ESCALATED
    assert (caller.headers["x-homeport-model"], caller.headers["x-homeport-reason"]) == ("mid", "cascade:home")
    assert it.calls() == ["own", "mid"]
    event = it.event
    assert [attempt.error for attempt in event.attempts] == ["escalated_low_confidence", ""]
    assert event.attempts[0].cost == 50_000, "a second of a machine of 0.36 dollars an hour with two slots"
    assert event.cost == COST + 50_000
    assert (event.target, event.outcome, event.estimated) == ("mid", Outcome.COMPLETED, False)
    assert it.deployments.of(OWN).outstanding == it.deployments.of(MID).outstanding == 0


@BOTH
async def test_the_end_of_a_stream_tells_it_too(body: dict[str, Any]) -> None:
    it = climbing_house()
    for name in ("own", "mid"):
        it.upstreams[name].script(answering(body, name))
    caller = await it.ask({**body, "stream_options": {"include_usage": True}} if body is STREAM else body)
    if body is STREAM:
        assert b'"escalation":"own:low_confidence:0.42<0.55"' in caller.body
    assert caller.headers["x-homeport-escalation"] == ESCALATED


@BOTH
async def test_three_tiers_are_climbed(body: dict[str, Any]) -> None:
    it = climbing_house(OWN, MID, TOP)
    for name in ("own", "mid", "top"):
        it.upstreams[name].script(answering(body, name))
    caller = await it.ask(body)
    assert text_of(body, caller) == "top"
    assert caller.headers["x-homeport-escalation"] == f"{ESCALATED},mid:low_confidence:0.42<0.55"
    codes = [(attempt.target, attempt.error) for attempt in it.event.attempts]
    assert codes == [("own", "escalated_low_confidence"), ("mid", "escalated_low_confidence"), ("top", "")]


@BOTH
@pytest.mark.parametrize(
    "failure",
    [ConnectFailed("down"), UpstreamRefused("no", status=400, retryable=False), StreamCut("cut")],
    ids=["down", "refused", "cut"],
)
async def test_the_lower_answer_is_given_where_no_better_one_comes(body: dict[str, Any], failure: Exception) -> None:
    it = climbing_house(OWN, MID, TOP)
    it.upstreams["own"].script(answering(body, "Clause", " 3?"))
    it.upstreams["own"].working = lambda: it.clock.advance(1_000_000_000)
    for name in ("mid", "top"):
        it.upstreams[name].script(failure)
        it.upstreams[name].working = lambda: it.clock.advance(5_000_000_000)
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 3?")
    assert caller.headers["x-homeport-escalation"] == f"kept:{ESCALATED}"
    assert (caller.headers["x-homeport-model"], caller.headers["x-homeport-reason"]) == ("own", "cascade:home")
    event = it.event
    assert (event.target, event.outcome, event.status) == ("own", Outcome.COMPLETED, 200)
    assert [attempt.target for attempt in event.attempts if not attempt.error] == ["own"]
    lost = sum(attempt.cost for attempt in event.attempts)
    assert event.cost - lost == 50_000, "its own second, not the time that others took"


@BOTH
async def test_a_better_answer_that_breaks_before_it_is_seen_gives_way_too(body: dict[str, Any]) -> None:
    it = climbing_house(OWN, MID, TOP)
    it.upstreams["own"].script(answering(body, "Clause 3?"))
    it.upstreams["mid"].script([*spoken("a")[:1], StreamCut("x")] if body is STREAM else StreamCut("x"))
    it.upstreams["top"].script(ConnectFailed("x"))
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 3?")
    assert it.event.attempts[1].error == "upstream_stream_cut"
    assert it.deployments.of(MID).outstanding == it.deployments.of(OWN).outstanding == 0


@BOTH
async def test_a_tier_that_is_down_is_passed_over(body: dict[str, Any]) -> None:
    it = climbing_house()
    it.upstreams["own"].script(ConnectFailed("down"))
    it.upstreams["mid"].script(answering(body, "Clause 9."))
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 9.")
    assert caller.headers["x-homeport-reason"] == "failover:own:upstream_unreachable"
    assert "x-homeport-escalation" not in caller.headers


@BOTH
async def test_an_escalation_is_not_called_a_failover(body: dict[str, Any]) -> None:
    it = climbing_house(OWN, MID, TOP)
    it.upstreams["own"].script(answering(body, "a"))
    it.upstreams["mid"].script(ConnectFailed("down"))
    it.upstreams["top"].script(answering(body, "b"))
    caller = await it.ask(body)
    assert caller.headers["x-homeport-reason"] == "failover:mid:upstream_unreachable"
    assert caller.headers["x-homeport-escalation"] == ESCALATED


@BOTH
async def test_private_data_is_never_escalated_away_from_home(body: dict[str, Any]) -> None:
    big = target("big", tier="den", local=True)
    it = climbing_house(OWN, big, TOP)
    it.upstreams["own"].script(answering(body, "a"))
    it.upstreams["big"].script(answering(body, "b"))
    caller = await it.ask(body, token=PRIVATE)
    assert text_of(body, caller) == "b"
    assert it.calls() == ["own", "big"]
    assert caller.headers["x-homeport-escalation"] == ESCALATED


class Careless(Climbing):
    """A third party's policy that offers private data to everybody."""

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Any:
        return super().decide(question, (OWN, MID))


@BOTH
async def test_a_careless_policy_does_not_get_private_data_out(body: dict[str, Any]) -> None:
    it = House(OWN, MID, policy=Careless(), judge=SetJudge())
    it.upstreams["own"].script(answering(body, "a"))
    caller = await it.ask(body, token=PRIVATE)
    assert (caller.status, text_of(body, caller), it.calls()) == (200, "a", ["own"])
    assert "x-homeport-escalation" not in caller.headers, "it is the last one that may answer"


async def test_vectors_are_not_looked_at() -> None:
    it = climbing_house()
    it.upstreams["own"].script(vectors())
    assert (await it.ask(EMBED, surface="embeddings")).status == 200
    assert it.calls() == ["own"]


async def test_a_named_model_is_not_looked_at() -> None:
    it = climbing_house()
    it.upstreams["own"].script(whole("a"))
    caller = await it.ask({**CHAT, "model": "own"})
    assert (caller.status, it.calls()) == (200, ["own"])


async def test_a_judge_that_fails_costs_nobody_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def judge(self, question: Question, target: Target, answer: Answer) -> Verdict:
            raise KeyError("x")

        def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
            raise KeyError("y")

    it = climbing_house(judge=Broken())
    it.upstreams["own"].script(whole("a"))
    assert (await it.ask()).status == 200
    assert "could not be judged" in caplog.text
    assert "could not learn" in caplog.text


@BOTH
async def test_an_account_that_is_empty_keeps_the_answer_at_home(body: dict[str, Any]) -> None:
    it = climbing_house(budgets=[budget(limit=1_000)])
    it.upstreams["own"].script(answering(body, "Clause 3?"))
    caller = await it.ask(body)
    assert (caller.status, text_of(body, caller)) == (200, "Clause 3?")
    assert caller.headers["x-homeport-escalation"] == f"kept:{ESCALATED}"
    assert [attempt.error for attempt in it.event.attempts] == ["", "budget_exceeded"]
    await it.balanced()


@BOTH
async def test_a_remote_lower_tier_is_settled_with_what_it_used(body: dict[str, Any]) -> None:
    it = climbing_house(MID, TOP, budgets=[budget(limit=USD)])
    for name in ("mid", "top"):
        it.upstreams[name].script(answering(body, name))
    caller = await it.ask(body)
    assert text_of(body, caller) == "top"
    assert it.event.attempts[0].cost == COST
    assert (it.event.cost, it.event.estimated) == (2 * COST, False)
    await it.balanced()
    assert it.bank.spent["bud_search", ""] == 2 * COST


@BOTH
async def test_what_the_lower_answer_did_not_use_pays_for_the_better_one(body: dict[str, Any]) -> None:
    """Each call may cost 2 million; the first one cost 1.25, and there are 3.6 in all."""
    it = climbing_house(MID, TOP, budgets=[budget(limit=3_600_000)])
    for name in ("mid", "top"):
        it.upstreams[name].script(answering(body, name))
    caller = await it.ask({**body, "max_tokens": 500})
    assert text_of(body, caller) == "top"
    await it.balanced()


@BOTH
async def test_a_caller_who_leaves_while_there_is_no_money_yet_pays_for_what_was_answered(body: dict[str, Any]) -> None:
    it = climbing_house(budgets=[budget(limit=2_200_000)], rules=SpendingRules(patience=5.0))
    it.upstreams["own"].script(answering(body, "own"))
    it.upstreams["own"].working = lambda: it.clock.advance(1_000_000_000)
    it.upstreams["mid"].script(Hang())
    first = it.caller({**CHAT, "model": "mid", "max_tokens": 500})
    holding = first.start(it.app)
    await it.upstreams["mid"].hanging.wait()
    caller = it.caller({**body, "max_tokens": 500})
    task = caller.start(it.app)
    while not it.upstreams["own"].ended:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert not task.done()
    caller.leave()
    await task
    [event] = it.recorder.events
    assert (event.outcome, event.target, event.cost) == (Outcome.CANCELLED, "", 50_000)
    assert [attempt.error for attempt in event.attempts] == ["escalated_low_confidence"]
    first.leave()
    await holding


@BOTH
async def test_a_kept_remote_answer_is_paid_once(body: dict[str, Any]) -> None:
    it = climbing_house(MID, TOP, budgets=[budget(limit=USD)])
    it.upstreams["mid"].script(answering(body, "mid"))
    it.upstreams["top"].script(ConnectFailed("x"))
    caller = await it.ask(body)
    assert text_of(body, caller) == "mid"
    assert it.event.cost == COST
    await it.balanced()


@BOTH
async def test_out_of_time_the_answer_that_is_there_is_given(body: dict[str, Any]) -> None:
    it = climbing_house()
    it.upstreams["own"].script(answering(body, "a"))
    it.upstreams["own"].working = lambda: it.clock.advance(20_000_000_000)
    caller = await it.ask(body, headers=[("x-homeport-timeout", "20")])
    assert (caller.status, it.calls()) == (200, ["own"])
    assert caller.headers["x-homeport-escalation"] == f"kept:{ESCALATED}"
    assert it.event.attempts[-1].error == "deadline_exceeded"


@BOTH
async def test_a_caller_who_leaves_while_the_better_one_thinks_pays_for_both(body: dict[str, Any]) -> None:
    it = climbing_house(MID, TOP, budgets=[budget(limit=USD)])
    it.upstreams["mid"].script(answering(body, "mid"))
    it.upstreams["top"].script(Hang())
    caller = it.caller(body)
    task = caller.start(it.app)
    await it.upstreams["top"].hanging.wait()
    caller.leave()
    await task
    event = it.event
    assert (event.outcome, event.target) == (Outcome.CANCELLED, "top")
    assert event.attempts[0].error == "escalated_low_confidence"
    assert event.attempts[0].cost == COST
    assert event.cost > COST
    assert it.upstreams["top"].cancelled == 1
    await it.balanced()


async def test_free_checks_and_probabilities_of_the_real_judge() -> None:
    it = House(OWN, MID, policy=Climbing())
    it.upstreams["own"].script(unsure(), sure(), sure("I'm sorry, but I can't help with that."), sure(""))
    it.upstreams["mid"].script(whole("Better."))
    told = [(await it.ask()).headers.get("x-homeport-escalation", "") for _ in range(4)]
    assert told == ["own:low_logprob:0.08<0.60", "", "own:refusal", "own:empty_answer"]


async def test_probabilities_are_asked_for_and_taken_out_again() -> None:
    it = climbing_house(good=("own",))
    answer = sure("Clause 9.")
    it.upstreams["own"].script(answer)
    caller = await it.ask()
    assert seen(it.upstreams["own"]) == {**CHAT, "logprobs": True, "top_logprobs": 2}
    assert b"logprob" not in caller.body
    assert caller.json["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Clause 9."}, "finish_reason": "stop"}
    ]


async def test_who_asks_for_probabilities_gets_them() -> None:
    it = climbing_house(good=("own",))
    answer = sure("Clause 9.")
    it.upstreams["own"].script(answer)
    asked = {**CHAT, "logprobs": True}
    caller = await it.ask(asked)
    assert seen(it.upstreams["own"]) == asked
    assert caller.body == answer.body


async def test_nobody_else_is_asked_for_probabilities() -> None:
    it = climbing_house()
    it.upstreams["own"].script(whole("a"))
    it.upstreams["mid"].script(whole("b"))
    await it.ask()
    assert "logprobs" not in seen(it.upstreams["mid"])
    it = House(OWN, MID)
    it.upstreams["own"].script(whole("a"))
    await it.ask()
    assert seen(it.upstreams["own"]) == CHAT


@BOTH
async def test_an_upstream_that_refuses_the_wish_is_asked_without_it(body: dict[str, Any]) -> None:
    refusal = UpstreamRefused("logprobs are not supported", status=400, retryable=False)
    it = climbing_house(good=("own",))
    it.upstreams["own"].script(refusal, answering(body, "a"))
    for number in range(2):
        caller = await it.ask(body)
        assert (caller.status, text_of(body, caller)) == (200, "a"), number
    wishes = ["logprobs" in call.fields for call in it.upstreams["own"].calls]
    assert wishes == [True, False, False], "and it is remembered"


async def test_a_refusal_that_had_another_reason_is_told() -> None:
    refusal = UpstreamRefused("your prompt is too long", status=400, retryable=False)
    it = climbing_house()
    it.upstreams["own"].script(refusal)
    caller = await it.ask()
    assert caller.status == 400
    assert len(it.upstreams["own"].calls) == 2
    it.upstreams["own"].script(whole("a"))
    it.upstreams["mid"].script(whole("b"))
    await it.ask()
    assert "logprobs" in it.upstreams["own"].calls[-1].fields


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("responses", {"model": "auto", "input": PROMPT}),
        ("messages", {"model": "auto", "max_tokens": 64, "messages": CHAT["messages"]}),
        ("completions", {"model": "auto", "prompt": PROMPT}),
    ],
)
async def test_every_surface_that_generates(surface: str, body: dict[str, Any]) -> None:
    told = b'{"type":"message","content":[{"type":"output_text","text":"T"}]}'
    answers: dict[str, bytes] = {
        "responses": b'{"status":"completed","output":[' + told + b"]}",
        "messages": b'{"type":"message","content":[{"type":"text","text":"T"}],"stop_reason":"end_turn"}',
        "completions": b'{"choices":[{"index":0,"text":"T","finish_reason":"stop"}]}',
    }
    judge = SetJudge()
    it = climbing_house(judge=judge)
    it.upstreams["own"].script(Completion(body=answers[surface], usage=None))
    it.upstreams["mid"].script(Completion(body=answers[surface].replace(b"T", b"U"), usage=None))
    caller = await it.ask(body, surface=surface)
    assert caller.body == answers[surface].replace(b"T", b"U")
    [(_, answer)] = judge.seen
    assert (answer.text, answer.finish, answer.whole) == ("T", "stop", True)


async def test_a_message_that_is_told_as_a_chat_is_read_as_one() -> None:
    chats = target("own", tier="home", local=True, surfaces=frozenset({Surface.CHAT}))
    judge = SetJudge("own")
    it = climbing_house(chats, MID, judge=judge)
    it.upstreams["own"].script(sure("Clause 9."))
    body = {"model": "auto", "max_tokens": 64, "messages": CHAT["messages"]}
    caller = await it.ask(body, surface="messages")
    assert caller.json["content"] == [{"type": "text", "text": "Clause 9."}]
    assert seen(it.upstreams["own"])["logprobs"] is True
    assert judge.seen[0][1].logprobs[0].logprob == -0.01

"""The loop guard: what goes round in circles is stopped within 20 calls, what gets on is never stopped."""

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.config.loops import LoopSettings
from homeport.core.money import Nano
from homeport.ledger.loops.guard import Level, LoopGuard, split
from homeport.ledger.loops.history import Signal
from homeport.ledger.loops.wording import explanation, header
from tests.fakes.agents import SECOND, START, WORDS, Run, Turn, anthropic, chat, raw, responses, said

MOST_CALLS = 20
TOOL = [chat, responses, anthropic]
PAGE = "one long page of a manual that says what is done with an order that was lost on its way "
QUESTIONS = ["Where is it?", "And the price?", "Do you ship to France?", "My name is Lee.", "Is it blue?", "Hello??"]

LOOPS: dict[str, Turn] = {
    "the same failure": lambda at: chat(at, "find", {"id": 7}, "Error: timeout after 30 s"),
    "volatile parts": lambda at: chat(
        at, "find", {"id": 7}, f"2026-03-01T10:00:{at:02}Z req_{uuid.uuid4().hex} failed after {at * 13} ms"
    ),
    "volatile fields": lambda at: chat(
        at,
        "find",
        {"id": 7, "request_id": str(uuid.uuid4())},
        json.dumps({"id": str(uuid.uuid4()), "rows": [], "took_ms": at * 7, "at": 1_700_000_000 + at}),
    ),
    "a counted failure": lambda at: chat(at, "find", {"id": 7}, f"attempt {at} failed, {at * 3} left in queue"),
    "a failure of every question": lambda at: chat(at, "search", {"q": f"order {at}"}, "Error: no index on line 3"),
    "two in turn": lambda at: chat(at, "ab"[at % 2], {}, f"page {at % 2}"),
    "five in turn": lambda at: chat(at, "read", {"file": at % 5}, f"text {at % 5}"),
    "eight in turn": lambda at: chat(at, "read", {"file": at % 8}, f"text {at % 8}"),
    "growing whitespace": lambda at: chat(at, "find", {"id": 7}, "no rows" + " \n" * at),
    "lines in another order": lambda at: chat(at, "ls", {}, "\n".join(random.Random(at).sample(["a", "b", "c"], 3))),
    "reads again, writes on": lambda at: (
        chat(at, "read", {"file": "a"}, PAGE * 20) if at % 2 else chat(at, "note", {"text": f"{at * 77} done"}, "ok")
    ),
    "pending for ever": lambda at: chat(at, "status", {"job": 1}, "status: pending"),
    "thanks": lambda at: said("You're welcome! Have a great day!", "Thank you so much! Goodbye!"),
    "bye": lambda at: said("Bye!", "Bye!"),
    "go on": lambda at: said("I will now write the report and tell you as soon as it is done.", "continue"),
    "nearly the same answer": lambda at: said(
        f"I am sorry, I did not quite understand what you just said, could you please say it again {'now' * (at % 2)}",
        QUESTIONS[at % 6] + "?" * at,
    ),
    "no understanding": lambda at: said(
        "I'm sorry, I didn't understand that. Could you please rephrase your question?", f"{QUESTIONS[at % 6]} ({at})"
    ),
    "calls in text": lambda at: said(f"Thought: attempt {at}\nAction: search[order]", "Observation: nothing found"),
    "code in text": lambda at: said(f"Try {at}.\n```bash\nmake test\n```", "exit code 2: no rule"),
    "calls in JSON": lambda at: [
        {
            "role": "assistant",
            "content": json.dumps({"thoughts": f"idea {at}", "command": {"name": "find", "args": {}}}),
        },
        {"role": "system", "content": "Command find returned: nothing"},
        {"role": "user", "content": "Say which command comes next."},
    ],
    "calls in tags": lambda at: said(f'Try {at}. <tool_call>{{"name": "find"}}</tool_call>', "<result>none</result>"),
    "nobody asks": lambda at: [
        {"role": "assistant", "content": "I have sent the mail to the customer now, all is done."}
    ],
    "results without calls": lambda at: [
        {"role": "assistant", "content": "I look the order up in the table."},
        {"role": "tool", "content": '{"error": "locked"}'},
    ],
}

HEALTHY: dict[str, Turn] = {
    "progress": lambda at: chat(at, "status", {"job": 1}, f"status: {at * 2} %"),
    "progress that names errors": lambda at: chat(at, "status", {"job": 1}, f'{{"done": {at}, "errors": 0}}'),
    "a countdown": lambda at: chat(at, "status", {"job": 1}, f"running, eta {400 - at} s"),
    "pages": lambda at: chat(at, "list", {"page": at}, f"{PAGE} {at * 3}"),
    "empty pages": lambda at: chat(at, "list", {"page": at}, "[]"),
    "one file after another": lambda at: chat(
        at, "write", {"file": f"f{at}", "text": f"{PAGE} {at}"}, "The file was written."
    ),
    "one record after another": lambda at: chat(
        at, "delete", {"id": str(uuid.UUID(int=at))}, f"deleted {uuid.UUID(int=at)}"
    ),
    "days": lambda at: chat(
        at, "events", {"day": f"2026-01-{at % 28 + 1:02}", "year": at // 28}, "no events on this day"
    ),
    "edit and test": lambda at: (
        chat(at, "edit", {"text": f"line {at * 31}"}, "ok")
        if at % 2
        else chat(at, "test", {}, f"{at} failed, 90 passed")
    ),
    "a queue": lambda at: (
        chat(at, "next", {}, f'{{"job": "{uuid.UUID(int=at)}"}}')
        if at % 2
        else chat(at, "do", {"job": str(uuid.UUID(int=at))}, "ok")
    ),
    "screens": lambda at: chat(at, "screenshot", {}, json.dumps([{"type": "image", "data": f"{at * 7919:x}" * 200}])),
    "labels": lambda at: said("negative", f"Review {at}: {QUESTIONS[at % 6]}"),
    "commands in JSON": lambda at: [
        {"role": "assistant", "content": json.dumps({"thoughts": "next", "command": {"name": "list", "args": {}}})},
        {"role": "system", "content": f"Command list returned: {at * 3} rows"},
        {"role": "user", "content": "Say which command comes next."},
    ],
    "a talk": lambda at: said(f"The answer to that is {at * 17}, as page {at} says.", QUESTIONS[at % 6]),
    "one question in other words": lambda at: (
        chat(at, "status", {}, "ready at noon")
        if at % 3
        else said(f"It is {at}.", f"And now, {QUESTIONS[at % 6]} {at}")
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_stopped_within_twenty_calls(name: str) -> None:
    run = Run(LOOPS[name])
    assert 0 < run.stopped <= MOST_CALLS, run.verdicts[-1]
    assert "times" in run.why or "calls" in run.why
    levels = [verdict.level for verdict in run.verdicts]
    assert levels.index(Level.WARNING) < levels.index(Level.STOP)


@pytest.mark.parametrize("name", HEALTHY)
def test_what_gets_on_is_never_stopped(name: str) -> None:
    assert Run(HEALTHY[name], calls=80).stopped == 0


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_all_words_are_read(words: Callable[..., Any]) -> None:
    run = Run(lambda at: words(at, "find_order", {"name": "Lee"}, "Error: no such table"))
    assert run.stopped == 6
    assert [verdict.level.name for verdict in run.verdicts] == ["NONE"] * 3 + ["WARNING", "THROTTLE", "STOP"]
    for told in ("5 times", "find_order", "Lee", "Error: no such table", "5 calls", "$0.005000000"):
        assert told in run.why
    assert header(run.verdicts[-1]) == "stop; repeats=5; what=same_result:find_order"
    assert not Run(lambda at: words(at, "find_order", {"name": f"Lee {at}"}, f"order {at} is on its way")).stopped


@pytest.mark.parametrize("guards", [2, 3])
@pytest.mark.parametrize("name", LOOPS)
def test_several_processes_stop_it_as_well(name: str, guards: int) -> None:
    assert 0 < Run(LOOPS[name], guards=guards).stopped <= MOST_CALLS


@given(
    tools=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=40)), min_size=1, max_size=8),
    words=st.sampled_from(TOOL),
    before=st.integers(0, 3),
    noise=st.integers(0, 2**32),
)
def test_every_cycle_of_up_to_eight_tools_is_stopped(
    tools: list[tuple[str, str]], words: Callable[..., Any], before: int, noise: int
) -> None:
    dice = random.Random(noise)

    def turn(at: int) -> Any:
        name, result = tools[at % len(tools)]
        return words(
            dice.getrandbits(60), f"t{name}", {"x": at % len(tools)}, f"{result} {uuid.UUID(int=dice.getrandbits(128))}"
        )

    start = [*START, *[one for at in range(before) for one in words(900 + at, "first", {"n": at}, f"thing {at * 7}")]]
    run = Run(turn, start=start, cost=1)
    assert 0 < run.stopped <= MOST_CALLS


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=40), st.sampled_from(TOOL))
def test_an_agent_with_news_every_third_turn_is_never_stopped(
    asked: list[tuple[int, int]], words: Callable[..., Any]
) -> None:
    def turn(at: int) -> Any:
        if at % 3 == 0:
            return words(at, "edit", {"at": at, "text": f"{PAGE} {at}"}, f"wrote {at} and {PAGE}")
        tool, value = asked[at % len(asked)] if asked else (0, 0)
        return words(at, f"tool{tool}", {"value": value}, f"found {value} at {at // 9}")

    assert Run(turn, calls=42).stopped == 0


@pytest.mark.parametrize("words", TOOL)
def test_an_agent_that_forgets_its_oldest_messages_is_known_too(words: Callable[..., Any]) -> None:
    run = Run(lambda at: words(at, "find", {}, "no rows"), keeps=18)
    assert 0 < run.stopped <= MOST_CALLS
    assert not Run(lambda at: words(at, "find", {"n": at}, f"{at} rows"), keeps=18).stopped


@pytest.mark.parametrize("empty", ["", " ", "!!", "\n"])
@pytest.mark.parametrize("words", TOOL)
def test_empty_arguments_and_results_are_the_same_too(words: Callable[..., Any], empty: str) -> None:
    assert Run(lambda at: words(at, "find", empty, empty)).stopped == 6
    bare = {"id": "c", "function": {"name": "find", "arguments": empty}}
    assistant = {"role": "assistant", "tool_calls": [bare]}
    assert Run(lambda at: [assistant, {"role": "tool", "tool_call_id": "c", "content": empty}]).stopped == 6


def test_a_new_word_of_a_person_ends_a_run() -> None:
    def turn(at: int) -> Any:
        again = chat(at, "find", {"id": 7}, "no rows")
        return again if at % 3 else [*again, *said(f"Nothing for {at}.", f"Look once more, {at} please.")]

    assert Run(turn, calls=60).stopped == 0


def test_a_harness_that_always_says_the_same_does_not_end_it() -> None:
    assert 0 < Run(lambda at: [*chat(at, "find", {}, "no rows"), *said("Nothing yet.", "Go on.")]).stopped <= MOST_CALLS


def test_a_transcript_from_elsewhere_is_not_stopped_at_first_sight() -> None:
    history = [*START, *[one for at in range(6) for one in chat(at, "find", {}, "no rows")]]
    guard = LoopGuard(LoopSettings())
    first = guard.check("key", "", raw(history), 0)
    assert first.verdict.level is Level.THROTTLE
    guard.finish(first, Nano(1), 1)
    history += chat(6, "find", {}, "no rows")
    assert guard.check("key", "", raw(history), 1).verdict.level is Level.STOP
    assert guard.check("other", "", raw(history), 1).verdict.level is Level.THROTTLE
    history += [one for at in range(7, 12) for one in chat(at, "find", {}, "no rows")]
    assert LoopGuard(LoopSettings()).check("key", "", raw(history), 0).verdict.level is Level.STOP


def test_moved_cache_marks_do_not_hide_a_trace() -> None:
    guard = LoopGuard(LoopSettings())
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Go."}]}]
    for at in range(8):
        messages += anthropic(at, "find", {}, "no rows")
        marked = json.loads(json.dumps(messages))
        marked[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
        watched = guard.check("key", "", raw(marked), at)
        assert watched.verdict.calls == at or watched.verdict.level is Level.STOP
        guard.finish(watched, Nano(1), 1)
    assert watched.verdict.level is Level.STOP


@pytest.mark.parametrize(("trace", "stopped"), [("t", 11), ("", 0)])
def test_the_same_request_with_the_same_answer(trace: str, stopped: int) -> None:
    """Without a trace nobody knows that it is one agent: then a header says it, no more."""
    start = [*START, *said("Which one?", "The blue one.")]
    run = Run(lambda at: [], trace=trace, start=start, answer=lambda at: 7)
    assert run.stopped == stopped
    assert run.verdicts[-1].finding
    assert run.verdicts[-1].finding.signal is Signal.REQUEST
    assert not Run(lambda at: [], trace=trace, start=start).stopped, "other answers: samples"


def test_a_dollar_after_the_warning_is_enough() -> None:
    run = Run(LOOPS["a counted failure"], cost=600_000_000)
    assert run.stopped < Run(LOOPS["a counted failure"], cost=1).stopped
    warned = next(at for at, verdict in enumerate(run.verdicts) if verdict.level)
    assert run.verdicts[-1].cost - run.verdicts[warned].cost <= 1_200_000_000


@pytest.mark.parametrize(
    ("settings", "most"),
    [({"action": "warn"}, Level.WARNING), ({"action": "throttle"}, Level.THROTTLE), ({"action": "off"}, Level.NONE)],
)
def test_the_action_is_the_most_that_is_done(settings: dict[str, Any], most: Level) -> None:
    run = Run(LOOPS["the same failure"], settings=LoopSettings(**settings))
    assert max(verdict.level for verdict in run.verdicts) is most


def test_delays_grow_to_their_bound() -> None:
    run = Run(LOOPS["the same failure"], settings=LoopSettings(action="throttle", throttle_seconds=2.0))
    delays = [verdict.delay_s for verdict in run.verdicts if verdict.delay_s]
    assert delays[:6] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("settings", "calls", "word"),
    [
        ({"max_calls": 9}, 10, "max_calls"),
        ({"max_cost_usd": "0.009"}, 10, "max_cost_usd"),
        ({"max_turns": 9}, 10, "max_turns"),
        ({"max_minutes": 1}, 62, "max_minutes"),
    ],
)
def test_limits_of_a_trace(settings: dict[str, Any], calls: int, word: str) -> None:
    run = Run(HEALTHY["pages"], calls=80, settings=LoopSettings.model_validate(settings))
    assert run.stopped == calls
    assert word in run.why


def test_a_rate_far_above_the_past_warns_and_no_more() -> None:
    guard = LoopGuard(LoopSettings())
    usual = [guard.check("key", "t", (), minute * 60 * SECOND + at).verdict for minute in range(20) for at in range(5)]
    assert not any(verdict.level for verdict in usual)
    burst = [guard.check("key", "t", (), 21 * 60 * SECOND + at).verdict for at in range(400)]
    assert [verdict.level for verdict in burst[:59]] == [Level.NONE] * 59
    assert burst[-1].level is Level.WARNING
    assert explanation(burst[-1], ()) == "this agent makes 80 times as many requests a minute as this key's average"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "role",
                        "content",
                        "type",
                        "text",
                        "tool_calls",
                        "function",
                        "name",
                        "id",
                        "tool_use_id",
                        "call_id",
                    ]
                )
                | st.text(max_size=4),
                inner
                | st.sampled_from(
                    ["assistant", "user", "tool", "tool_use", "tool_result", "function_call", "x_output"]
                ),
                max_size=6,
            )
        ),
        max_leaves=30,
    )
)
def test_no_history_breaks_it(messages: Any) -> None:
    listed = messages if isinstance(messages, list) else [messages]
    guard = LoopGuard(LoopSettings())
    for _ in range(3):
        watched = guard.check("key", "", raw(listed * 6), 0)
        guard.finish(watched, Nano(1), 1)
        if watched.verdict.finding:
            assert explanation(watched.verdict, raw(listed * 6)).startswith("this agent ")
            header(watched.verdict).encode("ascii")


@pytest.mark.parametrize("body", [b'"text"', b"{}", b"nonsense", b"", b"[" * 5_000, b"[\xff]", b"null"])
def test_what_is_no_list_of_messages_has_none(body: bytes) -> None:
    assert not [
        guarded for guarded in split(Raw(body)) if LoopGuard(LoopSettings()).check("k", "", [guarded], 0).verdict.level
    ]


def test_thresholds_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        LoopSettings(warn_after=5, throttle_after=4)


def test_memory_is_bounded() -> None:
    guard = LoopGuard(LoopSettings())
    for at in range(50_000):
        guard.check(f"key{at}", f"trace{at}", (), at)
    assert len(guard._traces) <= 40_000
    assert len(guard._rates) <= 4_000


def test_a_review_of_what_was_read_before_is_no_loop() -> None:
    """Everything was there before, but each thing is looked at once more: that is slowed down at most."""

    def turn(at: int) -> Any:
        if at < 12:
            return chat(at, "read", {"file": at % 3}, f"{PAGE} {at}")
        return (
            chat(at, "read", {"file": at % 3}, f"{PAGE} {at - 12}")
            if at < 18
            else chat(at, "write", {"n": at}, f"{at}")
        )

    assert Run(turn).stopped == 0

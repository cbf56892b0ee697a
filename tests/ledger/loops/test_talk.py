"""The loop guard and what is said: people, clocks and batches repeat themselves, and so do agents that loop."""

import random
import uuid
from typing import Any

import pytest

from homeport.config.loops import LoopSettings
from homeport.core.money import Nano
from homeport.ledger.loops.guard import Level, LoopGuard
from tests.fakes.agents import Run, Turn, chat, raw, said

MOST_CALLS = 20
PAGE = "one long page of a manual that says what is done with an order that was lost on its way "
QUESTIONS = ["Where is it?", "And the price?", "Do you ship to France?", "My name is Lee.", "Is it blue?", "Hello??"]
LINES = ["".join(random.Random(at).choices("abcdefg hij", k=40)) for at in range(80)]

LOOPS: dict[str, Turn] = {
    "the same answer with another id": lambda at: said(
        f"Run {uuid.uuid5(uuid.NAMESPACE_URL, str(at))} is started, I will tell you the result as soon as it is there.",
        "ok",
    ),
    "counted answers": lambda at: said(
        f"Iteration {at}: I am going to look at the problem once more and find the best solution.", "continue"
    ),
    "an answer with a word changed": lambda at: said(
        f"I apologise for the confusion, let me {['now', 'then', 'also'][at % 3]} mend the import of the module.",
        "go on",
    ),
    "few words to itself": lambda at: [{"role": "assistant", "content": ["Let me try again.", "Once more."][at % 2]}],
    "no words": lambda at: said("", "You did not answer. Go on."),
    "a complaint of every answer": lambda at: said(
        f"{QUESTIONS[at % 6]} {at * 31}", "Invalid format: 'Action:' is missing"
    ),
    "pauses that grow": lambda at: (
        chat(at, "sleep", {"seconds": 2**at}, "ok") if at % 2 else chat(at, "get", {}, "Error 503: unavailable")
    ),
    "a failure by its name": lambda at: chat(at, "find", {"query": f"{QUESTIONS[at % 6]} {at}"}, "ValidationError: q"),
}

HEALTHY: dict[str, Turn] = {
    "woken by a clock": lambda at: said(
        "No news, I look again next time.", f"It is 2026-03-01T{at:02}:00:00Z. Any news?"
    ),
    "data of every item": lambda at: said(
        '{"class": "transport", "why": "the merchant is a firm that drives people home"}', f"Item {at}: {LINES[at]}"
    ),
    "a sentence on every item": lambda at: said(
        "This message is not spam and nothing needs to be done.", f"Message {at}: {LINES[at]}"
    ),
    "a long prompt in every item": lambda at: said("B", f"{PAGE * 20} Item: {LINES[at]}"),
    "shares": lambda at: said(f"I have moved {at} of 150 files to the new folder, I go on with the next.", "continue"),
    "a drill": lambda at: said(f"Correct! And the next one: what is {at * 37} times {at * 91}?", "next"),
    "an answer to what was done": lambda at: [
        *chat(at, "add", {"item": LINES[at]}, "ok"),
        *said("I have added it to your list. Anything else?", LINES[-at]),
    ],
}


@pytest.mark.parametrize("guards", [1, 2])
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_stopped_within_twenty_calls(name: str, guards: int) -> None:
    assert 0 < Run(LOOPS[name], guards=guards).stopped <= MOST_CALLS


@pytest.mark.parametrize("name", HEALTHY)
def test_what_gets_on_is_never_stopped(name: str) -> None:
    assert Run(HEALTHY[name], calls=80).stopped == 0


def test_what_a_person_orders_again_is_done_again() -> None:
    def turn(at: int) -> Any:
        switched = chat(at, "light", {"on": at % 2}, "ok")
        return [*switched, *said("Done.", f"Turn the light {['on', 'off'][at % 2]}.")]

    assert not Run(turn, calls=7).stopped
    assert 0 < Run(turn).stopped <= MOST_CALLS


@pytest.mark.parametrize("tool", ["sleep", "wait_for_seconds", "bash"])
def test_pauses_between_the_looks_of_a_poll_are_no_repeats(tool: str) -> None:
    asked = {"command": "sleep 30"} if tool == "bash" else {"seconds": 30}

    def turn(at: int) -> Any:
        return chat(at, tool, asked, "ok") if at % 2 else chat(at, "status", {}, "in progress")

    assert not Run(turn, calls=32).stopped
    assert 0 < Run(lambda at: chat(at, tool, asked, "ok")).stopped <= MOST_CALLS


def test_a_person_who_says_the_same_ten_times_is_not_stopped() -> None:
    run = Run(lambda at: said("I cannot tell you that, please ask your bank about it.", "Where is my money?"), calls=13)
    assert not run.stopped


def test_things_read_again_in_no_order_are_no_cycle() -> None:
    dice = random.Random(4)
    seen = [at % 12 for at in range(12)] + [dice.randrange(12) for _ in range(14)]
    assert not Run(lambda at: chat(at, "get", {"n": seen[at]}, f"value {seen[at]}"), calls=26).stopped


def test_agents_that_keep_no_history_are_known_by_what_they_ask() -> None:
    guard = LoopGuard(LoopSettings())
    levels = []
    for at in range(20):
        asked = f"It is 2026-03-01T10:00:{at:02}. What is {['the plan', 'wrong with it'][at % 2]}?"
        watched = guard.check("key", "trace", raw([{"role": "user", "content": asked}]), at)
        levels.append(watched.verdict.level)
        guard.finish(watched, Nano(1), at % 2 + 1)
    assert Level.STOP in levels

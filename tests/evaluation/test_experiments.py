"""Experiments: everything is asked once, never more at a time or for more money than may be, and goes on."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from homeport.core.errors import ConfigError, HomeportError
from homeport.core.money import Nano
from homeport.evaluation.datasets import Dataset, parse_dataset
from homeport.evaluation.experiments import (
    Ask,
    Ended,
    Experiment,
    Limits,
    Reply,
    Standing,
    check_scorer,
    questions,
)
from homeport.evaluation.runs import Answered
from homeport.evaluation.scorers import scorer_of
from homeport.evaluation.templates import parse_template
from tests.fakes.answering import InProcessReferee

SCORER = scorer_of("check", InProcessReferee())


def dataset(cases: int, **fields: Any) -> Dataset:
    rows = [
        {"id": str(n), "question": f"{n}?", "check": {"kind": "exact"}, "expected": str(n), **fields}
        for n in range(cases)
    ]
    return parse_dataset(b"".join(json.dumps(row).encode() + b"\n" for row in rows), "d.jsonl")


def right(ask: Ask) -> Reply:
    return Reply(text=ask.case.id, cost=Nano(10), latency_ms=1.0, model="m")


def failing(_: Ask) -> Reply:
    return Reply(error="upstream_unavailable", why="down")


class Scripted:
    """A `Respondent`; notes what it was asked, and how much at a time."""

    def __init__(self, script: Callable[[Ask], Reply]) -> None:
        self._script = script
        self.asked: list[tuple[str, int]] = []
        self.in_work = self.most_in_work = 0

    async def __call__(self, ask: Ask) -> Reply:
        self.asked.append((ask.case.id, ask.epoch))
        self.in_work += 1
        self.most_in_work = max(self.most_in_work, self.in_work)
        await asyncio.sleep(0)
        self.in_work -= 1
        return self._script(ask)


async def ended(
    script: Callable[[Ask], Reply], cases: int, *, epochs: int = 1, answered: tuple[Answered, ...] = (), **limits: Any
) -> tuple[Ended, list[Answered], Scripted]:
    kept: list[Answered] = []
    respond = Scripted(script)
    asks = questions(dataset(cases), None, epochs)
    experiment = Experiment(asks, respond, SCORER, kept.append, limits=Limits(**limits), answered=answered)
    told: list[Standing] = []
    done = await experiment.run(told.append)
    assert told[-1] == done.standing or done.error is not None
    return done, kept, respond


async def test_everything_is_asked_once_scored_and_kept() -> None:
    done, kept, respond = await ended(
        lambda ask: right(ask) if ask.case.id != "2" else Reply(text="no"), 5, epochs=2, at_once=3
    )
    assert sorted(respond.asked) == sorted((str(n), epoch) for n in range(5) for epoch in range(2))
    assert respond.most_in_work == 3
    assert {one.place: one.score for one in kept} == {
        (str(n), epoch): float(n != 2) for n in range(5) for epoch in range(2)
    }
    assert done == Ended(standing=Standing(done=10, of=10, failed=0, spent=80))


async def test_it_goes_on_without_asking_again() -> None:
    _, kept, _ = await ended(lambda ask: right(ask) if int(ask.case.id) < 3 else failing(ask), 5)
    done, _, respond = await ended(right, 5, answered=tuple(kept))
    assert sorted(respond.asked) == [("3", 0), ("4", 0)]
    assert done.standing == Standing(done=5, of=5, failed=0, spent=50)


async def test_money_is_not_exceeded() -> None:
    for at_once in (1, 2, 7):
        done, kept, _ = await ended(right, 50, at_once=at_once, most=Nano(105))
        assert sum(one.cost_nanodollars or 0 for one in kept) == 100
        assert (done.capped, done.standing.done) == (True, 10)
    done, _, respond = await ended(right, 50, answered=tuple(kept), most=Nano(105))
    assert (done.capped, respond.asked) == (True, []), "what was spent before counts"
    done, _, _ = await ended(right, 10, at_once=4, most=Nano(100))
    assert (done.capped, done.standing.done) == (False, 10)


async def test_what_costs_nothing_is_not_asked_one_by_one() -> None:
    done, _, respond = await ended(lambda ask: Reply(text=ask.case.id), 20, at_once=4, most=Nano(5))
    assert (done.standing.done, respond.most_in_work) == (20, 4)


async def test_a_question_that_fails_is_kept_as_such() -> None:
    done, kept, _ = await ended(lambda ask: failing(ask) if ask.case.id == "1" else right(ask), 3)
    [gone] = [one for one in kept if one.score is None]
    assert (gone.error, gone.why) == ("upstream_unavailable", "down")
    assert (done.standing.done, done.standing.failed, done.error) == (2, 1, None)


async def test_a_route_that_is_down_is_not_asked_on() -> None:
    done, _, respond = await ended(failing, 500, at_once=2, in_a_row=20)
    assert done.error is not None
    assert done.error.code == "eval_route_failing"
    assert 20 <= len(respond.asked) <= 21


async def test_what_nothing_helps_against_ends_it_and_what_is_in_work_is_kept() -> None:
    def script(ask: Ask) -> Reply:
        if ask.case.id == "4":
            raise HomeportError("no such model", code="model_not_found")
        return right(ask)

    done, kept, respond = await ended(script, 100, at_once=3)
    assert done.error is not None
    assert done.error.code == "model_not_found"
    assert len(respond.asked) < 9
    assert len(kept) == len(respond.asked) - 1


async def test_interrupted_it_has_kept_what_was_answered() -> None:
    kept: list[Answered] = []

    async def respond(ask: Ask) -> Reply:
        if len(kept) == 4:
            await asyncio.Event().wait()
        return right(ask)

    experiment = Experiment(questions(dataset(9), None, 1), respond, SCORER, kept.append, limits=Limits(at_once=1))
    task = asyncio.create_task(experiment.run(lambda _: None))
    while len(kept) < 4:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(kept) == 4


def test_templates_make_the_questions() -> None:
    template = parse_template(b"[system]\nBe brief.", "t")
    [ask] = questions(dataset(1), template, 1, 99)
    assert [turn["content"] for turn in ask.question.messages] == ["Be brief.", "0?"]
    assert ask.question.max_tokens == 99


def test_a_case_of_variables_alone_needs_a_template() -> None:
    data = parse_dataset(b'{"id": "a", "variables": {"x": "1"}}', "d")
    with pytest.raises(ConfigError, match="without a template"):
        questions(data, None, 1)
    assert questions(data, parse_template(b"{{x}}", "t"), 1)[0].question.messages[0]["content"] == "1"


def test_a_score_that_cannot_be_given_is_told_before_anything_is_asked() -> None:
    check_scorer(dataset(2), SCORER)
    with pytest.raises(ConfigError, match="has no `reference`") as caught:
        check_scorer(dataset(2), scorer_of("exact", InProcessReferee()))
    assert caught.value.code == "eval_score_missing"

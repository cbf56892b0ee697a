"""Replays of answers that repeat, that do not, and that fail."""

from itertools import count
from random import Random

import pytest

from homeport.core.errors import UpstreamTimeout
from homeport.evaluation.answers import Answer, Question
from homeport.evaluation.determinism import CONDITIONS, Border, Plan, Repeats, nearest, probe
from tests.fakes.answering import ScriptedAnswerer, answer

ASKED = Question(prompt="the question")
PLAN = Plan(replays=6, questions=1, background=2)


def borders(*questions: Question) -> tuple[Border, ...]:
    return tuple(
        Border(id=str(number), question=question, margin=0.1, answer=answer("x"))
        for number, question in enumerate(questions)
    )


async def replay(answerer: ScriptedAnswerer, plan: Plan = PLAN, *questions: Question) -> dict[str, Repeats]:
    found = await probe(borders(*questions or (ASKED,)), answerer, plan, Random(1), lambda done, of: None)
    return {repeat.condition: repeat for repeat in found}


async def test_answers_that_repeat() -> None:
    found = await replay(ScriptedAnswerer(lambda question: answer("same")))
    assert list(found) == ["idle, cold", "idle, warm", "loaded, cold", "loaded, warm"]
    for repeat in found.values():
        assert (repeat.identical.hits, repeat.identical.of, repeat.distinct) == (6, 6, 1)
        assert (repeat.logprobs.hits, repeat.logprobs.of, repeat.first_difference) == (6, 6, None)


async def test_a_warm_answer_that_differs_is_told() -> None:
    def script(question: Question) -> Answer:
        cold = question.fields.get("cache_prompt") is False
        return answer("it", " is" if cold or question.prompt != ASKED.prompt else " was")

    found = await replay(ScriptedAnswerer(script))
    assert {name: repeat.identical.hits for name, repeat in found.items()} == {
        "idle, cold": 6,
        "idle, warm": 0,
        "loaded, cold": 6,
        "loaded, warm": 0,
    }
    first = found["idle, warm"].first_difference
    assert first is not None
    assert (first.id, first.replay, first.divergence.position) == ("0", 0, 1)
    assert found["idle, warm"].distinct == 2


async def test_log_probabilities_are_compared_to_the_last_digit() -> None:
    numbers = count()
    found = await replay(ScriptedAnswerer(lambda _: answer("x", logprob=-1.0 - next(numbers) * 1e-9)))
    assert found["idle, cold"].identical.hits == 6
    assert found["idle, cold"].logprobs.hits == 0


async def test_it_is_loaded_only_where_it_says_so() -> None:
    answerer = ScriptedAnswerer(lambda _: answer("x"))
    beside: list[int] = []

    def told(done: int, of: int) -> None:
        beside.append(answerer.in_work)

    await probe(borders(ASKED), answerer, PLAN, Random(1), told)
    assert beside[:12] == [0] * 12
    assert set(beside[12:]) == {2}
    assert answerer.in_work == 0, "nothing goes on in the background"


async def test_before_a_cold_replay_something_else_is_asked() -> None:
    answerer = ScriptedAnswerer(lambda _: answer("x"))
    await replay(answerer, Plan(replays=2, questions=1, background=0))
    cold = answerer.asked[2:6]
    assert [question.prompt for question in cold] == ["", ASKED.prompt] * 2
    salts = {question.fields["cache_salt"] for question in cold[1::2]}
    assert len(salts) == 2, "each has a salt of its own"
    assert all("cache_salt" not in question.fields for question in answerer.asked[6:10])


async def test_replays_are_spread_over_the_questions() -> None:
    answerer = ScriptedAnswerer(lambda question: answer(question.prompt or "background"))
    other = Question(prompt="another")
    found = await replay(answerer, Plan(replays=5, questions=2, background=0), ASKED, other)
    assert found["idle, warm"].identical.of == 5
    assert found["idle, warm"].distinct == 1
    assert sum(question.prompt == other.prompt for question in answerer.asked) == 1 + 2 + 4 + 2 + 4


async def test_background_that_fails_ends_the_probe() -> None:
    def script(question: Question) -> Answer:
        if question.messages and question.max_tokens > 1:  # not what comes before a cold replay
            raise UpstreamTimeout("too late")
        return answer("x")

    answerer = ScriptedAnswerer(script)
    with pytest.raises(UpstreamTimeout):
        await replay(answerer, Plan(replays=20, questions=1, background=2))


async def test_the_questions_nearest_to_another_answer_are_taken() -> None:
    margins = {"sure": -9.0, "close": -0.6, "unknown": None, "near": -0.8}

    def script(question: Question) -> Answer:
        other = margins[question.prompt]
        return answer("x", other="y", other_logprob=other) if other is not None else answer("x")

    told: list[int] = []
    questions = {name: Question(prompt=name, max_tokens=4 if name == "sure" else 64) for name in margins}
    answerer = ScriptedAnswerer(script)
    found = await nearest(questions, answerer, Plan(questions=3, max_tokens=8), lambda done, of: told.append(done))
    assert [border.id for border in found] == ["close", "near", "sure"]
    assert told == [1, 2, 3, 4]
    assert {question.max_tokens for question in answerer.asked} == {8, 4}


def test_every_condition_has_a_name_of_its_own() -> None:
    assert len({condition.name for condition in CONDITIONS}) == 4

"""What a judge is asked of two questions, and how its word is read."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.judge import EXAMPLES, LONGEST, approves, is_judgeable, messages, probability, prompt, read, request

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def choice(**logprobs: float) -> dict[str, Any]:
    top = [{"token": token, "logprob": logprob} for token, logprob in logprobs.items()]
    return {"logprobs": {"content": [{"token": "?", "logprob": -1.0, "top_logprobs": top}]}}


def test_solved_pairs_come_first_and_the_pair_last() -> None:
    turns = messages("Where is it?", "Where was it?")
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * len(EXAMPLES), "user"]
    assert turns[-1]["content"] == "Question 1: Where is it?\nQuestion 2: Where was it?"
    text = prompt("Where is it?", "Where was it?")
    assert text.endswith("Question 1: Where is it?\nQuestion 2: Where was it?\nSame:")
    assert {turn["content"] for turn in turns if turn["role"] == "assistant"} == {"Yes", "No"}


def test_as_many_solved_pairs_are_the_same_as_are_not() -> None:
    assert sum(example.same for example in EXAMPLES) * 2 == len(EXAMPLES)


def test_one_word_with_its_alternatives_is_asked_for() -> None:
    body = request("a b", "b a")
    assert (body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == (1, 0, True, 10)
    assert body["messages"] == messages("a b", "b a")


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_question_can_pass_for_a_turn(asked: str, kept: str) -> None:
    assert messages(asked, kept)[-1]["content"].count("\n") == 1
    assert prompt(asked, kept).count("\nSame:") == len(EXAMPLES) + 1


def test_yes_beside_no() -> None:
    alternatives = [(" Yes", math.log(0.6)), ("No", math.log(0.1)), ("yes.", math.log(0.1)), ("You", math.log(0.2))]
    assert probability(alternatives) == pytest.approx(0.7 / 0.8)
    assert probability([("No", math.log(0.5))]) == 0
    assert probability([("Maybe", -0.1)]) is None
    assert probability([]) is None


def test_what_cannot_be_a_probability_does_not_count() -> None:
    assert probability([("Yes", 700.0), ("No", -1.0)]) == 0
    assert probability([("Yes", float("nan"))]) is None


def test_a_choice_is_read() -> None:
    found = read(choice(Yes=math.log(0.9), No=math.log(0.1)))
    assert found == pytest.approx(0.9)
    assert approves(found, 0.9 - 1e-9)
    assert not approves(found, 0.91)


@pytest.mark.parametrize(
    "told", [{}, {"logprobs": None}, {"logprobs": {"content": []}}, choice(Hm=-1.0), choice(Yes=-(10**400))]
)
def test_a_judge_that_says_nothing_approves_nothing(told: dict[str, Any]) -> None:
    assert read(told) is None
    assert not approves(read(told), 0.0)


@given(JSON)
def test_whatever_an_upstream_says_is_read(said: Any) -> None:
    """Garbage at any depth is nothing, not an error."""
    for told in (said, {"logprobs": said}, {"logprobs": {"content": [said]}}, choice(Yes=-1.0) | {"logprobs": said}):
        found = read(told)
        assert found is None or 0 <= found <= 1


@given(st.lists(st.tuples(st.sampled_from(["Yes", " no", "NO", "x"]), st.floats())))
def test_it_is_a_probability_or_nothing(alternatives: list[tuple[str, float]]) -> None:
    found = probability(alternatives)
    assert found is None or 0 <= found <= 1


def test_what_is_too_long_or_empty_is_not_put_to_a_judge() -> None:
    assert is_judgeable("a", "b" * LONGEST)
    assert not is_judgeable("a", "b" * (LONGEST + 1))
    assert not is_judgeable(" ", "b")

"""The questions that small models are recorded with, and how their answers are graded."""

import pytest

from bench.questions import FAMILIES, Item, is_right, make_examples, make_questions


def test_questions_are_many_different_and_the_same_for_a_seed() -> None:
    made = make_questions(650, seed=1)
    assert len(made) >= 600
    assert len({item.question for item in made}) == len(made)
    assert {item.family for item in made} == set(FAMILIES)
    assert made == make_questions(650, seed=1) != make_questions(650, seed=2)


def test_an_answer_as_it_is_meant_is_right() -> None:
    assert all(is_right(item, f" {item.answer}.\n") for item in make_questions(130, seed=3))
    assert all(is_right(item, item.answer) for item in make_examples("json", 5, 0))


@pytest.mark.parametrize(
    ("answer", "said", "right"),
    [
        ("12", "7 + 5 = 12", True),
        ("12", "12 is 7 + 5", False),
        ("12", "112", False),
        ("1 2", "1, 2", True),
        ("yes", "Yes, it is.", True),
        ("yes", "No, yes", False),
        ("Paris", "The capital of France is Paris.", True),
        ("Paris", "\n\nParis is the capital", True),
        ("Paris", "Lyon\nParis", False),
        ("Paris", "", False),
        ("new delhi", "New Delhi", True),
    ],
)
def test_grading(answer: str, said: str, right: bool) -> None:
    assert is_right(Item("f", "q", answer), said) is right

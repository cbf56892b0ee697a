"""Scores of answers: by checks, and by references."""

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.checks import Contains, Exact
from homeport.evaluation.datasets import DatasetCase
from homeport.evaluation.scorers import Score, scorer_of
from tests.fakes.answering import InProcessReferee

CHECKED = DatasetCase(id="a", question="?", check=Exact(), expected="yes")
REFERRED = DatasetCase(id="b", question="?", reference="The  Lease\n")


def test_by_the_cases_check() -> None:
    scorer = scorer_of("check", InProcessReferee())
    assert scorer(CHECKED, "yes ") == Score(1.0)
    assert scorer(CHECKED, "no") == Score(0.0, "it is not what is expected")
    assert scorer.problem_of(CHECKED) == ""
    assert scorer.problem_of(REFERRED) != ""


@pytest.mark.parametrize(
    ("name", "answer", "value"),
    [
        ("exact", "the lease", 1.0),
        ("exact", "It is the lease.", 0.0),
        ("contains", "It is THE\n lease.", 1.0),
        ("contains", "It is a lease.", 0.0),
    ],
)
def test_by_the_reference(name: str, answer: str, value: float) -> None:
    scorer = scorer_of(name, InProcessReferee())
    assert scorer(REFERRED, answer).value == value
    assert scorer.problem_of(REFERRED) == ""
    assert scorer.problem_of(DatasetCase(id="c", question="?", reference=" ")) != ""
    assert scorer.problem_of(DatasetCase(id="c", question="?", check=Contains(), expected="x")) != ""


def test_another_name_is_told_which_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        scorer_of("vibes", InProcessReferee())
    assert caught.value.code == "eval_scorer_unknown"
    assert "check, exact, contains" in caught.value.hint

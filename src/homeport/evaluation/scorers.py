"""How good an answer is, from 0 to 1: by the case's own check, or by a metric beside its reference."""

from typing import Protocol

import msgspec

from homeport.core.errors import ConfigError
from homeport.evaluation.checks import MAX_ANSWER_CHARACTERS, Referee, judge
from homeport.evaluation.datasets import DatasetCase

CHECK = "check"


class Score(msgspec.Struct, frozen=True):
    """How good an answer is.

    Attributes:
        value: from 0, wrong, to 1, right.
        why: where it is not right, in a few words without the answer.
    """

    value: float
    why: str = ""


class Scorer(Protocol):
    """Judges answers. One file of `evaluation/metrics` is one too."""

    @property
    def name(self) -> str:
        """By which results tell how they were scored."""

    def problem_of(self, case: DatasetCase) -> str:
        """Why it cannot judge the answer to a case, in a few words, or ""."""

    def __call__(self, case: DatasetCase, answer: str, /) -> Score: ...


class CheckScorer:
    """By the case's `check`: right or wrong."""

    name = CHECK

    def __init__(self, referee: Referee) -> None:
        self._referee = referee

    def problem_of(self, case: DatasetCase) -> str:
        return "it has no `check`" if case.check is None else ""

    def __call__(self, case: DatasetCase, answer: str) -> Score:
        assert case.check is not None
        verdict = judge(case.check, case.expected, answer, self._referee)
        return Score(float(verdict.passed), verdict.why)


class ExactScorer:
    """Whether the answer is the reference, but for case and white space."""

    name = "exact"

    def problem_of(self, case: DatasetCase) -> str:
        return _without_reference(case)

    def __call__(self, case: DatasetCase, answer: str) -> Score:
        return _said(_folded(answer) == _folded(case.reference or ""), "it is not the reference")


class ContainsScorer:
    """Whether the reference is in the answer, but for case and white space."""

    name = "contains"

    def problem_of(self, case: DatasetCase) -> str:
        return _without_reference(case)

    def __call__(self, case: DatasetCase, answer: str) -> Score:
        return _said(_folded(case.reference or "") in _folded(answer), "the reference is not in it")


def scorer_of(name: str, referee: Referee) -> Scorer:
    """The scorer of a name.

    Raises:
        ConfigError: eval_scorer_unknown.
    """
    known: tuple[Scorer, ...] = (CheckScorer(referee), ExactScorer(), ContainsScorer())
    for scorer in known:
        if scorer.name == name:
            return scorer
    raise ConfigError(
        f"there is no score {ascii(name)[:40]}",
        code="eval_scorer_unknown",
        hint=f"the scores are: {', '.join(scorer.name for scorer in known)}, and judge with --judge NAME",
    )


def _without_reference(case: DatasetCase) -> str:
    return "" if case.reference and case.reference.strip() else "it has no `reference`"


def _folded(text: str) -> str:
    return " ".join(text[:MAX_ANSWER_CHARACTERS].casefold().split())


def _said(right: bool, otherwise: str) -> Score:
    return Score(1.0) if right else Score(0.0, otherwise)

"""A model grades the answers of an experiment, by a rubric, in the place of a scorer.

It sees what was asked and what was answered, as the judge of live answers does (judge.py), and its words are read in
the same way (verdicts.py): what cannot be read for certain is no grade, and a label says why.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from homeport.evaluation.answers import Question
from homeport.evaluation.experiments import Ask, Grade, Reply
from homeport.evaluation.judge import GRADE_SCHEMA, PROMPT_VERSION, Judged, Prompt, grading_prompt
from homeport.evaluation.metrics.base import Message
from homeport.evaluation.rubrics import Epoch, Rubric
from homeport.evaluation.runs import Graded, printed
from homeport.evaluation.verdicts import read_grade

JUDGE = "judge"
_DIGITS = 8
_ONLY_GRADE = {"type": "json_schema", "json_schema": {"name": "grade", "strict": True, "schema": GRADE_SCHEMA}}


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """Who grades, and how.

    Attributes:
        model: whom its gateway is asked for.
        max_tokens: of the judge's answer.
        only_grade: it says its grade without a word of why.
    """

    model: str
    rubric: Rubric
    max_tokens: int
    only_grade: bool = False

    @property
    def name(self) -> str:
        """By which runs tell how they were scored: another judge, rubric or prompt has another one."""
        epoch = Epoch(model=self.model, rubric=self.rubric, prompt_version=PROMPT_VERSION, only_grade=self.only_grade)
        rubric = f"{self.rubric.name}@{self.rubric.version}"
        return printed(f"{JUDGE} {rubric} {epoch.digest[:_DIGITS]} by {self.model}")


class Respond(Protocol):
    """Whom the judge is; see `Respondent`."""

    async def __call__(self, ask: Ask, /) -> Reply: ...


class ModelGrader:
    """A `Grader`.

    Args:
        fence: makes what nobody can guess, see judge.py.
    """

    def __init__(self, respond: Respond, bench: Bench, fence: Callable[[], str]) -> None:
        self._respond = respond
        self._bench = bench
        self._fence = fence

    async def __call__(self, ask: Ask, answer: str) -> Grade:
        """See `Grader`."""
        bench = self._bench
        question = Question(
            messages=tuple(self._prompt(ask, answer).messages()),
            max_tokens=bench.max_tokens,
            fields={"response_format": _ONLY_GRADE} if bench.only_grade else {},
        )
        reply = await self._respond(Ask(case=ask.case, epoch=ask.epoch, question=question))
        if reply.error:
            return Grade(value=None, said=_said(reply, reply.error), failed=True)
        verdict = read_grade(reply.text, reply.finish)
        return Grade(value=verdict.score, said=_said(reply, verdict.label))

    def _prompt(self, ask: Ask, answer: str) -> Prompt:
        """The fence is random, so another one is not in it."""
        judged = Judged(messages=_asked(ask), answer=answer)
        while True:
            try:
                return grading_prompt(judged, self._bench.rubric, self._fence(), only_grade=self._bench.only_grade)
            except ValueError:
                continue


def _asked(ask: Ask) -> list[Message]:
    """What was asked, as it was."""
    said = [Message(turn["role"], turn["content"]) for turn in ask.question.messages]
    return said or [Message("user", ask.question.prompt)]


def _said(reply: Reply, label: str) -> Graded:
    return Graded(
        label=printed(label),
        cost_nanodollars=reply.cost,
        model=printed(reply.model),
        request_id=printed(reply.request_id),
    )

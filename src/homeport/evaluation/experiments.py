"""An experiment: every case of a dataset is asked of a route, by one prompt, as often as there are epochs.

Whoever is asked, and whatever is kept, comes from outside: here is only what is asked next, when to stop, and what
it came to. Several are in work at a time; each answer is kept as soon as it is there, so that whatever interrupts
it, no answer is paid for twice.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from homeport.core.errors import ConfigError, HomeportError
from homeport.core.money import Nano
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import MOST_TOKENS, Dataset, DatasetCase
from homeport.evaluation.runs import UNGRADED, Answered, Graded
from homeport.evaluation.scorers import Scorer
from homeport.evaluation.templates import Template

IN_A_ROW = 20
"""So many failures without an answer between them end it: the route is down, and asking on costs time."""
_WHY = 1000


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question to be asked."""

    case: DatasetCase
    epoch: int
    question: Question


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking.

    Attributes:
        error: code of what failed, for this question alone; "" where there is an answer.
        why: what it said, in a few words.
        cost: nano-dollars; None where nobody knows.
        latency_ms: until the whole answer was there; None where it was recorded without.
        cached: what the gateway says of its cache.
    """

    text: str = ""
    error: str = ""
    why: str = ""
    cost: Nano | None = None
    latency_ms: float | None = None
    finish: str = ""
    model: str = ""
    tier: str = ""
    request_id: str = ""
    cached: str = ""


class Respondent(Protocol):
    """Whom questions go to.

    Raises:
        HomeportError: nothing more can be asked: the key is wrong, there is no such model, a budget is used up.
    """

    async def __call__(self, ask: Ask, /) -> Reply: ...


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge says of an answer: from 0 to 1, None for no grade; `failed`: it could not be asked."""

    value: float | None
    said: Graded
    failed: bool = False


class Grader(Protocol):
    """Grades answers, and may take its time.

    Raises:
        HomeportError: nothing more can be graded.
    """

    async def __call__(self, ask: Ask, answer: str, /) -> Grade: ...


class Keep(Protocol):
    """Keeps an answer for good before it returns."""

    def __call__(self, answered: Answered, /) -> None: ...


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far an experiment is.

    Attributes:
        done: answers there are, those of earlier times included.
        spent: nano-dollars, likewise.
    """

    done: int
    of: int
    failed: int
    spent: int


class Told(Protocol):
    def __call__(self, standing: Standing, /) -> None: ...


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes about it.

    Attributes:
        at_once: questions in work at a time.
        most: nano-dollars that may be spent, what earlier times spent included; None for any.
        in_a_row: see `IN_A_ROW`.
        recorded: nobody is asked: what is told of costs was paid at another time, and any may be missing.
    """

    at_once: int = 8
    most: Nano | None = None
    in_a_row: int = IN_A_ROW
    recorded: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended.

    Attributes:
        capped: money ran out before every question was asked.
        error: what stopped it, or None.
    """

    standing: Standing
    capped: bool = False
    error: HomeportError | None = None


def questions(
    dataset: Dataset, template: Template | None, epochs: int, most_tokens: int = MOST_TOKENS
) -> tuple[Ask, ...]:
    """All that is to be asked: every case once, then every case again.

    Raises:
        ConfigError: prompt_invalid, a variable is missing; dataset_invalid, a case asks nothing without a template.
    """
    asked = [(case, _question(dataset, case, template, most_tokens)) for case in dataset.cases]
    return tuple(Ask(case=case, epoch=epoch, question=question) for epoch in range(epochs) for case, question in asked)


def check_scorer(dataset: Dataset, scorer: Scorer) -> None:
    """Before anything is asked: whether the scorer can judge every case.

    Raises:
        ConfigError: eval_score_missing.
    """
    for case in dataset.cases:
        if problem := scorer.problem_of(case):
            raise ConfigError(
                f"{dataset.name}, case {case.id!a}: {problem}, so that {scorer.name} cannot score its answer",
                code="eval_score_missing",
                hint="give each case a `check` or a `reference`, or name another --score",
            )


class Experiment:
    """One route and one prompt over one dataset.

    Args:
        scorer: None where `grader` says how good answers are. Each answer is kept before it is graded, and one that
            has no grade is graded again without being asked again.
        answered: what is there from earlier times.
    """

    def __init__(
        self,
        asks: Sequence[Ask],
        respond: Respondent,
        scorer: Scorer | None,
        keep: Keep,
        *,
        grader: Grader | None = None,
        limits: Limits | None = None,
        answered: Collection[Answered] = (),
    ) -> None:
        there = {one.place for one in answered if one.score is not None}
        self._ungraded = {one.place: one for one in answered if one.error == UNGRADED}
        self._waiting = deque(ask for ask in asks if (ask.case.id, ask.epoch) not in there)
        self._respond = respond
        self._limits = limits or Limits()
        self._scorer = scorer
        self._grader = grader
        self._keep = keep
        self._of = len(asks)
        self._done = len(asks) - len(self._waiting)
        self._failed = 0
        costs = [self._cost_of(one) for one in answered]
        self._spent, self._dearest = sum(costs), max(costs, default=0)
        self._in_work = 0
        self._row = 0
        self._error: HomeportError | None = None

    @property
    def standing(self) -> Standing:
        return Standing(done=self._done, of=self._of, failed=self._failed, spent=self._spent)

    async def run(self, told: Told) -> Ended:
        """Ask until everything is answered, money runs out, or the route fails."""
        told(self.standing)
        if self._limits.most is not None and not self._dearest:
            await self._learn_the_price(told)
        await asyncio.gather(*(self._work(told) for _ in range(self._limits.at_once)))
        capped = bool(self._waiting) and self._error is None
        return Ended(standing=self.standing, capped=capped, error=self._error)

    async def _learn_the_price(self, told: Told) -> None:
        """One answer before several are asked for at once: so many as cost too much are never in work."""
        done = self._done
        while self._done == done and (ask := self._next()):
            await self._ask(ask, told)

    async def _work(self, told: Told) -> None:
        while ask := self._next():
            await self._ask(ask, told)

    def _next(self) -> Ask | None:
        return self._waiting.popleft() if self._waiting and self._may_ask() else None

    def _may_ask(self) -> bool:
        if self._error is not None:
            return False
        most = self._limits.most
        # Those in work have not been paid yet: each may cost as much as the dearest so far.
        return most is None or (self._spent < most and self._spent + (self._in_work + 1) * self._dearest <= most)

    async def _ask(self, ask: Ask, told: Told) -> None:
        self._in_work += 1
        try:
            answered, failed = await self._answered(ask)
            if answered.error == UNGRADED and self._grader is not None:
                answered, failed = await self._graded(ask, answered, self._grader)
        except HomeportError as error:
            self._error = self._error or error
            return
        finally:
            self._in_work -= 1
        self._note(answered, failed=failed)
        told(self.standing)

    async def _answered(self, ask: Ask) -> tuple[Answered, bool]:
        """The answer, kept; and whether there is none. One that waits for its grade is not asked for again."""
        before = self._ungraded.pop((ask.case.id, ask.epoch), None)
        if before is not None:
            return before, False
        reply = await self._respond(ask)
        answered = self._scored(ask, reply)
        self._keep(answered)
        self._spent += self._cost_of(answered)
        return answered, bool(reply.error) and not self._limits.recorded

    def _scored(self, ask: Ask, reply: Reply) -> Answered:
        score = None if reply.error or self._scorer is None else self._scorer(ask.case, reply.text)
        waits = not reply.error and score is None
        return Answered(
            case=ask.case.id,
            epoch=ask.epoch,
            answer=reply.text,
            score=None if score is None else score.value,
            why=(reply.why if score is None else score.why)[:_WHY],
            error=UNGRADED if waits else reply.error,
            cost_nanodollars=reply.cost,
            latency_ms=reply.latency_ms,
            finish=reply.finish,
            model=reply.model,
            tier=reply.tier,
            request_id=reply.request_id,
            cached=reply.cached,
        )

    async def _graded(self, ask: Ask, answered: Answered, grader: Grader) -> tuple[Answered, bool]:
        """The same with what the judge says of it, kept; and whether it could not be asked."""
        grade = await grader(ask, answered.answer)
        self._spent += grade.said.cost_nanodollars or 0
        before = answered.judge.cost_nanodollars or 0 if answered.judge is not None else 0
        cost = before + (grade.said.cost_nanodollars or 0) if before else grade.said.cost_nanodollars
        graded = msgspec.structs.replace(
            answered,
            score=grade.value,
            error=UNGRADED if grade.value is None else "",
            why=f"the judge: {grade.said.label}" if grade.value is None else "",
            judge=msgspec.structs.replace(grade.said, cost_nanodollars=cost),
        )
        self._keep(graded)
        return graded, grade.failed

    def _note(self, answered: Answered, *, failed: bool) -> None:
        self._dearest = max(self._dearest, self._cost_of(answered))
        self._failed += bool(answered.error)
        self._done += not answered.error
        self._row = self._row + 1 if failed else 0
        if self._row >= self._limits.in_a_row:
            self._error = self._error or _failing(answered)

    def _cost_of(self, answered: Answered) -> int:
        judge = answered.judge.cost_nanodollars if answered.judge is not None else None
        return (judge or 0) + (0 if self._limits.recorded else answered.cost_nanodollars or 0)


def _question(dataset: Dataset, case: DatasetCase, template: Template | None, most_tokens: int) -> Question:
    if template is not None:
        return template.ask(case, most_tokens)
    question = case.ask(most_tokens)
    if not (question.messages or question.prompt):
        raise ConfigError(
            f"the dataset cannot be used: {dataset.name}, case {case.id!a}: it asks nothing without a template",
            code="dataset_invalid",
            hint="name one: --prompt FILE",
        )
    return question


def _failing(last: Answered) -> HomeportError:
    return HomeportError(
        f"{IN_A_ROW} questions in a row were not answered; the last one: {last.why or last.error}"[:400],
        code="eval_route_failing",
        hint="see that the route answers (homeport status), then run the same command again: it goes on",
    )

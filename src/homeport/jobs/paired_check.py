"""Inputs of a route, asked again and graded by the same judge: the check that other traffic cannot mislead.

A check takes a hundred answers that the judge has graded since the baseline began, of the oldest that are kept, weekly,
and daily while something hints at a fall. Each input is asked again once: two answers to one input would be no two
pairs. Past what a day may cost, a check waits for the next; what fails is passed over, and the rest waits for another
round, so that an hour without a provider costs no check.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Protocol

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.storage.baselines import (
    Baseline,
    Case,
    CaseAnswer,
    add_cases,
    checks_of,
    keep_answer,
    newest_baselines,
    next_cases,
    outputs_to_ask_again,
)
from homeport.storage.bodies import BodyStore
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY

logger = logging.getLogger(__name__)

EVERY_S = 600.0

NOT_KEPT = "not_kept"

_WEEK = 7 * DAY
_CONSIDERED = 10
"""Of so many times as many outputs as are asked again, the oldest, those that are asked are drawn."""


class Regraded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking again.

    Attributes:
        score: of the new answer, from 0 to 1; None where there is no answer or no verdict.
        why: there is none: a stable code, or what a verdict's label says.
        failed: it may be that nothing can be asked for the moment.
        asked_as: the id of the request.
        cost: nano-dollars, of the answer and of its grade.
    """

    score: float | None
    why: str = ""
    failed: bool = False
    asked_as: str = ""
    cost: int = 0


class Grader(Protocol):
    """Asks an input again on a route, without a trace in any cache, and grades the answer."""

    def epoch(self) -> str:
        """Of its judge now: only baselines of the same are checked."""
        ...

    def can_ask(self, route: RouteName) -> bool:
        """Whether the route is there, and what it costs is known where that must be bounded."""
        ...

    async def regrade(self, captured: Captured, route: RouteName) -> Regraded | None:
        """Ask once; None where nothing was asked, for want of room or of budget: it is to be tried later."""
        ...


class CheckRules(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked again.

    Attributes:
        inputs: of a check.
        most_per_day: nano-dollars for all routes, from one midnight (UTC) to the next; None for any.
        kept_ns: what was said is kept so long, in nanoseconds.
    """

    inputs: int = 100
    most_per_day: int | None = 1_000_000_000
    kept_ns: int = 7 * DAY


class Hints:
    """Routes of which somebody suspects that they are worse: they are checked daily, until it says otherwise."""

    def __init__(self) -> None:
        self._routes: dict[str, frozenset[RouteName]] = {}

    def hint(self, source: str, routes: Iterable[RouteName]) -> None:
        """All that `source` suspects now."""
        self._routes[source] = frozenset(routes)

    def __contains__(self, route: RouteName) -> bool:
        return any(route in routes for routes in self._routes.values())


class _Due(msgspec.Struct, frozen=True):
    """What is to be asked again of a route, in the check of a day."""

    baseline: Baseline
    cases: list[Case]
    today: int


class PairedCheck:
    """Of one database."""

    def __init__(
        self, engine: Engine, bodies: BodyStore, grader: Grader, rules: CheckRules, hints: Hints, rng: random.Random
    ) -> None:
        self._engine = engine
        self._bodies = bodies
        self._grader = grader
        self._rules = rules
        self._hints = hints
        self._rng = rng
        self._dearest = 0

    async def work(self, now: int) -> int:
        """Do the checks that are due; how many inputs were asked again. Raises SQLAlchemyError, StorageError."""
        asked = 0
        for due in await asyncio.to_thread(self._due, now):
            for case in due.cases:
                if not await asyncio.to_thread(self._may_cost, due.today):
                    return asked
                answer = await self._answer(due, case)
                if answer is None:
                    break
                asked += 1
                await asyncio.to_thread(keep_answer, self._engine, due.baseline, answer[0])
                if answer[1]:
                    break
        return asked

    def _due(self, now: int) -> list[_Due]:
        epoch, today = self._grader.epoch(), now // DAY * DAY
        found = []
        for baseline in newest_baselines(self._engine).values():
            if baseline.epoch != epoch or now < baseline.until or not self._grader.can_ask(baseline.route):
                continue
            if wanted := self._wanted(baseline, today):
                found.append(_Due(baseline, self._cases(baseline, wanted, now), today))
        return found

    def _wanted(self, baseline: Baseline, today: int) -> int:
        """How many inputs are to be asked again today."""
        checks = checks_of(self._engine, baseline, today + DAY)
        last = max((one.at for one in checks), default=baseline.until - _WEEK)
        if last != today and today < last + (DAY if baseline.route in self._hints else _WEEK):
            return 0
        return self._rules.inputs - sum(one.asked for one in checks if one.at == today)

    def _cases(self, baseline: Baseline, wanted: int, now: int) -> list[Case]:
        there = next_cases(self._engine, baseline, wanted)
        if missing := wanted - len(there):
            known = outputs_to_ask_again(
                self._engine, baseline, now - self._rules.kept_ns, _CONSIDERED * self._rules.inputs
            )
            kept = [one for one in known if self._bodies.has(one.request_id, one.started_at)]
            add_cases(self._engine, baseline, self._rng.sample(kept, min(len(kept), missing)))
            there = next_cases(self._engine, baseline, wanted)
        return there

    def _may_cost(self, today: int) -> bool:
        """Whether there is room for one that costs as much as the dearest until now."""
        most = self._rules.most_per_day
        if most is None:
            return True
        spent = sum(
            check.cost
            for baseline in newest_baselines(self._engine).values()
            for check in checks_of(self._engine, baseline, today + 1)
            if check.at == today
        )
        return spent + self._dearest <= most and (spent < most or not most)

    async def _answer(self, due: _Due, case: Case) -> tuple[CaseAnswer, bool] | None:
        """What became of it, and whether it failed; None where nothing was asked."""
        captured = await asyncio.to_thread(self._kept, case)
        if captured is None:
            return CaseAnswer(request_id=case.request_id, check_at=due.today, now=None, why=NOT_KEPT), False
        found = await self._grader.regrade(captured, due.baseline.route)
        if found is None:
            return None
        self._dearest = max(self._dearest, found.cost)
        answer = CaseAnswer(
            request_id=case.request_id,
            check_at=due.today,
            now=found.score,
            why=found.why,
            asked_as=found.asked_as,
            cost=found.cost,
        )
        return answer, found.failed

    def _kept(self, case: Case) -> Captured | None:
        try:
            return self._bodies.get(case.request_id)
        except StorageError as error:
            logger.error("an input is not asked again: %s", error.message)
            return None

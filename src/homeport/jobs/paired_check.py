"""Inputs of a route's baseline, asked again and graded by the same judge: the check that traffic cannot mislead.

Each input is asked again once: two answers to one input would be no two pairs. So a check takes the next hundred of a
pool, weekly, and daily while something hints at a fall. What an answer and its grade cost is added up; past what a day
may cost, the check waits for the next. Inputs that were forgotten meanwhile, or are not kept any more, are passed over.
"""

import logging
import random
from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.storage.baselines import (
    Baseline,
    CaseAnswer,
    checks_of,
    freeze_cases,
    keep_answer,
    newest_baselines,
    next_cases,
)
from homeport.storage.bodies import BodyStore
from homeport.storage.quality_days import judged_outputs
from homeport.storage.rollups import DAY

logger = logging.getLogger(__name__)

_WEEK = 7 * DAY
_MOST_CONSIDERED = 20_000


class Regraded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking again.

    Attributes:
        score: of the new answer, from 0 to 1; None where there is no answer or no verdict, and `why`.
        cost: nano-dollars, of the answer and of its grade.
    """

    score: float | None
    why: str = ""
    asked_as: str = ""
    cost: int = 0


class Grader(Protocol):
    """Asks an input again on a route, without a trace in any cache, and grades the answer."""

    epoch: str
    """Of its judge: only baselines of the same are checked."""

    def regrade(self, captured: Captured, tier: str, target: str) -> Regraded:
        """Raises StorageError or SQLAlchemyError where it is to be tried later."""
        ...


class CheckRules(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked again: inputs of a check, of a baseline in all, and nano-dollars a day for all routes."""

    inputs: int = 100
    pool: int = 1_000
    daily_cost: int = 1_000_000_000


class PairedCheck:
    """Of one database. `suggest` is for who watches: those routes are checked daily until it says otherwise."""

    def __init__(
        self, engine: Engine, bodies: BodyStore, grader: Grader, rules: CheckRules, rng: random.Random
    ) -> None:
        self._engine = engine
        self._bodies = bodies
        self._grader = grader
        self._rules = rules
        self._rng = rng
        self._suggested: frozenset[Baseline] = frozenset()

    def suggest(self, baselines: Sequence[Baseline]) -> None:
        """These fell by a twentieth."""
        self._suggested = frozenset(msgspec.structs.replace(one, frozen_at=0) for one in baselines)

    def work(self, now: int) -> int:
        """Freeze baselines that are complete, and do the checks that are due; how many inputs were asked again."""
        asked = 0
        for baseline in newest_baselines(self._engine).values():
            if baseline.epoch != self._grader.epoch or now < baseline.until:
                continue
            if not baseline.frozen_at:
                self._freeze(baseline, now)
            asked += self._check(baseline, now)
        return asked

    def _freeze(self, baseline: Baseline, now: int) -> None:
        found = judged_outputs(self._engine, baseline.route, baseline.epoch, baseline.span, _MOST_CONSIDERED)
        freeze_cases(self._engine, baseline, self._rng.sample(found, min(len(found), self._rules.pool)), now)

    def _check(self, baseline: Baseline, now: int) -> int:
        hinted = msgspec.structs.replace(baseline, frozen_at=0) in self._suggested
        today = now // DAY * DAY
        last = max((one.at for one in checks_of(self._engine, baseline, today + DAY)), default=baseline.until - _WEEK)
        if last != today and today < last + (DAY if hinted else _WEEK):
            return 0
        done = sum(one.asked for one in checks_of(self._engine, baseline, today + DAY) if one.at == today)
        asked = 0
        for case in next_cases(self._engine, baseline, self._rules.inputs - done):
            if self._spent(today) >= self._rules.daily_cost:
                break
            keep_answer(self._engine, baseline, self._answer(baseline, case.request_id, today))
            asked += 1
        return asked

    def _answer(self, baseline: Baseline, request_id: str, today: int) -> CaseAnswer:
        captured = self._bodies.get(request_id)
        if captured is None:
            return CaseAnswer(request_id=request_id, check_at=today, now=None, why="not kept any more")
        found = self._grader.regrade(captured, baseline.tier, baseline.target)
        return CaseAnswer(
            request_id=request_id,
            check_at=today,
            now=found.score,
            why=found.why[:64],
            asked_as=found.asked_as,
            cost=found.cost,
        )

    def _spent(self, today: int) -> int:
        there = newest_baselines(self._engine).values()
        return sum(
            check.cost for one in there for check in checks_of(self._engine, one, today + 1) if check.at == today
        )

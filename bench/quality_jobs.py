"""What the jobs worker and the reviewers of a house do, by the jobs' own code, when it is time for it.

Outputs are ingested, measured and drawn; the judging job asks the judge's model through the request path; people pull
from the review queue what waits for them, see what was said and nothing else, and label it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from sqlalchemy import Engine

from bench.quality_answers import number_of, rating
from bench.quality_house import House
from bench.shifted_clock import worn
from homeport.api.auth import OwnerRing
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.judging import build_judging, build_questions, make_fence, terms_of
from homeport.bootstrap.paired_check import build_paired_check
from homeport.bootstrap.path import RequestPath, SystemClock
from homeport.bootstrap.quality_watch import build_quality_watch
from homeport.bootstrap.scoring import build_scorer
from homeport.bootstrap.storage import key_ring, open_storage
from homeport.core.captured import Captured
from homeport.core.purposes import QUALITY_CHECK
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.review import queue_rules
from homeport.jobs.judge_purse import Purse
from homeport.jobs.judging import Judging, State
from homeport.jobs.paired_check import Hints, PairedCheck
from homeport.jobs.scoring import Scorer
from homeport.jobs.standing import Bounds, Standing
from homeport.storage.holders import read_home_id
from homeport.storage.labels import Label, add_label
from homeport.storage.reconcile import Reconciler
from homeport.storage.review_queue import end_session, hand_out
from homeport.storage.scores import waiting
from homeport.storage.standing_quality import QualityStanding, read_standing
from homeport.telemetry.metrics import Metrics
from homeport.traces.said import said

REVIEWERS = ("ann", "ben", "cleo")
_WRITTEN_S = 60.0


class Jobs:
    """Of one house, whose clock this process goes by. Attributes: engine, of the database; watch, of routes."""

    def __init__(
        self,
        house: House,
        engine: Engine,
        scorer: Scorer,
        judging: Judging,
        check: PairedCheck,
        hints: Hints,
        *,
        seed: int,
    ) -> None:
        self._home, self.engine, self._seed = house.home, engine, seed
        self._scorer, self._judging, self._check = scorer, judging, check
        settings = house.settings()
        self._bodies = body_store(settings, house.home)
        self._rules = queue_rules(settings.evaluation.review)
        self._home_id = read_home_id(house.home.identity)
        self._ingesting = Reconciler(self.engine, house.home, time.time_ns)
        self.watch = build_quality_watch(settings.evaluation.watch, self.engine, hints)

    async def follow(self) -> None:
        """Measure, judge and review what was said until now, ask again what is due, and look at complete days."""
        await asyncio.to_thread(self._measure)
        await self._judge()
        await asyncio.to_thread(self._review)
        await self._check.work(time.time_ns())
        await asyncio.to_thread(self.watch.work, time.time_ns())

    async def wait_until_written(self, request_ids: Sequence[str]) -> None:
        """At hours a second what was said comes faster than it is written, and the gateway keeps so much of it."""
        await asyncio.to_thread(self._wait_until_written, request_ids)

    def standing(self, since: int, until: int) -> QualityStanding:
        """What the worker publishes of a time. Raises SystemExit where it cannot be read."""
        path = self._home.quality_standing
        Standing(self.engine, path, Bounds(period_ns=until - since)).work(until)
        found = read_standing(path, until)
        if found is None:
            raise SystemExit("how good answers are was not published")
        return found

    def _wait_until_written(self, request_ids: Sequence[str]) -> None:
        end = time.monotonic() + _WRITTEN_S
        while not all(self._bodies.has(one, time.time_ns()) for one in request_ids):
            if time.monotonic() > end:
                raise SystemExit("what was said is not written down")
            time.sleep(0.05)

    async def ingest_until(self, reached: Callable[[], bool]) -> None:
        """The journal is written a moment after an answer. Raises SystemExit where it does not come."""
        end = time.monotonic() + _WRITTEN_S
        while not reached():
            if time.monotonic() > end:
                raise SystemExit("what was asked is not in the ledger")
            await asyncio.sleep(0.05)
            await asyncio.to_thread(self._ingesting.ingest)

    def _measure(self) -> None:
        self._ingesting.ingest()
        while self._scorer.work(time.time_ns()) or waiting(self.engine, self._home_id):
            self._ingesting.ingest()

    async def _judge(self) -> None:
        while (done := await self._judging.round()).state is not State.IDLE:
            if done.state is not State.WORKED:
                raise SystemExit(f"the judge is {done.state}: {done.why}")

    def _review(self) -> None:
        """People label in turn, a hand of outputs each, until nothing waits for anybody."""
        while sum(self._label_hand(reviewer) for reviewer in REVIEWERS):
            pass
        for reviewer in REVIEWERS:
            end_session(self.engine, reviewer)

    def _label_hand(self, reviewer: str) -> int:
        hand = hand_out(self.engine, reviewer, self._rules, time.time_ns(), self._bodies.has)
        for one in hand:
            kept = self._bodies.get(one.request_id)
            if kept is None:
                raise SystemExit(f"{one.request_id} waits for a label and is not kept")
            label = Label(
                request_id=one.request_id,
                reviewer=reviewer,
                labelled_at=time.time_ns(),
                rating=self._rating(reviewer, kept),
                seconds=20.0,
            )
            refused = add_label(self.engine, label, self._rules)
            if refused is not None:
                raise SystemExit(f"a label of {one.request_id} is refused: {refused}")
        return len(hand)

    def _rating(self, reviewer: str, kept: Captured) -> int:
        told = said(kept)
        return rating(self._seed, reviewer, number_of(told.messages[-1].text), told.answer)


@contextlib.asynccontextmanager
async def at_work(house: House, seed: int) -> AsyncIterator[Jobs]:
    """The jobs of a house that is up; meanwhile this process goes by its clock."""
    settings, home = house.settings(), house.home
    wanted = settings.evaluation.judge
    if wanted is None:
        raise SystemExit("the house has no judge")
    with worn(house.clock_file), ProcessReferee() as referee:
        engine = open_storage(settings, home)
        path = RequestPath(settings, home, OwnerRing(key_ring(engine, home)), Metrics(), engine)
        purse, terms = Purse(engine, wanted.most_per_day), terms_of(settings, wanted, home)
        scorer = build_scorer(settings, home, engine, referee, SystemClock())
        judging, hints = build_judging(path, settings, wanted, terms, purse, engine, home), Hints()
        questions = build_questions(path, wanted, QUALITY_CHECK)
        check = build_paired_check(path, settings, questions, terms, engine, home, hints, make_fence)
        async with path.running():
            await path.wait_for_engines()
            try:
                yield Jobs(house, engine, scorer, judging, check, hints, seed=seed)
            finally:
                engine.dispose()

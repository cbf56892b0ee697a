"""Audited models are asked their probes, mixed into traffic; a change becomes an incident.

A change has inputs of its routes asked again (jobs/paired_check.py), which says whether it is worse. Once a day what
the ledger has of the day before is looked at too: it is told, and raises no alarm. Each round asks what is due and
nothing more: the questions of a batch come at times of their own, spread over its part of the day. What was asked is in
files, so a worker that is ended goes on where it was.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.core.errors import HomeportError
from homeport.core.incidents import Finding, IncidentKind
from homeport.drift.asking import Respondent
from homeport.drift.baselines import Archive, Baseline, iso, nanoseconds
from homeport.drift.findings import finding
from homeport.drift.live import ask_due, close, open_batch, plan
from homeport.drift.looks import Looked, can_look, look
from homeport.drift.passive import MOST_DAYS
from homeport.drift.severity import Replayed, replayed
from homeport.drift.standing import Known, known, together
from homeport.jobs.paired_check import Hints
from homeport.storage.baselines import checks_of, newest_baselines
from homeport.storage.incidents import report, resolved_at
from homeport.storage.model_days import model_days
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY, HOUR

logger = logging.getLogger(__name__)

EVERY_S = 5.0
SOURCE = "audit"
SETTLE_NS = 6 * HOUR
"""So long after its end a day is in the ledger, and its answers are measured."""


class Often(msgspec.Struct, frozen=True, kw_only=True):
    """How often models are asked.

    Attributes:
        batches, looks: a day.
        alpha: see `drift.detectors.ALPHA`.
    """

    batches: int = 1
    looks: int = 24
    alpha: float = 0.001


Routes = Callable[[str], Sequence[RouteName]]
"""The routes that lead to a model."""


class ModelAuditor:
    """Asks audited models what is due.

    Args:
        audited: every model with a baseline.
        respondent: who answers for a model.
        hints: is told of the routes that lead to a model that changed.
    """

    def __init__(
        self,
        engine: Engine,
        audited: Callable[[], Sequence[tuple[Archive, Baseline]]],
        respondent: Callable[[Baseline], Respondent],
        routes: Routes,
        often: Often,
        hints: Hints,
    ) -> None:
        self._engine, self._audited, self._respondent = engine, audited, respondent
        self._routes, self._often, self._hints = routes, often, hints
        self._looked: dict[str, int] = {}
        self._untold = False
        self._judge_at = 0
        self._told: set[tuple[str, str, str]] = set()

    async def work(self, now: int, in_thread: Callable[..., Awaitable[Sequence[Finding]]]) -> None:
        """One round, at a time in nanoseconds since the epoch.

        Args:
            in_thread: runs what computes and waits for the database; given a function and its arguments.
        """
        for archive, baseline in self._audited():
            try:
                self._untold |= await self._batch(archive, baseline, now)
                self._untold |= await self._look(archive, baseline, now)
            except (HomeportError, OSError) as error:
                logger.error("%s could not be asked its probes: %s", baseline.name, error)
        if self._untold or now >= self._judge_at:
            found = await in_thread(self.judge, now)
            self._untold = False
            # Inputs are asked again meanwhile; else there is nothing new before the next day is complete.
            self._judge_at = now + HOUR if found else _complete(now) + DAY + SETTLE_NS

    async def _batch(self, archive: Archive, baseline: Baseline, now: int) -> bool:
        """Ask what is due of this period's batch; True where one was closed."""
        length = DAY // self._often.batches
        start = now - now % length
        batch, before = iso(start), open_batch(archive)
        # What its period did not suffice for is not asked any more.
        closed = before not in ("", batch) and close(archive, before) > 0
        # A period that had begun when the baseline was made would be asked in one heap.
        if baseline.made_at <= start:
            await ask_due(archive, baseline, self._respondent(baseline), plan(baseline, start, length), batch, now)
        return closed

    async def _look(self, archive: Archive, baseline: Baseline, now: int) -> bool:
        """Look where one is due; True where it was followed by a burst."""
        if not self._often.looks or not can_look(baseline):
            return False
        length = DAY // self._often.looks
        start = now - now % length
        at = start + int(Random(f"{baseline.seed}:look:{start}").random() * length)  # noqa: S311  its seed is secret
        if now < at or self._looked.get(baseline.name) == start:
            return False
        self._looked[baseline.name] = start
        if any(nanoseconds(line.batch) >= start for line in archive.rows(archive.looks)):
            return False
        told: Looked = await look(archive, baseline, self._respondent(baseline), now)
        return bool(told.mismatches)

    def judge(self, now: int) -> Sequence[Finding]:
        """Report every model that changed and that nobody looked into; what was reported.

        Raises:
            SQLAlchemyError: the database cannot be written; it is reported again after the next batch.
        """
        models = [self._known(archive, baseline, now) for archive, baseline in self._audited()]
        names = together(models)
        self._hints.hint(SOURCE, [route for one in models if one.changed for route in self._routes(one.baseline.name)])
        found = [one for model in models if (one := finding(model, self._routes(model.baseline.name), names))]
        for one in found:
            report(self._engine, one, now)
        return found

    def _known(self, archive: Archive, baseline: Baseline, now: int) -> Known:
        found = standing(self._engine, (archive, baseline), self._routes(baseline.name), self._often.alpha, now)
        for signal in found.signals:
            if (key := (baseline.name, signal.name, signal.since)) not in self._told:
                self._told.add(key)
                said = (baseline.name, signal.name, signal.before, signal.now, signal.since)
                logger.info("%s: %s was %s, is %s since %s", *said)
        return found


def standing(
    engine: Engine, audited: tuple[Archive, Baseline], routes: Sequence[RouteName], alpha: float, now: int
) -> Known:
    """An audited model as it stands: its recording, what the ledger has of the models behind its name, and inputs of
    their routes that were asked again since it changed.

    Args:
        routes: that lead to it.
        now: nanoseconds since the epoch.

    Raises:
        SQLAlchemyError: the database cannot be used.
        ConfigError: recording_invalid, recording_too_large.
    """
    archive, baseline = audited
    settled = resolved_at(engine, IncidentKind.MODEL, baseline.name) or 0
    until = _complete(now)
    # What was before somebody said that it is explained is another model's.
    since = max(until - MOST_DAYS * DAY, -(-settled // DAY) * DAY)
    names = dict.fromkeys(route.target for route in routes)
    days = {name: model_days(engine, name, since, until) for name in names}
    found = known(archive, baseline, alpha, settled, days)
    return msgspec.structs.replace(found, replays=_replays(engine, found, routes, now)) if found.changed else found


def _replays(engine: Engine, found: Known, routes: Sequence[RouteName], now: int) -> tuple[Replayed, ...]:
    baselines = newest_baselines(engine)
    there = [baselines[route] for route in routes if route in baselines]
    return replayed([(one.route, checks_of(engine, one, now + DAY)) for one in there], found.since)


def _complete(now: int) -> int:
    """The end of the last day of which all is known."""
    return (now - SETTLE_NS) // DAY * DAY


async def round_of(auditor: ModelAuditor, now: int, in_thread: Callable[..., Awaitable[Sequence[Finding]]]) -> None:
    """One round; what fails is told and tried again in the next."""
    try:
        await auditor.work(now, in_thread)
    except (SQLAlchemyError, HomeportError, OSError) as error:
        logger.error("what models answered could not be judged; it is tried again: %s", type(error).__name__)

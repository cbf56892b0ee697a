"""Every hour: the prompts of the days that are over, beside those of the days before; what changed is an incident.

A day is looked at an hour after its end in UTC, once. What is kept of its prompts is no text. After an incident was
resolved, what is usual is learned from the day after that on.
"""

import logging
from collections.abc import Iterator

import msgspec
from sqlalchemy import Engine

from homeport.core.errors import StorageError
from homeport.core.incidents import Finding, IncidentKind
from homeport.core.prompts import PromptFeatures
from homeport.drift.prompt_batches import batches_of
from homeport.drift.prompt_features import PromptReader
from homeport.drift.prompt_told import finding_of
from homeport.drift.prompts import ALPHA, Alarm, Watch, watch
from homeport.storage.bodies import BodyStore
from homeport.storage.incidents import report, resolved_at
from homeport.storage.inputs import (
    DAY_NS,
    day_of,
    drawn_of,
    keep_inputs,
    looked_at,
    projects_due,
    reached_between,
    reached_by,
    read_inputs,
    start_of,
)
from homeport.traces.said import said

logger = logging.getLogger(__name__)

EVERY_S = 3_600.0
SETTLE_NS = 3_600_000_000_000
"""So long after its end a day is looked at: its requests have ended by then, and are measured."""

_COUNTED_DAYS = 28
_SPARE = 3
"""So many times as many are looked for as are wanted: of some nothing can be read."""


class InputRules(msgspec.Struct, frozen=True, kw_only=True):
    """How prompts are looked at.

    Attributes:
        home: id of the state folder; requests of others are theirs to read.
        sample: prompts of a project and a day.
        alpha: one false alarm in 1 / alpha days of a project at most, on average.
        days: how many days back a day is looked at that was not yet, as while the program was stopped.
    """

    home: str
    sample: int = 200
    alpha: float = ALPHA
    days: int = 7


class InputWatch:
    """Of one state folder."""

    def __init__(self, engine: Engine, bodies: BodyStore, reader: PromptReader, rules: InputRules) -> None:
        self._engine = engine
        self._bodies = bodies
        self._reader = reader
        self._rules = rules

    def look(self, now: int) -> int:
        """One round, at a time in nanoseconds since the epoch; how many days of projects were looked at.

        Raises:
            SQLAlchemyError: the database cannot be used; what is not done is done in the next round.
        """
        done = 0
        for day in self._days(now):
            for project in projects_due(self._engine, self._rules.home, day):
                self._look_at(project, day, now)
                done += 1
        return done

    def _days(self, now: int) -> Iterator[str]:
        """The days that are over, the earliest first."""
        last = start_of(day_of(now - SETTLE_NS))
        return (day_of(last - back * DAY_NS) for back in range(self._rules.days, 0, -1))

    def _look_at(self, project: str, day: str, now: int) -> None:
        """What is reported is written down last: after a crash the day is looked at again."""
        prompts = self._reader.read(self._prompts(project, day))
        keep_inputs(self._engine, project, day, self._reader.embedder, prompts)
        for alarm in standing(self._engine, project, self._reader.embedder, self._rules.alpha).alarms:
            if alarm.day == day:
                report(self._engine, self._finding(alarm, project), now)
        looked_at(self._engine, self._rules.home, project, day, len(prompts), now)

    def _finding(self, alarm: Alarm, project: str) -> Finding:
        before = reached_between(self._engine, project, _usual_since(alarm), alarm.since)
        return finding_of(alarm, project, before, reached_by(self._engine, alarm.new))

    def _prompts(self, project: str, day: str) -> list[tuple[str, str]]:
        """Ids and texts."""
        found: list[tuple[str, str]] = []
        for drawn in drawn_of(self._engine, project, day, _SPARE * self._rules.sample):
            text = self._text(drawn.request_id, drawn.started_at)
            found += [(drawn.request_id, text)] if text else []
            if len(found) == self._rules.sample:
                break
        return found

    def _text(self, request_id: str, started_at: int) -> str:
        """What the user said last; "" where that is not known, or is nothing."""
        try:
            captured = self._bodies.get(request_id) if self._bodies.has(request_id, started_at) else None
        except StorageError as error:
            logger.error("the prompt of request %s is not looked at: %s", request_id, error.message)
            return ""
        messages = said(captured).messages if captured else ()
        return next((one.text for one in reversed(messages) if one.role == "user" and one.text.strip()), "")


def standing(engine: Engine, project: str, embedder: str, alpha: float = ALPHA) -> Watch:
    """How a project's prompts stand: all days since its last incident was resolved, judged."""
    return watch(batches_of(_days_of(engine, project, embedder)), alpha)


def _days_of(engine: Engine, project: str, embedder: str) -> list[tuple[str, list[PromptFeatures]]]:
    resolved = resolved_at(engine, IncidentKind.PROMPTS, project)
    return read_inputs(engine, project, embedder, "" if resolved is None else day_of(resolved))


def _usual_since(alarm: Alarm) -> str:
    return day_of(start_of(alarm.since) - _COUNTED_DAYS * DAY_NS)

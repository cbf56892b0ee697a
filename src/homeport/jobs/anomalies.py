"""What is unusual in the traffic, looked for every few seconds: for alerts, the console and `homeport status`."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.core.ports import Clock
from homeport.core.told import Severity
from homeport.core.unusual import Level, Measure, Unusual, anomaly_alert
from homeport.inspection.visible import visible_line
from homeport.jobs.schedule import pause
from homeport.ledger.samples import LEAST_KNOWN_NS, news_from
from homeport.ledger.spending import DAY, dearest_hour
from homeport.ledger.unusual import Observatory
from homeport.storage.alerts import open_incident, raise_alert
from homeport.storage.arrivals import Arrival, Arrivals
from homeport.storage.keys import key_name
from homeport.storage.unusual import Noticed, Unusuals, worst_first

logger = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000
_HISTORY = 400
"""Stretches of time that a worker which starts reads again: it knows at once what is usual."""

_MOST_ROWS = 30_000
_STALE = 6
_SEEN_DAYS = 14
_LONGEST_NAME = 60

_Name = tuple[Level, str, Measure]


class _Dear(msgspec.Struct, frozen=True):
    """A change of spending that may come to be news; `enough` nano-dollars make it, None: nothing does."""

    unusual: Unusual
    enough: int | None


class AnomalyWatch:
    """Looks again and again, and tells what began and what is over.

    Args:
        interval_ns: the time between two looks, in nanoseconds; it is the length of a stretch.
        before: what was unusual when somebody looked last, so that its end is told after a restart too.
    """

    def __init__(self, engine: Engine, interval_ns: int, before: Unusuals | None = None) -> None:
        self._engine = engine
        self._interval_ns = interval_ns
        self._arrivals = Arrivals(engine)
        self._observatory: Observatory | None = None
        self._told = {_name(row.unusual): row for row in before.rows} if before else {}
        self._dear: dict[_Name, _Dear] = {}
        self._due: deque[Unusual] = deque()

    def look(self, now: int) -> Unusuals:
        """Raise what there is to tell at a time, in nanoseconds since the epoch. Raises SQLAlchemyError."""
        if self._observatory is None:
            self._observatory = self._begin(now)
        else:
            for page in self._arrivals.new():
                self._observatory.see(page)
            self._due.extend(change.now for change in self._observatory.close(now))
        while self._due:
            self._take(self._due[0], now)
            self._due.popleft()
        for row in [row for row in self._told.values() if not row.told]:
            self._tell(row.unusual, now)
        for dear in [one for one in self._dear.values() if self._is_news(self._observatory, one)]:
            self._tell(dear.unusual, now)
        return self._state(self._observatory, now)

    def _begin(self, now: int) -> Observatory:
        """Go through the last hour again, without telling of it, but for what lasts and what ended meanwhile."""
        rows = self._arrivals.begin(now - _HISTORY * self._interval_ns, _MOST_ROWS)
        observatory = replayed(rows, self._interval_ns, now)
        lasting = {_name(one): one for one in observatory.unusual}
        self._due.extend(one for name, one in lasting.items() if name not in self._told or self._is_worse(one))
        self._due.extend(
            msgspec.structs.replace(row.unusual, until=now) for name, row in self._told.items() if name not in lasting
        )
        return observatory

    def _take(self, unusual: Unusual, now: int) -> None:
        if unusual.until is not None:
            self._tell_end(unusual, now)
        elif self._is_worse(unusual):
            self._tell_worse(unusual, now)
        elif unusual.measure is Measure.SPEND:
            self._dear[_name(unusual)] = self._weighed(unusual, now)
        else:
            self._tell(unusual, now)

    def _tell(self, unusual: Unusual, now: int) -> None:
        """What was told a moment ago is not told again; if it ended meanwhile, it is as soon as it may be."""
        unusual = self._with_name(unusual)
        incident = incident_of(unusual)
        alert = anomaly_alert(unusual, incident, now)
        told = raise_alert(self._engine, alert)
        if not told and (standing := open_incident(self._engine, alert)):
            incident, told = standing, True
        self._told[_name(unusual)] = _noticed(unusual, incident, told=told)
        self._dear.pop(_name(unusual), None)

    def _is_worse(self, unusual: Unusual) -> bool:
        row = self._told.get(_name(unusual))
        was_less = row is not None and row.told and row.severity != Severity.CRITICAL
        return was_less and unusual.severity is Severity.CRITICAL

    def _tell_worse(self, unusual: Unusual, now: int) -> None:
        unusual, incident = self._with_name(unusual), self._told[_name(unusual)].incident
        raise_alert(self._engine, anomaly_alert(unusual, incident, now, worse=True))
        self._told[_name(unusual)] = _noticed(unusual, incident, told=True)

    def _tell_end(self, unusual: Unusual, now: int) -> None:
        name = _name(unusual)
        row = self._told.get(name)
        if row is not None and row.told:
            raise_alert(self._engine, anomaly_alert(self._with_name(unusual), row.incident, now))
        self._told.pop(name, None)
        self._dear.pop(name, None)

    def _with_name(self, unusual: Unusual) -> Unusual:
        """A person knows a key by its name, which whoever made the key chose freely."""
        if unusual.level is not Level.KEY:
            return unusual
        name = key_name(self._engine, unusual.subject)
        return msgspec.structs.replace(unusual, named=visible_line(name, _LONGEST_NAME))

    def _weighed(self, unusual: Unusual, now: int) -> _Dear:
        """Beside the dearest hour of the last two weeks."""
        key = unusual.subject if unusual.level is Level.KEY else ""
        first, dearest = dearest_hour(self._engine, now - _SEEN_DAYS * DAY, unusual.since, key)
        known = first is not None and unusual.since - first >= LEAST_KNOWN_NS
        return _Dear(unusual, news_from(dearest) if known else None)

    def _is_news(self, observatory: Observatory, dear: _Dear) -> bool:
        return dear.enough is not None and observatory.spent(dear.unusual) > dear.enough

    def _state(self, observatory: Observatory, now: int) -> Unusuals:
        shown = [self._told[_name(one)] for one in observatory.unusual if _name(one) in self._told]
        stale = _STALE * max(self._interval_ns, 10 * _NS_PER_SECOND)
        return Unusuals(computed_at=now, stale_at=now + stale, judged=observatory.judged, rows=worst_first(shown))


def replayed(rows: Sequence[Arrival], interval_ns: int, now: int) -> Observatory:
    """What somebody knows who has watched these requests, oldest first, until now."""
    first = rows[0].ended_at if rows else now
    edge = first - first % interval_ns
    observatory, place = Observatory(edge), 0
    while edge + interval_ns <= now:
        edge += interval_ns
        until = place
        while until < len(rows) and rows[until].ended_at < edge:
            until += 1
        observatory.see(rows[place:until])
        observatory.close(edge)
        place = until
    observatory.see(rows[place:])
    return observatory


def incident_of(unusual: Unusual) -> str:
    """A name of its own for what began to be unusual."""
    named = f"{unusual.level}:{unusual.subject}:{unusual.measure}:{unusual.since}"
    return f"inc_{blake2b(named.encode(), digest_size=12).hexdigest()}"


async def watch(
    look: Callable[[int], Unusuals],
    publish: Callable[[Unusuals], None],
    clock: Clock,
    stop: asyncio.Event,
    interval_s: float,
) -> None:
    """Look and publish until told to stop; after a failure go on, what was published goes stale by itself."""
    while not stop.is_set():
        try:
            publish(await asyncio.to_thread(look, clock.wall_ns()))
        except (SQLAlchemyError, OSError) as error:
            logger.error("what is unusual could not be looked for: %s", type(error).__name__)
        await pause(stop, interval_s)


def _name(unusual: Unusual) -> _Name:
    return unusual.level, unusual.subject, unusual.measure


def _noticed(unusual: Unusual, incident: str, *, told: bool) -> Noticed:
    severity, sentence = str(unusual.severity), unusual.sentence
    return Noticed(unusual=unusual, incident=incident, told=told, severity=severity, sentence=sentence)

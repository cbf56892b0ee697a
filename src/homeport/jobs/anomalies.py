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
from homeport.core.unusual import Level, Measure, Unusual, anomaly_alert
from homeport.jobs.schedule import pause
from homeport.ledger.samples import LEAST_KNOWN_NS, is_news
from homeport.ledger.spending import DAY, Whose, dearest_hour, spent_in
from homeport.ledger.unusual import Observatory
from homeport.storage.alerts import raise_alert
from homeport.storage.arrivals import Arrival, Arrivals
from homeport.storage.unusual import Noticed, Unusuals, worst_first

logger = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000
_HISTORY = 400
"""Stretches of time that a worker which starts reads again: it knows at once what is usual."""

_MOST_ROWS = 30_000
_STALE = 6
_SEEN_DAYS = 14

_Name = tuple[Level, str, Measure]


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
        self._dear: dict[_Name, Unusual] = {}
        self._due: deque[Unusual] = deque()

    def look(self, now: int) -> Unusuals:
        """Raise what there is to tell at a time, in nanoseconds since the epoch. Raises SQLAlchemyError."""
        if self._observatory is None:
            self._observatory = self._begin(now)
        else:
            for page in self._arrivals.new():
                self._observatory.see(page)
            self._due.extend(change.now for change in self._observatory.close(now))
        self._due.extend(one for one in self._dear.values() if self._is_news(one, now))
        while self._due:
            self._tell(self._due[0], now)
            self._due.popleft()
        return self._state(self._observatory, now)

    def _begin(self, now: int) -> Observatory:
        """Go through the last hour again, without telling of it, but for what lasts and what ended meanwhile."""
        rows = self._arrivals.begin(now - _HISTORY * self._interval_ns, _MOST_ROWS)
        observatory = replayed(rows, self._interval_ns, now)
        lasting = {_name(one): one for one in observatory.unusual}
        self._due.extend(one for name, one in lasting.items() if name not in self._told)
        self._due.extend(
            msgspec.structs.replace(row.unusual, until=now) for name, row in self._told.items() if name not in lasting
        )
        return observatory

    def _tell(self, unusual: Unusual, now: int) -> None:
        name = _name(unusual)
        if unusual.until is not None:
            self._tell_end(unusual, now)
        elif unusual.measure is Measure.SPEND and not self._is_news(unusual, now):
            self._dear[name] = unusual
        else:
            self._dear.pop(name, None)
            incident = incident_of(unusual)
            told = raise_alert(self._engine, anomaly_alert(unusual, incident, now))
            self._told[name] = _noticed(unusual, incident, told=told)

    def _tell_end(self, unusual: Unusual, now: int) -> None:
        name = _name(unusual)
        self._dear.pop(name, None)
        row = self._told.get(name)
        if row is not None and row.told:
            raise_alert(self._engine, anomaly_alert(unusual, row.incident, now))
        self._told.pop(name, None)

    def _is_news(self, unusual: Unusual, now: int) -> bool:
        """Whether no hour of the last two weeks was nearly as dear as what was spent since."""
        key = unusual.subject if unusual.level is Level.KEY else ""
        first, dearest = dearest_hour(self._engine, now - _SEEN_DAYS * DAY, unusual.since, key)
        if first is None or unusual.since - first < LEAST_KNOWN_NS:
            return False
        return is_news(spent_in(self._engine, unusual.since, now, Whose(key_id=key)), dearest)

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

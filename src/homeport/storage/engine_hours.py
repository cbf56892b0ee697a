"""The hours that engine pools were there, with what each cost then. A later change of the price changes no hour."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Engine, select, update

from homeport.storage.db import insert_new, writing
from homeport.storage.tables import engine_hours

HOUR_NS = 3_600 * 1_000_000_000


class EngineHour(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one pool: the columns of `engine_hours`."""

    engine: str
    hour: int
    hourly: int
    slots: int
    since: int
    until: int


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as it is now. `hourly` is in nano-dollars."""

    engine: str
    hourly: int
    slots: int


def note_presence(engine: Engine, pools: Sequence[Pool], start: int, end: int) -> None:
    """These pools were there from `start` to `end` (nanoseconds since the epoch).

    An hour's price is that of its first note. Told twice, it changes nothing; several processes may tell it.
    """
    with writing(engine) as connection:
        for hour, since, until in _pieces(start, end):
            rows = [
                {"engine": pool.engine, "hour": hour, "hourly": pool.hourly, "slots": pool.slots}
                | {"since": since, "until": until}
                for pool in pools
            ]
            connection.execute(insert_new(connection, engine_hours), rows)
            at = engine_hours.c.hour == hour
            of_pools = engine_hours.c.engine.in_([pool.engine for pool in pools])
            later = update(engine_hours).where(at, of_pools, engine_hours.c.until < until)
            connection.execute(later.values(until=until))


def read_hours(engine: Engine, *, since_ns: int = 0, until_ns: int | None = None) -> list[EngineHour]:
    """The hours that overlap a period."""
    query = select(engine_hours).where(engine_hours.c.hour > since_ns - HOUR_NS)
    if until_ns is not None:
        query = query.where(engine_hours.c.hour < until_ns)
    with engine.connect() as connection:
        return [msgspec.convert(row, EngineHour) for row in connection.execute(query).mappings()]


def _pieces(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """A span cut at full hours: (hour, since, until)."""
    while start <= end:
        hour = start - start % HOUR_NS
        until = min(end, hour + HOUR_NS)
        yield hour, start, until
        if until == end:
            return
        start = until

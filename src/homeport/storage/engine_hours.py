"""The hours that engine pools were there, with what each cost then. A later change of the price changes no hour."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Engine, and_, func, select, update

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
    """A pool as it is now.

    Attributes:
        hourly: in nano-dollars.
        paid_while_down: it is paid for since it was last noted, whether anybody noted it in between or not.
    """

    engine: str
    hourly: int
    slots: int
    paid_while_down: bool = False


def note_presence(engine: Engine, pools: Sequence[Pool], start: int, end: int) -> None:
    """These pools were there from `start` to `end` (nanoseconds since the epoch), or since they were last noted.

    An hour's price is that of its first note. Told twice, it changes nothing; several processes may tell it.
    """
    with writing(engine) as connection:
        for pool in pools:
            last = _last_noted(connection, pool) if pool.paid_while_down else None
            _note(connection, pool, start if last is None else min(start, last), end)


def _last_noted(connection: Connection, pool: Pool) -> int | None:
    latest = select(func.max(engine_hours.c.until)).where(engine_hours.c.engine == pool.engine)
    noted: int | None = connection.execute(latest).scalar_one()
    return noted


def _note(connection: Connection, pool: Pool, start: int, end: int) -> None:
    for hour, since, until in _pieces(start, end):
        row = {"engine": pool.engine, "hour": hour, "hourly": pool.hourly, "slots": pool.slots}
        connection.execute(insert_new(connection, engine_hours), [row | {"since": since, "until": until}])
        ours = and_(engine_hours.c.engine == pool.engine, engine_hours.c.hour == hour)
        connection.execute(update(engine_hours).where(ours, engine_hours.c.until < until).values(until=until))


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

"""What each engine pool cost, what its requests used of it, and what stood idle.

Computed on demand from the rows of requests and the hours that were noted: a request's own `cost` stays what was
said when it was answered, and a table of shares would only repeat what follows from both.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec
from sqlalchemy import Engine, select

from homeport.core.money import Nano, charge_time
from homeport.ledger.engine_work import PICO_PER_NANO, Weights, Work, allocate, fitted
from homeport.storage.engine_hours import HOUR_NS, EngineHour, read_hours
from homeport.storage.tables import requests

_ROWS = 5_000


class PoolCost(msgspec.Struct, frozen=True, kw_only=True):
    """One pool over a period. Amounts are nano-dollars; used + idle is the bill, and so is shares + idle.

    Attributes:
        hours: how long it was billed for, in nanoseconds.
        used: the usage cost: the part of the bill that work stands for.
        shares: what was allocated to the requests, added up one by one.
        work, capacity: picoseconds of its slots that were worked, and that there were.
        unbilled: requests in hours for which no bill was noted; they are in no other figure.
    """

    engine: str
    hours_ns: int = 0
    bill: int = 0
    used: int = 0
    idle: int = 0
    shares: int = 0
    requests: int = 0
    tokens: int = 0
    work: int = 0
    capacity: int = 0
    unbilled: int = 0
    weights: Weights

    @property
    def utilisation(self) -> float:
        """The part of the bill that was used."""
        return self.used / self.bill if self.bill else 0.0

    @property
    def idle_tax(self) -> float | None:
        """What is paid for each dollar that is used: 1 over the utilisation; None where nothing was used."""
        return self.bill / self.used if self.used else None


class Share(msgspec.Struct, frozen=True):
    """What one request used of its hour's bill, in nano-dollars."""

    request_id: str
    cost: Nano


def pool_costs(engine: Engine, *, since_ns: int = 0, until_ns: int | None = None) -> Sequence[PoolCost]:
    """Every pool that has a bill in a period, by name. Times are nanoseconds since the epoch; whole hours count."""
    hours = read_hours(engine, since_ns=since_ns, until_ns=until_ns)
    by_pool = groupby(sorted(hours, key=lambda hour: (hour.engine, hour.hour)), key=lambda hour: hour.engine)
    return [_pool(engine, name, list(of_pool), since_ns, until_ns) for name, of_pool in by_pool]


def shares_of(engine: Engine, pool: str, hour: EngineHour, weights: Weights) -> tuple[list[Share], int]:
    """What each request of an hour used of its bill, and what was idle."""
    works = list(_works(engine, pool, hour.hour, hour.hour + HOUR_NS))
    shares, idle = share(hour, [weights.of(work) for _, work in works])
    return [Share(work.request_id, Nano(cost)) for (_, work), cost in zip(works, shares, strict=True)], idle


def hour_bill(hour: EngineHour) -> Nano:
    """What an hour cost, for as long as the pool was there."""
    return charge_time(Nano(hour.hourly), hour.until - hour.since)


def share(hour: EngineHour, works: Sequence[int]) -> tuple[list[int], int]:
    """What each work (picoseconds of a slot) used of an hour's bill, and what was idle; together the bill."""
    return allocate(hour_bill(hour), works, _capacity(hour))


def weights_of(engine: Engine, pool: str, since_ns: int, until_ns: int | None) -> Weights:
    """What a token is worth at a pool, by the requests that began in a time (nanoseconds since the epoch)."""
    return fitted(work for _, work in _works(engine, pool, since_ns, until_ns))


def _pool(engine: Engine, name: str, hours: list[EngineHour], since_ns: int, until_ns: int | None) -> PoolCost:
    weights = weights_of(engine, name, _floor(since_ns), until_ns)
    billed = {hour.hour: hour for hour in hours}
    cost = PoolCost(engine=name, weights=weights)
    rows = _works(engine, name, _floor(since_ns), until_ns)
    for start, of_hour in groupby(rows, key=lambda row: _floor(row[0])):
        works = [work for _, work in of_hour]
        hour = billed.pop(start, None)
        if hour is None:
            cost = msgspec.structs.replace(cost, unbilled=cost.unbilled + len(works))
        else:
            cost = _with_hour(cost, hour, works)
    for hour in billed.values():
        cost = _with_hour(cost, hour, [])
    return cost


def _with_hour(cost: PoolCost, hour: EngineHour, works: list[Work]) -> PoolCost:
    bill, each = hour_bill(hour), [cost.weights.of(work) for work in works]
    shares, idle = share(hour, each)
    return msgspec.structs.replace(
        cost,
        hours_ns=cost.hours_ns + hour.until - hour.since,
        bill=cost.bill + bill,
        used=cost.used + bill - idle,
        idle=cost.idle + idle,
        shares=cost.shares + sum(shares),
        requests=cost.requests + len(works),
        tokens=cost.tokens + sum(sum(work.tokens) for work in works),
        work=cost.work + sum(each),
        capacity=cost.capacity + _capacity(hour),
    )


def _capacity(hour: EngineHour) -> int:
    return (hour.until - hour.since) * hour.slots * PICO_PER_NANO


def _works(engine: Engine, pool: str, since_ns: int, until_ns: int | None) -> Iterator[tuple[int, Work]]:
    """The requests that a pool was asked, by time, with when each began; they are read a few thousand at a time."""
    columns = ("started_at", "request_id", "input_tokens", "cached_input_tokens", "output_tokens", "engine_ns")
    query = (
        select(*[requests.c[name] for name in columns], requests.c.latency_ns)
        .where(requests.c.upstream == pool, requests.c.local.is_(True), requests.c.started_at >= since_ns)
        .order_by(requests.c.started_at, requests.c.request_id)
    )
    if until_ns is not None:
        query = query.where(requests.c.started_at < until_ns)
    with engine.connect().execution_options(yield_per=_ROWS) as connection:
        for row in connection.execute(query):
            timed = row.engine_ns > 0
            fresh, took = row.input_tokens - row.cached_input_tokens, row.engine_ns if timed else row.latency_ns
            yield row.started_at, Work(row.request_id, fresh, row.cached_input_tokens, row.output_tokens, took, timed)


def _floor(at_ns: int) -> int:
    return at_ns - at_ns % HOUR_NS

"""The sums of each hour beside the bills of engine pools: what of a bill each sum stands for, and what was idle.

A request's own `cost` is the time that its engine worked. Here an own engine's sums cost their share of the hour's
bill instead, so that a pool's lines and its idle line add up to its bill, to the nano-dollar.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.core.money import Nano
from homeport.ledger.engine_report import hour_bill, share, weights_of
from homeport.ledger.engine_work import Weights, Work
from homeport.storage.engine_hours import HOUR_NS, EngineHour, read_hours

Cell = Mapping[str, Any]
"""A row of `rollups` whose span is an hour."""


class Charge(msgspec.Struct, frozen=True):
    """A sum and what it costs. `pool`: whose bill that is a part of; "" where it is what the ledger says."""

    cell: Cell
    cost: Nano
    pool: str = ""


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """What no request of a pool's hour stands for. `unused_ns`: that part of the time that was billed."""

    pool: str
    hour: int
    cost: Nano
    unused_ns: int


class Bills(msgspec.Struct, frozen=True):
    """The hours that pools are billed for, by time, and what a token is worth at each pool."""

    hours: Sequence[EngineHour]
    weights: Mapping[str, Weights]

    @classmethod
    def read(cls, engine: Engine, since_ns: int, until_ns: int) -> "Bills":
        """Of the hours that begin in a time (nanoseconds since the epoch)."""
        first, last = (-(-at // HOUR_NS) * HOUR_NS for at in (since_ns, until_ns))
        hours = [hour for hour in read_hours(engine, since_ns=first, until_ns=last) if hour.hour >= first]
        pools = {hour.engine for hour in hours}
        weights = {pool: weights_of(engine, pool, first, last) for pool in pools}
        return cls(sorted(hours, key=attrgetter("hour", "engine")), weights)

    def charges(self, cells: Iterable[Cell]) -> Iterator[Charge | Idle]:
        """Every sum and every idle hour, by time. The sums come by time and are of the same time."""
        for _, of_hour in groupby(self._met(cells), key=itemgetter(0)):
            met = [each for _, each in of_hour]
            hours = [each for each in met if isinstance(each, EngineHour)]
            yield from self._of_hour(hours, [each for each in met if not isinstance(each, EngineHour)])

    def _met(self, cells: Iterable[Cell]) -> Iterator[tuple[int, Cell | EngineHour]]:
        sums = ((cell["start"], cell) for cell in cells)
        return merge(sums, ((hour.hour, hour) for hour in self.hours), key=itemgetter(0))

    def _of_hour(self, hours: Sequence[EngineHour], cells: Sequence[Cell]) -> Iterator[Charge | Idle]:
        of_pool: dict[str, list[Cell]] = {hour.engine: [] for hour in hours}
        for cell in cells:
            if cell["upstream"] in of_pool and cell["local_cost"] == cell["cost"]:
                of_pool[cell["upstream"]].append(cell)
            else:
                yield Charge(cell, cell["cost"])
        for hour in hours:
            yield from _of_pool(hour, of_pool[hour.engine], self.weights[hour.engine])


def _of_pool(hour: EngineHour, cells: Sequence[Cell], weights: Weights) -> Iterator[Charge | Idle]:
    shares, idle = share(hour, [weights.of(_work(cell)) for cell in cells])
    for cell, cost in zip(cells, shares, strict=True):
        yield Charge(cell, Nano(cost), hour.engine)
    if idle:
        unused = (hour.until - hour.since) * idle // hour_bill(hour)
        yield Idle(pool=hour.engine, hour=hour.hour, cost=Nano(idle), unused_ns=unused)


def _work(cell: Cell) -> Work:
    """A sum's work is that of its requests, because a weight is the same for every token of a kind."""
    cached = cell["cached_input_tokens"]
    return Work("", cell["input_tokens"] - cached, cached, cell["output_tokens"], took_ns=0, is_timed=False)

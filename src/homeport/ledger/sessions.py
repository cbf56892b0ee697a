"""What agents will spend: sessions are drawn, not requests.

The requests of a session hang together, so the sum of requests that are drawn one by one varies far too little
(the cluster bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", Cambridge 1997, 3.8).
"""

from collections.abc import Sequence
from random import Random

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Engine, and_, cast, func, select

from homeport.core.money import Nano, charge
from homeport.core.types import TokenPrice
from homeport.ledger.spending import below
from homeport.storage.tables import requests

_DRAWS = 1_000
_COVERAGE = 0.8


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """All requests of one trace; cached tokens and those written to a cache are parts of the input."""

    requests: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cache_write_tokens: int = 0
    cost: int = 0

    def cost_at(self, price: TokenPrice) -> Nano:
        """What its tokens cost at a price, in nano-dollars; prices of long prompts are not in it."""
        plain = self.input_tokens - self.cached_input_tokens - self.cache_write_tokens
        written = price.input if price.cache_write is None else price.cache_write
        cached = [(self.cached_input_tokens, price.cached_input), (self.cache_write_tokens, written)]
        return charge([(plain, price.input), *cached, (self.output_tokens, price.output)])

    def cost_uncached_at(self, price: TokenPrice) -> Nano:
        """The same if none of its input had come from a cache or gone to one."""
        return charge([(self.input_tokens, price.input), (self.output_tokens, price.output)])


class SessionSpend(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of so many sessions, in nano-dollars.

    Attributes:
        mean: what is expected.
        low, median, high: the tenth, fiftieth and ninetieth percentile of the sums that were drawn.
        uncached: the mean if no input came from a cache.
    """

    sessions: int
    mean: Nano
    low: Nano
    median: Nano
    high: Nano
    uncached: Nano


def sessions(engine: Engine, start: int, until: int, project: str = "") -> list[Session]:
    """The traces of which requests began from `start` to just before `until`, nanoseconds since the epoch.

    Requests without a trace are no session. The same name at two keys is two traces.
    """
    named = and_(requests.c.trace_id != "", below(requests, project))
    within = and_(requests.c.started_at >= start, requests.c.started_at < until, named)
    names = [name for name in Session.__struct_fields__ if name != "requests"]
    sums = [_whole(func.sum(requests.c[name])).label(name) for name in names]
    trace = (requests.c.key_id, requests.c.trace_id)
    query = select(func.count().label("requests"), *sums).where(within).group_by(*trace).order_by(*trace)
    with engine.connect() as connection:
        return [Session(**{name: int(row[name]) for name in row}) for row in connection.execute(query).mappings()]


def spend_of_sessions(
    recorded: Sequence[Session], count: int, price: TokenPrice | None, rng: Random, draws: int = _DRAWS
) -> SessionSpend:
    """What `count` sessions like the recorded ones will cost.

    Args:
        price: of their tokens; None for what they did cost, and then nothing is known of `uncached` but that.

    Raises:
        ValueError: there is no recorded session.
    """
    if not recorded:
        raise ValueError("sessions cannot be drawn from none")
    costs = [session.cost if price is None else session.cost_at(price) for session in recorded]
    without = costs if price is None else [session.cost_uncached_at(price) for session in recorded]
    sums = sorted(sum(rng.choices(costs, k=count)) for _ in range(draws))
    tail = (1 - _COVERAGE) / 2
    low, median, high = (Nano(sums[min(int(share * draws), draws - 1)]) for share in (tail, 0.5, 1 - tail))
    return SessionSpend(
        sessions=count,
        mean=_mean(costs, count),
        low=low,
        median=median,
        high=high,
        uncached=_mean(without, count),
    )


def _mean(costs: Sequence[int], count: int) -> Nano:
    return Nano(sum(costs) * count // len(costs))


def _whole(amount: ColumnElement[int]) -> ColumnElement[int]:
    return cast(amount, BigInteger)

"""What one query costs: mean with an interval, median and tails, from exact sums and a histogram."""

import math

import msgspec

from homeport.core.histogram import Counts, middle, quantiles

_T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""The 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom."""
_NORMAL_95 = 1.96


class QueryCost(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars a query; None where there are too few queries to say.

    Attributes:
        mean: exact, rounded half up.
        low, high: the 95 % interval of the mean, by Student's t; at least two queries.
        p50, p95, p99: nearest-rank quantiles, at most 1.6 % off (see core/histogram.py).
        per_completed: all that was spent over the queries that were answered, half up.
    """

    mean: int | None
    low: int | None
    high: int | None
    p50: int | None
    p95: int | None
    p99: int | None
    per_completed: int | None


def query_cost(requests: int, completed: int, cost: int, costs: Counts) -> QueryCost:
    """The figures of some requests.

    Args:
        cost: of all of them, in nano-dollars.
        costs: how often each bucket of cost was met.
    """
    mean = _half_up(cost, requests)
    margin = _margin(costs)
    p50, p95, p99 = quantiles(costs, (50, 95, 99))
    known = mean is not None and margin is not None
    return QueryCost(
        mean=mean,
        low=mean - margin if known and mean is not None and margin is not None else None,
        high=mean + margin if known and mean is not None and margin is not None else None,
        p50=p50,
        p95=p95,
        p99=p99,
        per_completed=_half_up(cost, completed),
    )


def _half_up(amount: int, parts: int) -> int | None:
    return (2 * amount + parts) // (2 * parts) if parts else None


def _margin(costs: Counts) -> int | None:
    """Half the width of the interval; the spread is that of the buckets' middles."""
    count = sum(costs.values())
    if count < 2:
        return None
    values = [(middle(place), times) for place, times in costs.items()]
    total = sum(value * times for value, times in values)
    squares = sum(value * value * times for value, times in values)
    # In integers as far as it goes: the difference of two large squares would lose everything in floats.
    variance = (squares * count - total * total) / (count * (count - 1))
    freedom = count - 1
    factor = _T_95[freedom - 1] if freedom <= len(_T_95) else _NORMAL_95
    return math.ceil(factor * math.sqrt(variance / count))

"""What one query costs, against figures worked by hand."""

from homeport.core.histogram import bucket
from homeport.ledger.query_cost import QueryCost, query_cost


def of(*costs: int, completed: int | None = None) -> QueryCost:
    counts: dict[int, int] = {}
    for cost in costs:
        counts[bucket(cost)] = counts.get(bucket(cost), 0) + 1
    return query_cost(len(costs), len(costs) if completed is None else completed, sum(costs), counts)


def test_of_nothing_nothing_is_known() -> None:
    assert of() == QueryCost(mean=None, low=None, high=None, p50=None, p95=None, p99=None, per_completed=None)


def test_one_query_has_no_interval() -> None:
    assert of(5) == QueryCost(mean=5, low=None, high=None, p50=5, p95=5, p99=5, per_completed=5)


def test_two_queries() -> None:
    # Mean 20, standard deviation sqrt(2 * 10^2 / 1) = 14.142, of the mean 10; t of one degree is 12.706.
    assert of(10, 30) == QueryCost(mean=20, low=-108, high=148, p50=10, p95=30, p99=30, per_completed=20)


def test_many_queries_go_by_the_normal_quantile() -> None:
    # 50 of 0 and 50 of 20: variance 100 * 100 / 99 = 101.01, of the mean 1.0101; 1.96 * 1.00504 = 1.97, rounded up.
    found = of(*[0] * 50, *[20] * 50)
    assert (found.mean, found.low, found.high, found.p50, found.p95) == (10, 8, 12, 0, 20)


def test_failures_are_paid_by_what_succeeded() -> None:
    assert of(10, 10, 10, completed=2).per_completed == 15
    assert of(10, 10, completed=0).per_completed is None

"""The gauges of budgets, and the counter of what they refused."""

from homeport.storage.budget_figures import MOST_FIGURES, BudgetFigure, BudgetFigures
from homeport.telemetry.metrics import Metrics
from tests.ledger.requests import request


def lines(metrics: Metrics) -> list[str]:
    page = metrics.page().decode().splitlines()
    return [line for line in page if line.startswith("homeport_budget") and "_created" not in line]


def test_what_the_jobs_worker_saw() -> None:
    row = BudgetFigure(name="search", limit=25_000_000_000, spent=3_500_000_000, leased=1)
    metrics = Metrics(budgets=lambda: BudgetFigures(computed_at=0, stale_at=1, rows=(row,)))
    assert lines(metrics) == [
        'homeport_budget_limit_usd{budget="search"} 25.0',
        'homeport_budget_spent_usd{budget="search"} 3.5',
        'homeport_budget_leased_usd{budget="search"} 1e-09',
    ]


def test_without_it_nothing_is_shown() -> None:
    assert lines(Metrics()) == []


def test_refusals_are_counted_by_budget() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.observe(request(1, error="budget_exceeded", reason="budget:search"))
    metrics.observe(request(1, error="budget_exceeded", reason="static"))
    metrics.observe(request(1, error="", reason="budget:search"))
    assert lines(metrics) == ['homeport_budget_refused_total{budget="search"} 2.0']


def test_the_names_have_a_bound() -> None:
    metrics = Metrics()
    for number in range(MOST_FIGURES + 50):
        metrics.observe(request(1, error="budget_exceeded", reason=f"budget:b{number}"))
    found = lines(metrics)
    assert len(found) == MOST_FIGURES + 1
    assert 'homeport_budget_refused_total{budget="others"} 50.0' in found

"""How the budgets stand, as Prometheus gauges. Labels are the budgets' names, so many at most."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.core.money import NANO_PER_USD
from homeport.storage.budget_figures import BudgetFigures

_OF = ("budget",)


class BudgetGauges(Collector):
    """Shows what the jobs worker saw last; nothing when that is missing or stale."""

    def __init__(self, read: Callable[[], BudgetFigures | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        figures = self._read()
        limit = GaugeMetricFamily("homeport_budget_limit_usd", "The cap of a window", labels=_OF)
        spent = GaugeMetricFamily("homeport_budget_spent_usd", "Reported as spent in the window", labels=_OF)
        leased = GaugeMetricFamily("homeport_budget_leased_usd", "Held by processes, not yet spent", labels=_OF)
        for row in figures.rows if figures is not None else ():
            limit.add_metric((row.name,), row.limit / NANO_PER_USD)
            spent.add_metric((row.name,), row.spent / NANO_PER_USD)
            leased.add_metric((row.name,), row.leased / NANO_PER_USD)
        yield from (limit, spent, leased)

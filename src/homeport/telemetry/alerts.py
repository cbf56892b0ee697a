"""Alerts of the last day, what became of them, and incidents, as Prometheus gauges.

Labels are kinds, states and names of webhooks.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.storage.alert_figures import AlertFigures
from homeport.telemetry.bounds import MOST_ALERTS


class AlertGauges(Collector):
    """Shows what the jobs worker counted last; nothing when that is missing or stale."""

    def __init__(self, read: Callable[[], AlertFigures | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        figures = self._read() or AlertFigures(stale_at=0)
        raised = GaugeMetricFamily("homeport_alerts", "Alerts of the last day", labels=("kind", "severity"))
        for row in islice(figures.raised, MOST_ALERTS):
            raised.add_metric((row.kind, row.severity), row.count)
        told = GaugeMetricFamily("homeport_alert_deliveries", "What became of them", labels=("webhook", "state"))
        for one in islice(figures.deliveries, MOST_ALERTS):
            told.add_metric((one.webhook, one.state), one.count)
        here = GaugeMetricFamily("homeport_incidents", "Incidents that are not resolved", labels=("kind", "state"))
        for unresolved in figures.incidents[:MOST_ALERTS]:
            here.add_metric((unresolved.kind, unresolved.state), unresolved.count)
        yield from (raised, told, here)

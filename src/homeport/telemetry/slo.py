"""How the objectives stand, as Prometheus gauges. Labels are the objectives' names and fixed words."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.storage.standings import Standing, Standings

_OF = ("objective", "indicator")
_SEVERITIES = ("page", "ticket")


class SloGauges(Collector):
    """Shows what the jobs worker counted last; nothing when that is missing or stale.

    Args:
        read: how the objectives stand, or None.
    """

    def __init__(self, read: Callable[[], Standings | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        standings = self._read()
        computed = GaugeMetricFamily("homeport_slo_computed_timestamp_seconds", "When the objectives were counted")
        if standings is not None:
            computed.add_metric((), standings.computed_at / 1e9)
        yield computed
        yield from _families(standings.rows if standings is not None else ())


def _families(rows: tuple[Standing, ...]) -> Iterator[Metric]:
    target = GaugeMetricFamily("homeport_slo_target_ratio", "Share that is promised", labels=_OF)
    ratio = GaugeMetricFamily("homeport_slo_ratio", "Share of the valid requests that were good", labels=_OF)
    left = GaugeMetricFamily("homeport_slo_error_budget_remaining_ratio", "Part of the budget left", labels=_OF)
    counts = GaugeMetricFamily("homeport_slo_requests", "Requests of the window", labels=(*_OF, "result"))
    burn = GaugeMetricFamily("homeport_slo_burn_rate", "Bad share over the allowed share", labels=(*_OF, "window"))
    alert = GaugeMetricFamily("homeport_slo_alert", "1 while an alert fires", labels=(*_OF, "severity"))
    for row in rows:
        of = (row.objective, row.indicator)
        target.add_metric(of, row.target)
        left.add_metric(of, row.budget_left)
        if row.ratio is not None:
            ratio.add_metric(of, row.ratio)
        counts.add_metric((*of, "good"), row.good)
        counts.add_metric((*of, "bad"), row.valid - row.good)
        for window, rate in row.burn.items():
            burn.add_metric((*of, window), rate)
        for severity in _SEVERITIES:
            alert.add_metric((*of, severity), severity in row.firing)
    yield from (target, ratio, left, counts, burn, alert)

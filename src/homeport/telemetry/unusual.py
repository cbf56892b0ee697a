"""How much is unusual now, as Prometheus gauges. Labels are words of a short list: no model and no key."""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.core.unusual import Level, Measure
from homeport.storage.unusual import Unusuals


class UnusualGauges(Collector):
    """Shows what the jobs worker found last; nothing when that is missing or stale.

    Args:
        read: what is unusual, or None.
    """

    def __init__(self, read: Callable[[], Unusuals | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        gauge = GaugeMetricFamily("homeport_unusual", "Things that are unusual now", labels=("level", "measure"))
        if found is not None:
            counts = Counter((row.unusual.level, row.unusual.measure) for row in found.rows)
            for level in Level:
                for measure in Measure:
                    gauge.add_metric((level, measure), counts[level, measure])
        yield gauge

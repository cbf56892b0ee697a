"""What is unusual now, as Prometheus gauges: how many things of each kind. Labels are fixed words, and name nobody."""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.core.unusual import Level, Measure
from homeport.storage.unusual import Unusuals


class UnusualGauges(Collector):
    """Shows what the jobs worker noticed last, each kind with its number, 0 too; nothing when that is stale.

    Args:
        read: what is unusual, or None.
    """

    def __init__(self, read: Callable[[], Unusuals | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        things = GaugeMetricFamily("homeport_unusual", "Things that are not as usual", labels=("level", "measure"))
        judged = GaugeMetricFamily("homeport_unusual_judged", "Series that are known well enough to be judged")
        if found is not None:
            told = Counter((row.unusual.level, row.unusual.measure) for row in found.rows if row.told)
            for level in Level:
                for measure in Measure:
                    things.add_metric((level, measure), told[level, measure])
            judged.add_metric((), found.judged)
        yield from (things, judged)

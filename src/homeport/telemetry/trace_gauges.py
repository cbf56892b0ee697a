"""What became of the spans of requests, for Prometheus: the jobs worker sends them, a gateway shows the figures."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.telemetry.traces import TraceFigures


class TraceGauges(Collector):
    """Shows what the jobs worker said last; nothing when that is missing or stale."""

    def __init__(self, read: Callable[[], TraceFigures | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        figures = self._read()
        if figures is None:
            return
        requests = CounterMetricFamily(
            "homeport_traced_requests", "Requests whose spans were sent, dropped or lost", labels=("result",)
        )
        for result in ("sent", "dropped", "failed"):
            requests.add_metric((result,), getattr(figures, result))
        waiting = GaugeMetricFamily("homeport_traced_requests_waiting", "Requests whose spans wait to be sent")
        waiting.add_metric((), figures.waiting)
        yield from (requests, waiting)

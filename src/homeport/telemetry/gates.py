"""How full the own engines of a gateway process are, for Prometheus. Labels are names of the configuration."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.telemetry.bounded import Bounded
from homeport.telemetry.bounds import MOST_UPSTREAMS
from homeport.telemetry.times import Times, histogram


class GateFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The gate of one engine: places, those in use, and requests that wait for one."""

    upstream: str
    places: int
    in_use: int
    waiting: int


class GateGauges(Collector):
    """How the gates stand when they are looked at, and how long requests waited at them.

    Attributes:
        figures: of all gates.
    """

    def __init__(self) -> None:
        self.figures: Callable[[], Iterable[GateFigures]] = tuple
        self._waits = Bounded(MOST_UPSTREAMS, Times)

    def waited(self, upstream: str, nanoseconds: int) -> None:
        """A request got its place after so long."""
        self._waits[(upstream,)].add(nanoseconds)

    def collect(self) -> Iterator[Metric]:
        figures = list(islice(self.figures(), MOST_UPSTREAMS))
        yield _gauge("places", "Requests that the engine may work on at once", figures, lambda one: one.places)
        yield _gauge("in_use", "Requests that the engine works on", figures, lambda one: one.in_use)
        yield _gauge("waiting", "Requests that wait for a place", figures, lambda one: one.waiting)
        what = "How long requests waited for their place"
        yield histogram("homeport_engine_queue_wait_seconds", what, ("upstream",), self._waits.items())


def _gauge(name: str, what: str, figures: Iterable[GateFigures], value: Callable[[GateFigures], int]) -> Metric:
    family = GaugeMetricFamily(f"homeport_engine_{name}", what, labels=("upstream",))
    for one in figures:
        family.add_metric((one.upstream,), float(value(one)))
    return family

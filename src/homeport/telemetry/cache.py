"""What the cache of a gateway process does and has, for Prometheus. Labels are stable codes."""

from collections.abc import Callable, Iterator

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.telemetry.bounded import BoundedCounter
from homeport.telemetry.bounds import MOST_KINDS

_BOUNDS_S = tuple(50e-6 * 2**n for n in range(13))


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a process has of kept answers; all of it is nothing while its cache is off.

    Attributes:
        bytes: of all entries that it knows, wherever they are; `memory` of those that it holds.
        warm: it knows all that was kept before it began.
        flights: requests upstream for whose answers others may wait.
    """

    entries: int = 0
    bytes: int = 0
    memory: int = 0
    warm: bool = False
    flights: int = 0


class CacheMeter:
    """Counts lookups, and shows what is in memory.

    Attributes:
        held: what there is in memory now.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.held: Callable[[], Held] = Held
        bypassed = Counter(
            "homeport_cache_bypassed",
            "Requests of routes that are cached that the cache had nothing to do with",
            ("reason",),
            registry=registry,
        )
        self._bypassed = BoundedCounter(bypassed, MOST_KINDS)
        self._lookups = Histogram(
            "homeport_cache_lookup_seconds", "Until it is known what is kept", buckets=_BOUNDS_S, registry=registry
        )
        registry.register(_Held(self))

    def bypassed(self, reason: str) -> None:
        """The cache had nothing to do with a request."""
        self._bypassed.add(reason)

    def looked(self, nanoseconds: int) -> None:
        """A lookup took so long, without the time that it waited for somebody who asks the same."""
        self._lookups.observe(nanoseconds / 1e9)


class _Held(Collector):
    """What is in memory now."""

    def __init__(self, meter: CacheMeter) -> None:
        self._meter = meter

    def collect(self) -> Iterator[Metric]:
        held = self._meter.held()
        yield _gauge("homeport_cache_entries", "Entries known", held.entries)
        yield _gauge("homeport_cache_bytes", "Bytes of them, wherever they are", held.bytes)
        yield _gauge("homeport_cache_memory_bytes", "Bytes held in memory", held.memory)
        yield _gauge("homeport_cache_warm", "1: all that was kept before is known", held.warm)
        yield _gauge("homeport_cache_flights", "Requests that others may wait for", held.flights)


def _gauge(name: str, what: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, what)
    family.add_metric((), float(value))  # a bool is no number to those who read it elsewhere
    return family

"""Durations as Prometheus' histograms, with an example for each bucket.

It is plain arithmetic, because it happens for every request; it becomes Prometheus' families when somebody asks.
An example (an exemplar, in OpenMetrics' words) is the trace of one request that took so long. A trace id is shown
only where it has the form of W3C Trace Context, since what else callers write there may be anything, and the page
is open.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

BOUNDS_NS = tuple(10_000_000 * 2**n for n in range(14))
_BOUNDS = (*(str(bound / 1e9) for bound in BOUNDS_NS), "+Inf")
SERIES = len(_BOUNDS) + 2
"""Of one histogram: its buckets, their sum and their count."""

_TRACE = re.compile(r"[0-9a-f]{32}")
_Bucket = tuple[str, float] | tuple[str, float, Exemplar]


class Times:
    """A histogram of durations."""

    __slots__ = ("_counts", "_examples", "_total_ns")

    def __init__(self) -> None:
        self._counts = [0] * len(_BOUNDS)
        self._examples: dict[int, tuple[str, int, int]] = {}
        self._total_ns = 0

    def add(self, nanoseconds: int, trace_id: str = "", at_ns: int = 0) -> None:
        """Count one.

        Args:
            trace_id: of the request, "" where it has none.
            at_ns: when it ended, nanoseconds since the epoch.
        """
        bucket = bisect_left(BOUNDS_NS, nanoseconds)
        self._counts[bucket] += 1
        self._total_ns += nanoseconds
        if trace_id:
            self._examples[bucket] = (trace_id, nanoseconds, at_ns)

    @property
    def total_s(self) -> float:
        return self._total_ns / 1e9

    def buckets(self) -> list[_Bucket]:
        """Prometheus' cumulative counts, each with the latest example of its own bucket."""
        seen = 0
        found: list[_Bucket] = []
        for place, (bound, count) in enumerate(zip(_BOUNDS, self._counts, strict=True)):
            seen += count
            example = self._example(place)
            found.append((bound, float(seen)) if example is None else (bound, float(seen), example))
        return found

    def _example(self, bucket: int) -> Exemplar | None:
        trace_id, nanoseconds, at_ns = self._examples.get(bucket, ("", 0, 0))
        if _TRACE.fullmatch(trace_id) is None:
            return None
        return Exemplar({"trace_id": trace_id}, nanoseconds / 1e9, round(at_ns / 1e9, 3))


def histogram(name: str, what: str, labels: tuple[str, ...], times: Iterable[tuple[tuple[str, ...], Times]]) -> Metric:
    """The family of several histograms, by the values of their labels."""
    family = HistogramMetricFamily(name, what, labels=labels)
    for values, one in times:
        family.add_metric(values, one.buckets(), one.total_s)
    return family

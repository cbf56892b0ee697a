"""Prometheus metrics of a gateway process.

Labels take values from the configuration only (tiers, models, stable error codes), so callers
cannot grow the number of series; `catalogue.py` has how many there are at most.
"""

import contextlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from homeport.core.budgets import OF_BUDGET
from homeport.core.errors import BudgetExceeded
from homeport.core.events import RequestFinished
from homeport.storage.alert_figures import AlertFigures
from homeport.storage.budget_figures import MOST_FIGURES, BudgetFigures
from homeport.storage.score_figures import QualityFigures
from homeport.storage.standings import Standings
from homeport.storage.unusual import Unusuals
from homeport.telemetry.alerts import AlertGauges
from homeport.telemetry.bounded import BoundedCounter
from homeport.telemetry.bounds import MOST_CODES, MOST_KINDS, MOST_UPSTREAMS
from homeport.telemetry.budgets import BudgetGauges
from homeport.telemetry.cache import CacheMeter
from homeport.telemetry.gates import GateGauges
from homeport.telemetry.quality import QualityGauges
from homeport.telemetry.slo import SloGauges
from homeport.telemetry.tally import RequestTally
from homeport.telemetry.trace_gauges import TraceGauges
from homeport.telemetry.traces import TraceFigures
from homeport.telemetry.unusual import UnusualGauges
from homeport.telemetry.workers import AllWorkers, publish

TEXT, OPENMETRICS = exposition.CONTENT_TYPE_LATEST, openmetrics.CONTENT_TYPE_LATEST
"""Media types of the two forms of the page."""


class Metrics:
    """An `Observer` that counts, and the page that Prometheus scrapes.

    Args:
        standings, budgets: how the objectives and the budgets stand, if the jobs worker said so.
        traces: what became of the spans of requests, the same.
        unusual, alerts: what is not as usual, and the alerts of the last day, the same.
        quality: what outputs scored, the same.
    """

    def __init__(
        self,
        standings: Callable[[], Standings | None] = lambda: None,
        budgets: Callable[[], BudgetFigures | None] = lambda: None,
        traces: Callable[[], TraceFigures | None] = lambda: None,
        unusual: Callable[[], Unusuals | None] = lambda: None,
        alerts: Callable[[], AlertFigures | None] = lambda: None,
        quality: Callable[[], QualityFigures | None] = lambda: None,
    ) -> None:
        registry = self._registry = CollectorRegistry()
        self._of_all_processes = (
            SloGauges(standings),
            BudgetGauges(budgets),
            TraceGauges(traces),
            UnusualGauges(unusual),
            AlertGauges(alerts),
            QualityGauges(quality),
        )
        self._place: tuple[Path, int, Callable[[], int]] | None = None
        self._tally = RequestTally()
        registry.register(self._tally)
        self.in_flight = Gauge("homeport_requests_in_flight", "Requests being answered", registry=registry)
        self.upstream_ready = Gauge(
            "homeport_upstream_ready", "1 while the engine answers its health check", ("upstream",), registry=registry
        )
        self.reloads = Counter(
            "homeport_config_reloads",
            "Changed configurations that were adopted or refused",
            ("result",),
            registry=registry,
        )
        for result in ("adopted", "refused"):
            self.reloads.labels(result)  # Prometheus sees no increase in a series that begins with 1.
        self.tasks = Gauge("homeport_tasks", "Tasks of the event loop", registry=registry)
        self.upstream_connections = Gauge(
            "homeport_upstream_connections", "Open connections to upstreams, idle ones included", registry=registry
        )
        loops = Counter("homeport_loop_signals", "Signals of the loop guard", ("signal", "level"), registry=registry)
        self._loops = BoundedCounter(loops, MOST_KINDS)
        self.cache = CacheMeter(registry)
        self.gates = GateGauges()
        registry.register(self.gates)
        errands = Counter(
            "homeport_cache_errands",
            "Answers of the cache that were checked, and questions that were judged",
            ("kind", "result"),
            registry=registry,
        )
        self._errands = BoundedCounter(errands, MOST_KINDS)
        refused = Counter(
            "homeport_refused", "Requests refused before they had a key to be billed to", ("code",), registry=registry
        )
        self.refused = BoundedCounter(refused, MOST_CODES)
        over = Counter("homeport_budget_refused", "Requests refused for want of money", ("budget",), registry=registry)
        self._over_budget = BoundedCounter(over, MOST_FIGURES + 1)
        self._upstreams: set[str] = set()

    def show_upstream(self, name: str, ready: bool | None) -> None:
        """Whether an engine answers; None for one that is gone."""
        if ready is None:
            self._upstreams.discard(name)
            with contextlib.suppress(KeyError):
                self.upstream_ready.remove(name)
        elif name in self._upstreams or len(self._upstreams) < MOST_UPSTREAMS:
            self._upstreams.add(name)
            self.upstream_ready.labels(name).set(ready)

    def count_loop(self, signal: str, level: IntEnum) -> None:
        """The loop guard saw a signal and acted on it."""
        self._loops.add(signal, level.name.lower())

    def count_errand(self, kind: str, result: str) -> None:
        """The cache asked something in the background."""
        self._errands.add(kind, result)

    def observe(self, event: RequestFinished) -> None:
        self._tally.add(event)
        if event.error == BudgetExceeded.default_code and event.reason.startswith(OF_BUDGET):
            self._over_budget.add(event.reason.removeprefix(OF_BUDGET))

    def share(self, folder: Path, worker: int, wall_ns: Callable[[], int]) -> None:
        """This is one of several processes, numbered from 1; they show each other's figures through a folder."""
        self._place = (folder, worker, wall_ns)

    def publish(self) -> None:
        """Write this process's figures for the others. Raises OSError."""
        if self._place is not None:
            folder, worker, wall_ns = self._place
            publish(folder, worker, self._registry, wall_ns())

    def page(self, *, openmetrics_text: bool = False) -> bytes:
        """The exposition text, see `Snapshot.write`."""
        return self.snapshot().write(openmetrics_text=openmetrics_text)

    def snapshot(self) -> "Snapshot":
        """What is counted now. It is quick, and nothing may be counted meanwhile; to write it takes long."""
        registries = (*self._of_all_processes, *(() if self._place else (self._registry,)))
        families = [family for one in registries for family in one.collect()]
        if self._place is None:
            return Snapshot(families)
        folder, worker, wall_ns = self._place
        own = _Taken(list(self._registry.collect()))
        return Snapshot(families, AllWorkers(folder, worker, own, wall_ns()))


class Snapshot:
    """A page that is to be written; by any thread, for it changes no more.

    Args:
        families: of all processes.
        workers: the figures of each process, where there are several.
    """

    def __init__(self, families: list[Metric], workers: Collector | None = None) -> None:
        self._families = _Taken(families)
        self._workers = workers

    def write(self, *, openmetrics_text: bool = False) -> bytes:
        """The exposition text; with a label `worker` on every process's own figures where there are several.

        Args:
            openmetrics_text: in the form that has examples; else in Prometheus' own.
        """
        page = CollectorRegistry()
        page.register(self._families)
        if self._workers is not None:
            page.register(self._workers)
        write: Callable[[CollectorRegistry], bytes] = (
            openmetrics.generate_latest if openmetrics_text else exposition.generate_latest
        )
        return write(page)


class _Taken(Collector):
    """Families as they were."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)

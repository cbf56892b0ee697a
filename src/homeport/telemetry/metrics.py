"""Prometheus metrics of a gateway process.

Labels take values from the configuration only (tiers, models, stable error codes), so callers
cannot grow the number of series.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from homeport.core.events import RequestFinished
from homeport.storage.standings import Standings
from homeport.telemetry.slo import SloGauges
from homeport.telemetry.workers import AllWorkers, publish

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = tuple(0.01 * 2**n for n in range(14))


class _Answers(NamedTuple):
    """The series of one model."""

    input: Counter
    cached_input: Counter
    cache_write: Counter
    output: Counter
    cost: Counter
    duration: Histogram
    ttft: Histogram


class Metrics:
    """An `Observer` that counts, and the page that Prometheus scrapes.

    Args:
        standings: how the objectives stand, if the jobs worker said so.
    """

    def __init__(self, standings: Callable[[], Standings | None] = lambda: None) -> None:
        registry = self._registry = CollectorRegistry()
        self._objectives = SloGauges(standings)
        self._place: tuple[Path, int, Callable[[], int]] | None = None
        by_model = ("tier", "model")
        self._requests = Counter(
            "homeport_requests", "Requests that ended", ("surface", *by_model, "outcome"), registry=registry
        )
        self._errors = Counter("homeport_errors", "Requests that ended in an error", ("code",), registry=registry)
        self._attempts = Counter(
            "homeport_upstream_attempts", "Calls of upstreams", ("model", "error"), registry=registry
        )
        self._tokens = Counter("homeport_tokens", "Tokens", (*by_model, "type"), registry=registry)
        self._cost = Counter("homeport_cost_nanodollars", "Cost in 1e-9 USD", by_model, registry=registry)
        self._duration = Histogram(
            "homeport_request_duration_seconds", "Request to last byte", by_model, registry=registry, buckets=_SECONDS
        )
        self._ttft = Histogram(
            "homeport_time_to_first_byte_seconds",
            "Request to first byte",
            by_model,
            registry=registry,
            buckets=_SECONDS,
        )
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
        self.tasks = Gauge("homeport_tasks", "Tasks of the event loop", registry=registry)
        self.upstream_connections = Gauge(
            "homeport_upstream_connections", "Open connections to upstreams, idle ones included", registry=registry
        )
        self.refused = Counter(
            "homeport_refused", "Requests refused before they had a key to be billed to", ("code",), registry=registry
        )

        # Finding a series by its labels costs more than adding to it.
        self._ended: dict[tuple[str, str, str, str], Counter] = {}
        self._asked: dict[tuple[str, str], Counter] = {}
        self._answered: dict[tuple[str, str], _Answers] = {}

    def observe(self, event: RequestFinished) -> None:
        ended = (event.surface, event.tier, event.target, event.outcome)
        if ended not in self._ended:
            self._ended[ended] = self._requests.labels(*ended)
        self._ended[ended].inc()
        if event.error:
            self._errors.labels(event.error).inc()
        for attempt in event.attempts:
            asked = (attempt.target, attempt.error)
            if asked not in self._asked:
                self._asked[asked] = self._attempts.labels(*asked)
            self._asked[asked].inc()
        if event.target:
            self._observe_answer(event)

    def _observe_answer(self, event: RequestFinished) -> None:
        by_model = (event.tier, event.target)
        answers = self._answered.get(by_model)
        if answers is None:
            answers = self._answered[by_model] = _Answers(
                input=self._tokens.labels(*by_model, "input"),
                cached_input=self._tokens.labels(*by_model, "cached_input"),
                cache_write=self._tokens.labels(*by_model, "cache_write"),
                output=self._tokens.labels(*by_model, "output"),
                cost=self._cost.labels(*by_model),
                duration=self._duration.labels(*by_model),
                ttft=self._ttft.labels(*by_model),
            )
        answers.input.inc(event.input_tokens)
        answers.cached_input.inc(event.cached_input_tokens)
        if event.cache_write_tokens:
            answers.cache_write.inc(event.cache_write_tokens)
        answers.output.inc(event.output_tokens)
        answers.cost.inc(event.cost)
        answers.duration.observe(event.latency_ns / 1e9)
        if event.ttft_ns:
            answers.ttft.observe(event.ttft_ns / 1e9)

    def share(self, folder: Path, worker: int, wall_ns: Callable[[], int]) -> None:
        """This is one of several processes, numbered from 1; they show each other's figures through a folder."""
        self._place = (folder, worker, wall_ns)

    def publish(self) -> None:
        """Write this process's figures for the others. Raises OSError."""
        if self._place is not None:
            folder, worker, wall_ns = self._place
            publish(folder, worker, self._registry, wall_ns())

    def page(self) -> bytes:
        """The exposition text; with a label `worker` on every process's own figures where there are several."""
        page = CollectorRegistry()
        page.register(self._objectives)
        if self._place is None:
            page.register(self._registry)
        else:
            folder, worker, wall_ns = self._place
            page.register(AllWorkers(folder, worker, self._registry, wall_ns()))
        return generate_latest(page)

"""Figures of calls by OTLP, under the names of the GenAI conventions. Each request counts, sampled or not."""

from typing import Any

from homeport.config.telemetry import TelemetrySettings
from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.telemetry import semconv as names
from homeport.telemetry.otlp import Sender, exporter, hush, load, resource_of
from homeport.telemetry.spans import Atlas

_SCOPE = "homeport"
_CLOSING_MS = 3_000
_FAILED, _ANSWERED = "upstream_", ("escalated_", "sampled")
"""Codes of calls that were made; others say why one was not, or was given up."""


class OtlpMeters:
    """Counts requests that ended, and sends the figures every now and then, on a thread of its own.

    Raises:
        ConfigError: telemetry_missing.
    """

    def __init__(self, settings: TelemetrySettings, sent_by: Sender, atlas: Atlas, reader: Any = None) -> None:
        sdk, export = load("opentelemetry.sdk.metrics"), load("opentelemetry.sdk.metrics.export")
        self._naming = names.Naming(settings.latest_names)
        self._atlas = atlas
        if reader is None:
            sender = exporter("metric", "OTLPMetricExporter", settings)
            reader = export.PeriodicExportingMetricReader(sender, settings.metrics.every_seconds * 1_000)
        self._provider = sdk.MeterProvider([reader], resource_of(settings, sent_by), shutdown_on_exit=False)
        self._meter = self._provider.get_meter(_SCOPE, sent_by.version)
        self._duration = self._histogram(names.DURATION, "s", names.SECONDS)
        self._first = self._histogram(names.TIME_TO_FIRST_CHUNK, "s", names.SECONDS)
        self._chunk = self._histogram(names.TIME_PER_CHUNK, "s", names.SECONDS)
        self._tokens = {kind: self._token_histogram(kind) for kind in ("input", "output")}
        hush()

    def observe(self, event: RequestFinished) -> None:
        """Count each call that was made, but for those that were given up: nobody knows how long they would take."""
        if event.cache not in ("", "miss"):
            return
        for attempt in event.attempts:
            if not attempt.error:
                self._count(event, attempt)
            elif attempt.error.startswith((_FAILED, *_ANSWERED)):
                self._count_other(event, attempt)

    def close(self) -> None:
        """Send what there is."""
        self._provider.shutdown(_CLOSING_MS)

    def _count_other(self, event: RequestFinished, attempt: Attempt) -> None:
        """One that failed, or whose answer was not the one that the caller got."""
        about = self._about(event, attempt)
        if attempt.error.startswith(_FAILED):
            about[names.ERROR] = attempt.error
        self._duration.record((attempt.ended_ns - attempt.started_ns) / 1e9, about)

    def _count(self, event: RequestFinished, answered: Attempt) -> None:
        """The one whose answer the caller got."""
        about = self._about(event, answered)
        first = (answered.ended_ns - answered.started_ns) / 1e9
        took = first + (event.latency_ns - event.ttft_ns) / 1e9 if event.stream and event.ttft_ns else first
        failed = event.outcome is Outcome.FAILED
        self._duration.record(took, {**about, names.ERROR: event.error} if failed else about)
        for kind, count in (("input", event.input_tokens), ("output", event.output_tokens)):
            more = {} if self._naming.latest else {names.TOKEN_TYPE: kind}
            self._tokens[kind].record(count, {**about, **more})
        if event.stream:
            self._first.record(first, about)
            if event.output_tokens > 1:
                self._chunk.record((took - first) / (event.output_tokens - 1), about)

    def _about(self, event: RequestFinished, attempt: Attempt) -> dict[str, Any]:
        place = self._atlas.place(attempt.upstream or self._atlas.upstream(attempt.target))
        about = {
            names.OPERATION: names.OPERATIONS.get(event.surface, event.surface),
            names.PROVIDER: place.provider,
            names.REQUEST_MODEL: self._atlas.model(attempt.target),
            names.SERVER_ADDRESS: place.address,
            names.SERVER_PORT: place.port,
        }
        return {name: value for name, value in about.items() if value}

    def _token_histogram(self, kind: str) -> Any:
        return self._histogram(names.TOKEN_USAGE, "{token}", names.TOKENS, kind)

    def _histogram(self, name: str, unit: str, bounds: tuple[float, ...], kind: str = "") -> Any:
        named = self._naming.of(name).format(type=kind) if self._naming.latest else name
        told = names.METRICS[name]
        return self._meter.create_histogram(named, unit, told, explicit_bucket_boundaries_advisory=list(bounds))

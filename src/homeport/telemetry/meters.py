"""Figures of calls by OTLP, under the names of the GenAI conventions. Each request counts, sampled or not."""

from collections.abc import Mapping
from typing import Any

from homeport.config.telemetry import TelemetrySettings
from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.telemetry import semconv as names
from homeport.telemetry.otlp import exporter, hush, load, resource_of
from homeport.telemetry.spans import Atlas

_SCOPE = "homeport"
_CLOSING_MS = 3_000


class OtlpMeters:
    """Counts requests that ended, and sends the figures every now and then, on a thread of its own.

    Raises:
        ConfigError: telemetry_missing.
    """

    def __init__(self, settings: TelemetrySettings, version: str, atlas: Atlas, reader: Any = None) -> None:
        sdk, export = load("opentelemetry.sdk.metrics"), load("opentelemetry.sdk.metrics.export")
        self._naming = names.Naming(settings.latest_names)
        self._atlas = atlas
        if reader is None:
            sender = exporter("metric", "OTLPMetricExporter", settings)
            reader = export.PeriodicExportingMetricReader(sender, settings.metrics.every_seconds * 1_000)
        self._provider = sdk.MeterProvider([reader], resource_of(settings, version), shutdown_on_exit=False)
        self._meter = self._provider.get_meter(_SCOPE, version)
        self._duration = self._histogram(names.DURATION, "s", names.SECONDS)
        self._first = self._histogram(names.TIME_TO_FIRST_CHUNK, "s", names.SECONDS)
        self._chunk = self._histogram(names.TIME_PER_CHUNK, "s", names.SECONDS)
        self._tokens = {kind: self._token_histogram(kind) for kind in ("input", "output")}
        hush()

    def observe(self, event: RequestFinished) -> None:
        """Count the call that answered, or the calls that failed, as one."""
        if event.cache not in ("", "miss") or not event.attempts:
            return
        answered = next((one for one in event.attempts if not one.error), None)
        about = self._about(event, answered)
        if answered is None:
            last = max(event.attempts, key=lambda one: one.ended_ns)
            began = min(one.started_ns for one in event.attempts)
            self._duration.record((last.ended_ns - began) / 1e9, {**about, names.ERROR: last.error})
            return
        self._count(event, answered, about)

    def close(self) -> None:
        """Send what there is."""
        self._provider.shutdown(_CLOSING_MS)

    def _count(self, event: RequestFinished, answered: Attempt, about: Mapping[str, Any]) -> None:
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

    def _about(self, event: RequestFinished, answered: Attempt | None) -> dict[str, Any]:
        target = answered.target if answered is not None else event.attempts[-1].target
        place = self._atlas.place(event.upstream)
        about = {
            names.OPERATION: names.OPERATIONS.get(event.surface, event.surface),
            names.PROVIDER: place.provider,
            names.REQUEST_MODEL: self._atlas.model(target),
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

"""Sending spans by OTLP, with OpenTelemetry's own exporters. They are imported when a sender is made."""

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from homeport.config.telemetry import ExportSettings, TelemetrySettings
from homeport.core.errors import ConfigError
from homeport.telemetry.semconv import Naming
from homeport.telemetry.spans import Span

Send = Callable[[Sequence[Span]], bool]
"""Sends spans, or says that they are lost; it takes no longer than its time limit."""

_OWN_LOGGERS = ("opentelemetry.exporter", "opentelemetry.sdk")
SCOPE = "homeport"


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Which program sends.

    Attributes:
        instance: an id of its own: without it the figures of two would be taken for those of one.
    """

    version: str
    instance: str


class OtlpSender:
    """Sends spans to one collector.

    Raises:
        ConfigError: telemetry_missing, where OpenTelemetry's packages are not installed.
    """

    def __init__(self, settings: TelemetrySettings, sent_by: Sender) -> None:
        sdk = load("opentelemetry.sdk.trace")
        self._trace = load("opentelemetry.trace")
        self._span: Any = sdk.ReadableSpan
        self._event: Any = sdk.Event
        self._naming = Naming(settings.latest_names)
        self._exporter = exporter("trace", "OTLPSpanExporter", settings)
        self._resource = resource_of(settings, sent_by)
        self._scope = load("opentelemetry.sdk.util.instrumentation").InstrumentationScope(SCOPE, sent_by.version)
        self._done: Any = load("opentelemetry.sdk.trace.export").SpanExportResult.SUCCESS
        hush()

    def send(self, spans: Sequence[Span]) -> bool:
        """See `Send`."""
        try:
            return bool(self._exporter.export([self._readable(span) for span in spans]) is self._done)
        except Exception:  # whatever an exporter raises, requests are answered all the same
            logging.getLogger(__name__).exception("spans could not be sent")
            return False

    def close(self) -> None:
        """End what waits for the collector."""
        self._exporter.shutdown()

    def _readable(self, span: Span) -> Any:
        """A span as the SDK has them."""
        trace, trace_id = self._trace, int(span.trace_id, 16)
        state = trace.TraceState.from_header([span.state]) if span.state else None
        parent = None
        if span.parent_id:
            parent = trace.SpanContext(trace_id, int(span.parent_id, 16), True, trace.TraceFlags(1), state)
        code = trace.StatusCode.ERROR if span.error else trace.StatusCode.UNSET
        return self._span(
            name=span.name,
            context=trace.SpanContext(trace_id, int(span.span_id, 16), False, trace.TraceFlags(1), state),
            parent=parent,
            resource=self._resource,
            attributes=self._named(span.attributes),
            events=[self._event(one.name, self._named(one.attributes), one.at) for one in span.events],
            kind=trace.SpanKind[span.kind.name],
            instrumentation_scope=self._scope,
            status=trace.Status(code, span.error or None),
            start_time=span.started_at,
            end_time=span.ended_at,
        )

    def _named(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {self._naming.of(name): value for name, value in attributes.items()}


def resource_of(settings: TelemetrySettings, sent_by: Sender) -> Any:
    """Who sends: what the configuration says, and nothing of this machine or its environment."""
    named = {"service.name": settings.service_name, "service.version": sent_by.version}
    about = {"service.instance.id": sent_by.instance, **settings.resource, **named}
    return load("opentelemetry.sdk.resources").Resource(about)


def hush() -> None:
    """Their loggers quote addresses and answers for each export that fails; the figures tell how many did."""
    for name in _OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def exporter(signal: str, name: str, settings: TelemetrySettings, **more: Any) -> Any:
    """OpenTelemetry's exporter of a signal, `trace`, `metric` or `_log`, by its name there. Raises ConfigError."""
    export = settings.export
    more["compression"] = _compression(export)
    headers = {header: value.get_secret_value() for header, value in export.headers.items()}
    if export.protocol == "grpc":
        module = load(f"opentelemetry.exporter.otlp.proto.grpc.{signal}_exporter")
        more |= {"endpoint": export.address, "insecure": export.address.startswith("http://")}
        return getattr(module, name)(headers=tuple(headers.items()), timeout=export.timeout_seconds, **more)
    module = load(f"opentelemetry.exporter.otlp.proto.http.{signal}_exporter")
    path = {"trace": "v1/traces", "metric": "v1/metrics", "_log": "v1/logs"}[signal]
    more |= {"endpoint": f"{export.address}/{path}"}
    return getattr(module, name)(headers=headers, timeout=export.timeout_seconds, **more)


def _compression(export: ExportSettings) -> Any:
    """In the words of the exporter."""
    if export.protocol == "grpc":
        words = load("grpc").Compression
        return words.Gzip if export.compression == "gzip" else words.NoCompression
    words = load("opentelemetry.exporter.otlp.proto.http").Compression
    return words.Gzip if export.compression == "gzip" else words.NoCompression


def load(name: str) -> Any:
    """One of OpenTelemetry's modules. Raises ConfigError: telemetry_missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            "telemetry is switched on, and OpenTelemetry's packages are not installed",
            code="telemetry_missing",
            hint="pip install 'homeport[otlp]', or switch telemetry off",
        ) from error

"""What was said of outputs, as events of the calls that gave them, by OTLP.

The conventions for GenAI have one event for it, `gen_ai.evaluation.result`: a log record whose ids are those of the
span of the operation that is evaluated. A collector that takes no logs refuses it.

Source: https://github.com/open-telemetry/semantic-conventions-genai, model/gen-ai/events.yaml.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from homeport.config.telemetry import TelemetrySettings
from homeport.telemetry import semconv as names
from homeport.telemetry.otlp import SCOPE, Sender, exporter, hush, load, resource_of
from homeport.telemetry.spans import Value

logger = logging.getLogger(__name__)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric, judge or person says of one answer.

    Attributes:
        at: nanoseconds since the epoch.
        trace_id, span_id: of the call that gave the answer; 32 and 16 hexadecimal digits.
        source: `metric`, `judge` or `human`.
        value: None where nothing was said.
        error: why, as a stable code.
        explanation: content; "" where nobody opted in.
    """

    at: int
    trace_id: str
    span_id: str
    request_id: str
    source: str
    name: str
    version: str = ""
    value: float | None = None
    label: str = ""
    error: str = ""
    explanation: str = ""


SendEvents = Callable[[Sequence[Evaluation]], bool]
"""Sends events, or says that they did not arrive; it takes no longer than its time limit."""


def attributes_of(one: Evaluation) -> dict[str, Value]:
    """The attributes of its event: those that say something."""
    told: Mapping[str, Value | None] = {
        names.EVALUATION_NAME: one.name,
        names.EVALUATION_VALUE: one.value,
        names.EVALUATION_LABEL: one.label,
        names.EVALUATION_EXPLANATION: one.explanation,
        names.ERROR: one.error,
        names.EVALUATION_SOURCE: one.source,
        names.EVALUATION_VERSION: one.version,
        names.REQUEST_ID: one.request_id,
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


class OtlpEvents:
    """Sends them to one collector.

    Raises:
        ConfigError: telemetry_missing, where OpenTelemetry's packages are not installed.
    """

    def __init__(self, settings: TelemetrySettings, sent_by: Sender) -> None:
        self._trace = load("opentelemetry.trace")
        self._record: Any = load("opentelemetry._logs").LogRecord
        self._readable: Any = load("opentelemetry.sdk._logs").ReadableLogRecord
        self._exporter = exporter("_log", "OTLPLogExporter", settings)
        self._resource = resource_of(settings, sent_by)
        self._scope = load("opentelemetry.sdk.util.instrumentation").InstrumentationScope(SCOPE, sent_by.version)
        self._done: Any = load("opentelemetry.sdk._logs.export").LogRecordExportResult.SUCCESS
        hush()

    def send(self, found: Sequence[Evaluation]) -> bool:
        """See `SendEvents`."""
        try:
            return bool(self._exporter.export([self._event(one) for one in found]) is self._done)
        except Exception:  # whatever an exporter raises, it is tried again later
            logger.exception("evaluations could not be sent")
            return False

    def close(self) -> None:
        """End what waits for the collector."""
        self._exporter.shutdown()

    def _event(self, one: Evaluation) -> Any:
        """A log record as the SDK has them, in the span of the call."""
        trace = self._trace
        span = trace.SpanContext(int(one.trace_id, 16), int(one.span_id, 16), True, trace.TraceFlags(1))
        record = self._record(
            timestamp=one.at,
            observed_timestamp=one.at,
            context=trace.set_span_in_context(trace.NonRecordingSpan(span)),
            attributes=attributes_of(one),
            event_name=names.EVALUATION_EVENT,
        )
        return self._readable(record, self._resource, self._scope)

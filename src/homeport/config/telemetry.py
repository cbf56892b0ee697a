"""The section `telemetry`: where spans and figures of requests are sent by OTLP.

What the file leaves out is taken from OpenTelemetry's own variables, where they are set: `from_variables`. None of
them switches anything on.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field, SecretStr, model_validator

from homeport.config.fields import Finite, Seconds, Text, Url, Whole, sends_in_clear
from homeport.config.section import Section
from homeport.core.errors import ConfigError

Protocol = Literal["http", "grpc"]
Compression = Literal["none", "gzip"]
EventMetrics = Literal["none", "failed", "all"]
Share = Annotated[Finite, Field(ge=0, le=1)]

_ADDRESSES = {"http": "http://127.0.0.1:4318", "grpc": "http://127.0.0.1:4317"}
_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}
_COMPRESSIONS = ("none", "gzip")
_SAMPLERS: Mapping[str, tuple[bool, float | None]] = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}
"""OpenTelemetry's names: whether the caller is followed, and the share; None for that of OTEL_TRACES_SAMPLER_ARG."""
_LATEST = "gen_ai_latest_experimental"
_MOST_HEADERS = 32


def _check_headers(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, value in headers.items():
        said = value.get_secret_value()
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError("holds a name that is no name of an HTTP header")
        if not (said.isascii() and said.isprintable()):
            raise ValueError("holds a value that cannot travel in an HTTP header")
    return {name.lower(): value for name, value in headers.items()}


Headers = Annotated[Mapping[str, SecretStr], Field(max_length=_MOST_HEADERS), AfterValidator(_check_headers)]


class ExportSettings(Section):
    """Where it is sent."""

    endpoint: Url | None = Field(
        default=None,
        description="Base URL of a collector, without /v1/traces. Left out: this machine, port 4318, or 4317 for gRPC.",
    )
    protocol: Protocol = Field(default="http", description="`http` (protobuf over HTTP) or `grpc`.")
    compression: Compression = Field(
        default="none", description="`gzip` takes less of the network, and more of the processor."
    )
    headers: Headers = Field(
        default_factory=dict,
        repr=False,
        description="Headers of each export, such as `authorization`; best written `${NAME}`.",
    )
    timeout_seconds: Seconds = Field(default=10.0, description="For one export; what comes meanwhile waits.")

    @model_validator(mode="after")
    def _keep_headers_private(self) -> "ExportSettings":
        if self.headers and sends_in_clear(self.address):
            raise ValueError("its headers would cross the network unencrypted: use an https:// endpoint")
        return self

    @property
    def address(self) -> str:
        """Where it is sent."""
        return self.endpoint or _ADDRESSES[self.protocol]


class TraceSettings(Section):
    """Spans of requests. Off by default."""

    enabled: bool = Field(default=False, description="Whether any are sent.")
    sample_ratio: Share = Field(default=1.0, description="Share of the requests whose spans are sent, from 0 to 1.")
    follow_caller: bool = Field(
        default=True, description="Where a caller's `traceparent` says whether its trace is sampled, that is followed."
    )
    tell_remote: bool = Field(
        default=False,
        description="Remote APIs are sent `traceparent` too, so they can tell which requests belong together. "
        "Own engines always are.",
    )
    content: bool = Field(
        default=False,
        description="Spans hold prompts and answers, as far as the section `capture` keeps them, with placeholders "
        "for whatever a recognizer finds. Never those of private requests.",
    )
    evaluations: bool = Field(
        default=True,
        description="What judges and people say of answers is sent too, as events `gen_ai.evaluation.result` of their "
        "traces (`/v1/logs`).",
    )
    evaluation_metrics: EventMetrics = Field(
        default="failed", description="Of automatic metrics: `none`, those that `failed`, or `all`."
    )
    max_waiting: Whole = Field(
        default=8_192, ge=1, le=1_000_000, description="Requests whose spans wait to be sent; more are dropped."
    )


class OtlpMetricSettings(Section):
    """Figures of requests by OTLP, beside the page for Prometheus. Off by default."""

    enabled: bool = Field(default=False, description="Whether any are sent.")
    every_seconds: Seconds = Field(default=60.0, description="How often.")


class TelemetrySettings(Section):
    """What is sent to a collector of OpenTelemetry."""

    export: ExportSettings = Field(default_factory=ExportSettings, description="Where it is sent.")
    traces: TraceSettings = Field(default_factory=TraceSettings, description="Spans of requests.")
    metrics: OtlpMetricSettings = Field(default_factory=OtlpMetricSettings, description="Figures of requests.")
    service_name: Text = Field(default="homeport", description="`service.name` of all of it.")
    resource: Mapping[str, str] = Field(
        default_factory=dict, max_length=64, description="More attributes of the resource."
    )
    latest_names: bool = Field(
        default=False,
        description="The newest names of the GenAI conventions. Left out: those of version 1.41, unless "
        "OTEL_SEMCONV_STABILITY_OPT_IN holds `gen_ai_latest_experimental`.",
    )

    @property
    def is_on(self) -> bool:
        """Whether anything is sent."""
        return self.traces.enabled or self.metrics.enabled


def from_variables(settings: TelemetrySettings, variables: Mapping[str, str]) -> TelemetrySettings:
    """The section with what it leaves out as OpenTelemetry's variables say.

    Source: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter Configuration".

    Raises:
        ConfigError: config_invalid, for a variable that is not right.
    """
    if not settings.is_on:
        return settings
    said = {name: value.strip() for name, value in variables.items() if name.startswith("OTEL_") and value.strip()}
    told: dict[str, Any] = {
        "export": _filled(settings.export, _export(said)),
        "traces": _filled(settings.traces, _sampling(said)),
        **_left_out(settings, _resource(said)),
    }
    if said.get("OTEL_SDK_DISABLED", "").lower() == "true":
        told["traces"] = told["traces"].model_copy(update={"enabled": False})
        told["metrics"] = settings.metrics.model_copy(update={"enabled": False})
    return settings.model_copy(update=told)


def _filled(section: Any, said: Mapping[str, Any]) -> Any:
    """A section with what it leaves out; checked as if the file had said it."""
    fields = _left_out(section, said)
    if not fields:
        return section
    kept = {name: getattr(section, name) for name in section.model_fields_set}
    try:
        return type(section)(**kept, **fields)
    except ValueError as error:
        raise _wrong(f"the OTEL_ variables for {', '.join(sorted(fields))}") from error


def _left_out(section: Section, said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in section.model_fields_set}


def _export(said: Mapping[str, str]) -> dict[str, Any]:
    readers: Mapping[str, Callable[[str], Any]] = {
        "endpoint": str,
        "protocol": _protocol,
        "compression": _compression,
        "headers": lambda text: {name.lower(): SecretStr(value) for name, value in _pairs(text).items()},
        "timeout_seconds": _seconds,
    }
    variables = {"timeout_seconds": "TIMEOUT"}
    found = {name: said.get(f"OTEL_EXPORTER_OTLP_{variables.get(name, name.upper())}") for name in readers}
    return {name: readers[name](text) for name, text in found.items() if text is not None}


def _sampling(said: Mapping[str, str]) -> dict[str, Any]:
    name = said.get("OTEL_TRACES_SAMPLER")
    if name is None:
        return {}
    if name not in _SAMPLERS:
        raise _wrong("OTEL_TRACES_SAMPLER")
    follows, ratio = _SAMPLERS[name]
    if ratio is None:
        ratio = _number("OTEL_TRACES_SAMPLER_ARG", said.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    return {"follow_caller": follows, "sample_ratio": ratio}


def _resource(said: Mapping[str, str]) -> dict[str, Any]:
    attributes = _pairs(said.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    of_resource = attributes.pop("service.name", "")
    name = said.get("OTEL_SERVICE_NAME") or of_resource
    found: dict[str, Any] = {"service_name": name} if name else {}
    if attributes:
        found["resource"] = attributes
    if _LATEST in (word.strip() for word in said.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")):
        found["latest_names"] = True
    return found


def _pairs(text: str) -> dict[str, str]:
    """`name=value,name=value`, each percent-encoded."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}


def _protocol(text: str) -> str:
    if text not in _PROTOCOLS:
        raise _wrong("OTEL_EXPORTER_OTLP_PROTOCOL")
    return _PROTOCOLS[text]


def _compression(text: str) -> str:
    if text not in _COMPRESSIONS:
        raise _wrong("OTEL_EXPORTER_OTLP_COMPRESSION")
    return text


def _seconds(text: str) -> float:
    """OpenTelemetry's variables are in milliseconds."""
    return _number("OTEL_EXPORTER_OTLP_TIMEOUT", text) / 1_000


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _wrong(name) from None


def _wrong(name: str) -> ConfigError:
    return ConfigError(
        f"the environment says something of telemetry that cannot be: {name}",
        code="environment_invalid",
        hint="change or unset the variable, or write the value into the section telemetry of homeport.yaml",
    )

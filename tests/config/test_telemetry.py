"""The section `telemetry`, and what OpenTelemetry's own variables add to it."""

from typing import Any

import pytest
from pydantic import ValidationError

from homeport.config.telemetry import ExportSettings, TelemetrySettings, from_variables
from homeport.core.errors import ConfigError

ON = {"traces": {"enabled": True}}
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def section(**fields: Any) -> TelemetrySettings:
    return TelemetrySettings.model_validate(fields)


def filled(variables: dict[str, str], **fields: Any) -> TelemetrySettings:
    return from_variables(section(**(fields or ON)), variables)


def test_it_is_off_and_no_variable_switches_it_on() -> None:
    off = section()
    assert not off.is_on
    assert from_variables(off, {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_SAMPLER": "nonsense"}) is off


@pytest.mark.parametrize(
    ("protocol", "address"), [("http", "http://127.0.0.1:4318"), ("grpc", "http://127.0.0.1:4317")]
)
def test_a_collector_on_this_machine_needs_no_address(protocol: str, address: str) -> None:
    assert ExportSettings.model_validate({"protocol": protocol}).address == address


def test_the_variables_fill_what_is_left_out() -> None:
    told = filled(
        {
            ENDPOINT: "https://collector.example:4317/",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20hp-secret,x-team=a",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_SERVICE_NAME": "gate",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment.name=prod",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental",
        }
    )
    export, traces = told.export, told.traces
    assert (export.address, export.protocol, export.timeout_seconds) == ("https://collector.example:4317", "grpc", 2.5)
    assert export.compression == "gzip"
    headers = {name: value.get_secret_value() for name, value in export.headers.items()}
    assert headers == {"authorization": "Bearer hp-secret", "x-team": "a"}
    assert (traces.enabled, traces.sample_ratio, traces.follow_caller) == (True, 0.25, True)
    assert (told.service_name, told.resource) == ("gate", {"deployment.environment.name": "prod"})
    assert told.latest_names
    assert "hp-secret" not in repr(told)


def test_the_file_wins() -> None:
    told = filled(
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_SERVICE_NAME": "other", "OTEL_TRACES_SAMPLER": "always_off"},
        export={"endpoint": "http://127.0.0.1:2"},
        traces={"enabled": True, "sample_ratio": 0.5},
        service_name="mine",
    )
    assert (told.export.address, told.service_name) == ("http://127.0.0.1:2", "mine")
    assert (told.traces.sample_ratio, told.traces.follow_caller) == (0.5, False)


def test_all_of_it_can_be_switched_off() -> None:
    assert not filled({"OTEL_SDK_DISABLED": "true"}, **ON, metrics={"enabled": True}).is_on
    assert filled({"OTEL_SDK_DISABLED": "no"}).is_on


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (ENDPOINT, "collector"),
        (ENDPOINT, "https://user:password@collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x%0d%0aset-cookie"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
    ],
)
def test_a_variable_that_cannot_be_is_named_and_not_quoted(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        filled({name: said})
    assert caught.value.code == "environment_invalid"
    assert said not in caught.value.message


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError):
        filled({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"})


@pytest.mark.parametrize(
    "export",
    [
        {"endpoint": "http://collector.example", "headers": {"authorization": "hp-secret"}},
        {"endpoint": "ftp://collector.example"},
        {"headers": {"a:b": "1"}},
        {"headers": {"a": "1\r\nx: 2"}},
        {"protocol": "http/json"},
        {"timeout_seconds": 0},
    ],
)
def test_what_cannot_be_sent_safely_is_refused(export: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        section(export=export, **ON)
    assert "hp-secret" not in str(caught.value)

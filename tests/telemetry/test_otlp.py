"""Spans and figures over the wire, read by OpenTelemetry's own schema."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pydantic import SecretStr

from homeport.config.telemetry import ExportSettings, TelemetrySettings
from homeport.core.errors import ConfigError, UpstreamRefused
from homeport.core.types import Attempt, Outcome
from homeport.pipeline.trail import TracePolicy
from homeport.telemetry import semconv as names
from homeport.telemetry.meters import OtlpMeters
from homeport.telemetry.otlp import OtlpSender, Sender
from homeport.telemetry.spans import Span, spans_of
from tests.fakes.cascading import sure
from tests.fakes.collector import GrpcCollector, HttpCollector, attributes
from tests.fakes.house import CHAT, MID, STREAM, House
from tests.fakes.upstream import spoken
from tests.telemetry.test_spans import REPEATING, Map

SENT_BY = Sender(version="9.9", instance="home_1")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settings(url: str, protocol: str = "http", **more: Any) -> TelemetrySettings:
    told = {"endpoint": url, "protocol": protocol, "headers": {"X-Key": SecretStr("hp-secret")}, "timeout_seconds": 2}
    export = ExportSettings.model_validate(told)
    return TelemetrySettings(export=export, resource={"deployment.environment.name": "test"}, **more)


@pytest.fixture(params=["http", "grpc"])
def collector(request: pytest.FixtureRequest) -> Iterator[Any]:
    with HttpCollector() if request.param == "http" else GrpcCollector() as running:
        yield running


async def asked(body: dict[str, Any] = CHAT, **more: Any) -> House:
    house = House(MID, traces=TracePolicy())
    house.upstreams["mid"].script(spoken("Clause", " 9.") if body is STREAM else sure())
    house.upstreams["mid"].working = lambda: house.clock.advance(20_000_000)
    await house.ask(body, headers=[("traceparent", PARENT), ("tracestate", "vendor=1")])
    return house


async def spans() -> list[Span]:
    return spans_of((await asked()).event, Map())


async def test_they_arrive_as_they_are(collector: Any) -> None:
    protocol = "http" if isinstance(collector, HttpCollector) else "grpc"
    sender = OtlpSender(settings(collector.url, protocol), SENT_BY)
    try:
        sent = await spans()
        assert sender.send(sent)
    finally:
        sender.close()
    assert collector.headers[0]["x-key"] == "hp-secret"
    assert collector.resource == {
        "service.name": "homeport",
        "service.version": "9.9",
        "service.instance.id": "home_1",
        "deployment.environment.name": "test",
    }
    request, call = collector.spans
    assert request.trace_id.hex() == call.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert call.parent_span_id == request.span_id
    assert (request.trace_state, request.kind, call.kind) == ("vendor=1", 2, 3)
    assert [event.name for event in request.events] == [names.ROUTE_EVENT]
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (sent[1].started_at, sent[1].ended_at)
    for came, span in zip((request, call), sent, strict=True):
        assert attributes(came.attributes) == dict(span.attributes)


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_they_are_packed_where_that_is_wanted(collector: Any, compression: str) -> None:
    protocol = "http" if isinstance(collector, HttpCollector) else "grpc"
    told = settings(collector.url, protocol)
    packed = told.export.model_copy(update={"compression": compression})
    sender = OtlpSender(told.model_copy(update={"export": packed}), SENT_BY)
    assert sender.send(await spans())
    sender.close()
    assert len(collector.spans) == 2
    if protocol == "http":
        assert collector.headers[0].get("content-encoding", "none") == compression


async def test_newer_names_are_sent_where_they_are_wanted() -> None:
    with HttpCollector() as collector:
        sender = OtlpSender(settings(collector.url, latest_names=True), SENT_BY)
        span = (await spans())[1]
        told = {**span.attributes, names.CACHE_WRITE_TOKENS: 7}
        sender.send([Span(**{name: getattr(span, name) for name in span.__struct_fields__} | {"attributes": told})])
        sender.close()
        found = attributes(collector.spans[0].attributes)
    assert found["gen_ai.usage.cache_write.input_tokens"] == 7
    assert names.CACHE_WRITE_TOKENS not in found


async def test_a_collector_that_refuses_or_is_gone_costs_the_spans(caplog: pytest.LogCaptureFixture) -> None:
    with HttpCollector() as collector:
        sender = OtlpSender(settings(collector.url), SENT_BY)
        collector.status = 400
        assert not sender.send(await spans())
    assert not sender.send(await spans())
    sender.close()
    assert "hp-secret" not in caplog.text


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ConfigError) as caught:
        OtlpSender(settings("http://127.0.0.1:1"), SENT_BY)
    assert (caught.value.code, "homeport[otlp]" in caught.value.hint) == ("telemetry_missing", True)


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


@pytest.mark.parametrize("latest", [False, True])
async def test_figures_of_a_stream_have_the_names_of_the_conventions(latest: bool) -> None:
    reader = InMemoryMetricReader()
    meters = OtlpMeters(settings("http://127.0.0.1:1", latest_names=latest), SENT_BY, Map(), reader)
    meters.observe((await asked(STREAM)).event)
    found = points(reader)
    meters.close()
    [duration] = found["gen_ai.client.inference.duration" if latest else "gen_ai.client.operation.duration"]
    assert duration.sum == pytest.approx(0.02)
    assert duration.explicit_bounds == names.SECONDS
    assert dict(duration.attributes) == {
        names.OPERATION: "chat",
        names.PROVIDER: "openai",
        names.REQUEST_MODEL: "mid-1",
        names.SERVER_ADDRESS: "at-mid.example",
        names.SERVER_PORT: 443,
    }
    tokens = {
        str(point.attributes.get(names.TOKEN_TYPE, name)): point.sum
        for name, listed in found.items()
        for point in listed
        if "token" in name
    }
    prefix = "gen_ai.client.inference.operation."
    assert tokens == (
        {f"{prefix}input_tokens": 1000, f"{prefix}output_tokens": 100} if latest else {"input": 1000, "output": 100}
    )
    assert any(name.endswith("time_to_first_chunk") for name in found)
    assert any(name.endswith("time_per_output_chunk") for name in found)


async def test_each_call_counts_by_itself_and_so_does_each_failure() -> None:
    """As its spans do: a retry that saves the request hides no failure of the upstream's."""
    house = House(MID, traces=TracePolicy(), resilience=REPEATING)
    house.upstreams["mid"].script(UpstreamRefused("no", status=503, retryable=True), sure())
    await house.ask()
    untraced = tuple(msgspec.structs.replace(one, span_id="", upstream="") for one in house.event.attempts)
    skipped = Attempt(target="mid", error="circuit_open", started_ns=1, ended_ns=1)
    failed = msgspec.structs.replace(
        house.event, outcome=Outcome.FAILED, target="", upstream="", attempts=(skipped, untraced[0])
    )
    reader = InMemoryMetricReader()
    meters = OtlpMeters(settings("http://127.0.0.1:1"), SENT_BY, Map(), reader)
    meters.observe(house.event)
    meters.observe(failed)
    found = {point.attributes.get(names.ERROR, ""): point for point in points(reader)[names.DURATION]}
    meters.close()
    assert {error: point.count for error, point in found.items()} == {"": 1, house.event.attempts[0].error: 2}
    assert {point.attributes[names.PROVIDER] for point in found.values()} == {"openai"}
    assert {point.attributes[names.SERVER_ADDRESS] for point in found.values()} == {"at-mid.example"}


async def test_figures_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpCollector() as collector:
        meters = OtlpMeters(settings(collector.url), SENT_BY, Map())
        meters.observe((await asked()).event)
        meters.close()
        sent = {
            metric.name
            for request in collector.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }
    assert sent == {names.DURATION, names.TOKEN_USAGE}

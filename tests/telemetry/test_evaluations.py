"""What was said of outputs, over the wire, read by OpenTelemetry's own schema."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from homeport.core.errors import ConfigError
from homeport.telemetry import semconv as names
from homeport.telemetry.evaluations import Evaluation, OtlpEvents
from tests.fakes.collector import GrpcCollector, HttpCollector, attributes
from tests.telemetry.test_otlp import SENT_BY, settings

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
JUDGED = Evaluation(
    at=1_700_000_000_000_000_007,
    trace_id=TRACE,
    span_id=SPAN,
    request_id="req_1",
    source="judge",
    name="judge",
    version="quality@1",
    value=0.75,
    label="4",
)


@pytest.fixture(params=["http", "grpc"])
def collector(request: pytest.FixtureRequest) -> Iterator[Any]:
    with HttpCollector() if request.param == "http" else GrpcCollector() as running:
        yield running


def test_an_event_is_in_the_span_of_the_call_under_the_names_of_the_conventions(collector: Any) -> None:
    protocol = "http" if isinstance(collector, HttpCollector) else "grpc"
    sender = OtlpEvents(settings(collector.url, protocol), SENT_BY)
    assert sender.send([JUDGED])
    sender.close()
    [event] = collector.events
    assert event.event_name == "gen_ai.evaluation.result"
    assert (event.trace_id.hex(), event.span_id.hex(), event.flags) == (TRACE, SPAN, 1)
    assert event.time_unix_nano == JUDGED.at
    assert attributes(event.attributes) == {
        "gen_ai.evaluation.name": "judge",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "4",
        "homeport.evaluation.source": "judge",
        "homeport.evaluation.version": "quality@1",
        "homeport.request.id": "req_1",
    }
    about = attributes(collector.logs[0].resource_logs[0].resource.attributes)
    assert (about["service.name"], about["service.instance.id"]) == ("homeport", "home_1")
    assert collector.headers[0]["x-key"] == "hp-secret"


def test_a_value_of_0_is_one_and_what_is_not_said_is_not_there() -> None:
    with HttpCollector() as collector:
        sender = OtlpEvents(settings(collector.url), SENT_BY)
        none = msgspec.structs.replace(JUDGED, value=None, label="", error="no_grade")
        noted = msgspec.structs.replace(JUDGED, value=0.0, explanation="It is \u202e wrong.")
        broken = msgspec.structs.replace(noted, explanation="\ud800")
        assert sender.send([none, noted, broken])
        sender.close()
    without, told, wordless = (attributes(one.attributes) for one in collector.events)
    assert (names.EVALUATION_VALUE in without, without[names.ERROR]) == (False, "no_grade")
    assert (told[names.EVALUATION_VALUE], told[names.EVALUATION_EXPLANATION]) == (0.0, "It is \u202e wrong.")
    assert (wordless[names.EVALUATION_VALUE], names.EVALUATION_EXPLANATION in wordless) == (0.0, False)


def test_a_collector_that_takes_no_logs_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with HttpCollector() as collector:
        sender = OtlpEvents(settings(collector.url), SENT_BY)
        collector.status = 404
        assert not sender.send([JUDGED])
    assert not sender.send([JUDGED])
    sender.close()
    assert "hp-secret" not in caplog.text


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ConfigError) as caught:
        OtlpEvents(settings("http://127.0.0.1:1"), SENT_BY)
    assert caught.value.code == "telemetry_missing"

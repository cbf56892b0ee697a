"""On the way to a collector: in batches, bounded, counted, and never in anybody's way."""

import threading
import time
from collections.abc import Callable, Sequence

import msgspec
import pytest

from homeport.core.events import RequestFinished
from homeport.core.tracing import Traced
from homeport.telemetry.spans import Span, spans_of
from homeport.telemetry.traces import BATCH, TraceExport
from tests.storage.events import finished
from tests.telemetry.test_spans import Map

TRACED = Traced(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7")


def event(number: int = 1) -> RequestFinished:
    return msgspec.structs.replace(finished(f"req_{number}"), traced=TRACED)


class Collector:
    """Takes spans; while it is held, it takes none."""

    def __init__(self, *, well: bool = True) -> None:
        self.well = well
        self.batches: list[Sequence[Span]] = []
        self.let_go = threading.Event()
        self.let_go.set()

    def send(self, spans: Sequence[Span]) -> bool:
        self.let_go.wait(20)
        self.batches.append(spans)
        return self.well


def making(event: RequestFinished) -> list[Span]:
    return spans_of(event, Map())


def exporting(collector: Collector, *, most: int = 10_000, **more: float) -> TraceExport:
    return TraceExport(making, collector.send, most=most, every_s=0.01, **more)


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def counts(export: TraceExport) -> tuple[int, int, int, int]:
    figures = export.figures()
    return figures.sent, figures.dropped, figures.failed, figures.waiting


def test_they_go_in_batches() -> None:
    collector = Collector()
    export = exporting(collector)
    for number in range(BATCH + 3):
        export.observe(event(number))
    export.start()
    wait_for(lambda: export.figures().sent == BATCH + 3)
    export.close()
    assert [len(batch) for batch in collector.batches] == [BATCH, 3]
    assert counts(export) == (BATCH + 3, 0, 0, 0)


def test_what_is_not_traced_is_passed_over() -> None:
    export = exporting(Collector())
    export.observe(finished("req_1"))
    assert counts(export) == (0, 0, 0, 0)


def test_a_slow_collector_costs_spans_and_no_time() -> None:
    collector = Collector()
    collector.let_go.clear()
    export = exporting(collector, most=BATCH)
    export.start()
    export.observe(event(0))
    wait_for(lambda: export.figures().waiting == 0)
    began = time.monotonic()
    for number in range(3 * BATCH):
        export.observe(event(number))
    assert time.monotonic() - began < 1.0
    assert counts(export)[1:] == (2 * BATCH, 0, BATCH)
    collector.let_go.set()
    export.close()
    assert counts(export) == (BATCH + 1, 2 * BATCH, 0, 0)


def test_a_collector_that_is_gone_costs_spans_too() -> None:
    export = exporting(Collector(well=False))
    export.start()
    export.observe(event())
    export.close()
    assert counts(export) == (0, 0, 1, 0)


def test_the_end_sends_what_waits_and_takes_seconds_at_most() -> None:
    collector = Collector()
    export = exporting(collector, settle_s=60.0)
    export.start()
    export.observe(event())
    time.sleep(0.05)
    assert counts(export) == (0, 0, 0, 1)
    export.close()
    assert counts(export) == (1, 0, 0, 0)
    held = Collector()
    held.let_go.clear()
    stuck = exporting(held)
    stuck.start()
    stuck.observe(event())
    wait_for(lambda: stuck.figures().waiting == 0)
    stuck.observe(event(2))
    began = time.monotonic()
    stuck.close(0.2)
    assert time.monotonic() - began < 2.0
    assert stuck.figures().dropped == 1
    held.let_go.set()


def test_a_request_that_cannot_be_told_costs_its_own_spans_alone(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector()

    def make(event: RequestFinished) -> list[Span]:
        if event.request_id == "req_1":
            raise ValueError("a prompt")
        return making(event)

    export = TraceExport(make, collector.send, most=10, every_s=0.01)
    export.observe(event(1))
    export.observe(event(2))
    export.start()
    export.close()
    assert [span.attributes["homeport.request.id"] for batch in collector.batches for span in batch] == ["req_2"]
    assert "req_1" in caplog.text

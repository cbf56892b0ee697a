"""What became of spans, on the page of a gateway."""

from homeport.telemetry.metrics import Metrics
from homeport.telemetry.traces import TraceFigures


def lines(metrics: Metrics) -> list[str]:
    page = metrics.page().decode().splitlines()
    return [line for line in page if line.startswith("homeport_traced")]


def test_what_the_jobs_worker_said() -> None:
    figures = TraceFigures(sent=7, dropped=2, failed=1, waiting=3, stale_at=1)
    assert lines(Metrics(traces=lambda: figures)) == [
        'homeport_traced_requests_total{result="sent"} 7.0',
        'homeport_traced_requests_total{result="dropped"} 2.0',
        'homeport_traced_requests_total{result="failed"} 1.0',
        "homeport_traced_requests_waiting 3.0",
    ]


def test_without_it_nothing_is_shown() -> None:
    assert lines(Metrics()) == []

"""Alerts of the last day and what became of them, on the metrics page."""

from homeport.storage.alert_figures import AlertFigures, Raised
from homeport.telemetry.bounds import MOST_ALERTS
from homeport.telemetry.metrics import Metrics
from tests.telemetry.test_catalogue import ALERTS


def lines(figures: AlertFigures | None) -> list[str]:
    page = Metrics(alerts=lambda: figures).page().decode().splitlines()
    return [line for line in page if line.startswith(("homeport_alert", "homeport_incident"))]


def test_what_the_jobs_worker_counted() -> None:
    assert lines(ALERTS) == [
        'homeport_alerts{kind="budget.exceeded",severity="critical"} 2.0',
        'homeport_alert_deliveries{state="failed",webhook="pager"} 1.0',
        'homeport_incidents{kind="model.changed",state="open"} 3.0',
    ]


def test_without_it_nothing_is_shown() -> None:
    assert lines(None) == []


def test_there_is_a_bound() -> None:
    many = tuple(Raised(kind=f"k{number}", severity="info", count=1) for number in range(MOST_ALERTS + 5))
    assert len(lines(AlertFigures(stale_at=1, raised=many))) == MOST_ALERTS

"""The worker counts until it is told to stop, whatever the database does."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from homeport.jobs import alert_figures
from homeport.storage.alert_figures import AlertFigures
from tests.fakes.clock import ManualClock

SECOND = 1_000_000_000


async def test_what_was_counted_is_published_until_it_is_stale() -> None:
    clock, stop = ManualClock(), asyncio.Event()
    published: list[AlertFigures] = []

    def publish(figures: AlertFigures) -> None:
        published.append(figures)
        stop.set()

    def count(now: int, stale_at: int) -> AlertFigures:
        assert now == clock.wall
        return AlertFigures(stale_at=stale_at)

    await alert_figures.watch(count, publish, clock, stop)
    assert published == [AlertFigures(stale_at=clock.wall + 60 * SECOND)]


async def test_a_failure_is_told_without_its_text_and_publishes_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_figures, "_EVERY_S", 0.0)
    stop = asyncio.Event()
    failures: list[Exception] = [OperationalError("SELECT secret", {}, Exception("secret")), OSError("secret")]
    published: list[AlertFigures] = []

    def count(now: int, stale_at: int) -> AlertFigures:
        if failures:
            raise failures.pop()
        return AlertFigures(stale_at=stale_at)

    def publish(figures: AlertFigures) -> None:
        published.append(figures)
        stop.set()

    await alert_figures.watch(count, publish, ManualClock(), stop)
    assert len(published) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "secret" not in caplog.text

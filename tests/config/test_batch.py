"""The section `batch`."""

import pytest
from pydantic import ValidationError

from homeport.config.batch import BatchSettings


def test_the_defaults() -> None:
    batch = BatchSettings()
    assert (batch.concurrency, batch.window, batch.time_zone, batch.pause_at) == (2, None, "UTC", None)
    assert (batch.max_lines, batch.max_file_bytes, batch.file_days) == (100_000, 200 << 20, 30)


@pytest.mark.parametrize("window", ["22:00-06:00", "00:00-23:59", "09:30-10:00"])
def test_windows(window: str) -> None:
    assert BatchSettings(window=window, time_zone="Europe/Rome").window == window


@pytest.mark.parametrize(
    "window",
    ["", "22-06", "22:00", "22:00-6:00", "24:00-06:00", "22:60-06:00", "22:00-22:00", "22:00 - 06:00", "٢٢:00-06:00"],
)
def test_windows_that_are_none(window: str) -> None:
    with pytest.raises(ValidationError):
        BatchSettings(window=window)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "x" * 65, "Europe", "a\x00b"])
def test_time_zones_that_are_none(zone: str) -> None:
    with pytest.raises(ValidationError):
        BatchSettings(time_zone=zone)


@pytest.mark.parametrize(
    "name", ["concurrency", "max_lines", "max_open", "max_file_bytes", "max_files", "max_total_bytes", "file_days"]
)
@pytest.mark.parametrize("value", [0, -1, True, 10**15])
def test_bounds_that_are_none(name: str, value: int) -> None:
    with pytest.raises(ValidationError):
        BatchSettings(**{name: value})  # type: ignore[arg-type] # that is the test

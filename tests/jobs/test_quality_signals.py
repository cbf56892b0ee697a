"""Rows of days become signals; a day without rows has no outputs."""

from homeport.jobs.quality_signals import signal_of
from homeport.storage.quality_days import DayOutputs, Group


def test_days_stand_in_their_places() -> None:
    first = DayOutputs(outputs=10.0, groups=(Group(1.0, 0.5, 3), Group(0.0, 0.25, 1)))
    found = signal_of("judge", [0, 1, 5], [{0: first}, {5: DayOutputs(outputs=4.0, groups=(Group(1.0, 1.0, 4),))}])
    assert [day.outputs for day in found.days] == [10.0, 0.0, 4.0]
    assert [day.looked_at for day in found.days] == [4.0, 0.0, 4.0]
    assert found.days[0].mean == (3 * 2) / (3 * 2 + 4), "each counts one over its probability"

"""Hours in which a project spends what its history does not explain, at a stated rate of false alarms.

The hour that runs is judged with what was spent in it so far. That can only grow, so an alarm before its end
is an alarm at its end too: looking every minute raises no more false alarms than looking once.
"""

from collections.abc import Mapping, Sequence

from homeport.core.alerts import SpendAnomaly
from homeport.core.money import Nano
from homeport.ledger.spending import DAY, HOUR
from homeport.stats.outliers import judge_last

WEEK = 7 * 24
HISTORY_HOURS = 6 * WEEK
FALSE_ALARMS = 1 / 1_000
"""A project whose spending is as it always was is alarmed in at most so many of its hours: once in six weeks."""

LEAST_TIMES = 3
"""An alarm is also at least so many times the usual: less is not worth waking anybody for."""

LEAST_SPENT = Nano(100_000_000)
"""Ten cents in an hour: below that nobody is told."""

_SATURDAY = 2
"""The epoch was a Thursday."""


def anomalies(spent: Mapping[str, Sequence[int]], until: int, now: int) -> list[SpendAnomaly]:
    """The projects whose last hour is out of the ordinary.

    Args:
        spent: nano-dollars of each hour of each project, oldest first; the last one is the one to judge.
        until: where that hour ends; nanoseconds since the epoch.
    """
    found = (_anomaly(project, hours[-HISTORY_HOURS - 1 :], until, now) for project, hours in sorted(spent.items()))
    return [anomaly for anomaly in found if anomaly is not None]


def _anomaly(project: str, hours: Sequence[int], until: int, now: int) -> SpendAnomaly | None:
    """None within a project's first week, which says nothing of weekdays."""
    known = _since_first(hours)
    if len(known) <= WEEK or known[-1] < LEAST_SPENT:
        return None
    first = until // HOUR - len(known)
    verdict = judge_last([float(hour) for hour in known], [_place(first + hour) for hour in range(len(known))])
    # With less history than the rate asks for, only an hour above all others is out of the ordinary.
    allowed = max(FALSE_ALARMS, 1 / len(known))
    if verdict.p_value > allowed or known[-1] < LEAST_TIMES * verdict.usual:
        return None
    hour = until - HOUR
    return SpendAnomaly(at=now, project=project, hour=hour, spent=Nano(known[-1]), expected=Nano(round(verdict.usual)))


def _since_first(hours: Sequence[int]) -> Sequence[int]:
    """Without what lies before the first spending. An hour that a correction took below 0 counts as 0."""
    start = next((place for place, hour in enumerate(hours) if hour), len(hours))
    return [max(0, hour) for hour in hours[start:]]


def _place(hour: int) -> int:
    """The hour of the day, working days and weekends apart. `hour` counts from the epoch."""
    weekend = (hour * HOUR // DAY - _SATURDAY) % 7 < 2
    return hour % 24 + 24 * weekend

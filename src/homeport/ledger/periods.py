"""How a stretch of time is read: whole days and hours from the sums, what is left from the rows."""

import msgspec

from homeport.storage.rollups import DAY, HOUR

END = (1 << 62) // DAY * DAY
"""Later than any request, and the end of a day: what an open end is taken for."""

Stretch = tuple[int, int]
"""From the first nanosecond to just before the second."""


class Periods(msgspec.Struct, frozen=True, kw_only=True):
    """Stretches that cover a time without gap or overlap; none of them is empty."""

    days: tuple[Stretch, ...] = ()
    hours: tuple[Stretch, ...] = ()
    rows: tuple[Stretch, ...] = ()


def split(since: int, until: int, *, by_hour: bool = False) -> Periods:
    """Cut the time from `since` to just before `until`, in nanoseconds since the epoch.

    Args:
        by_hour: read no days, because the answer is by hour.
    """
    outer, hours = _inner(since, until, HOUR)
    if by_hour or hours is None:
        return Periods(hours=_kept(hours), rows=outer)
    around, days = _inner(*hours, DAY)
    return Periods(days=_kept(days), hours=around, rows=outer)


def _inner(since: int, until: int, span: int) -> tuple[tuple[Stretch, ...], Stretch | None]:
    """The largest part that starts and ends on a whole span, and what is left on both sides of it."""
    first, last = -(-since // span) * span, until // span * span
    if first >= last:
        return _kept((since, until)), None
    return (*_kept((since, first)), *_kept((last, until))), (first, last)


def _kept(stretch: Stretch | None) -> tuple[Stretch, ...]:
    return (stretch,) if stretch is not None and stretch[0] < stretch[1] else ()

"""The times that figures are about: what a page's `window` says."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from homeport.core.errors import ConfigError, InvalidRequest
from homeport.ledger.months import Month
from homeport.storage.rollups import DAY, HOUR

LAST: Mapping[str, int] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
"""Spans back from now, by their name."""

THIS_MONTH = "month"
_BY_HOUR = 3 * DAY


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From a time to just before another, in nanoseconds since the epoch.

    Attributes:
        name: one of `LAST`, `month`, or a month such as `2026-11`.
        width: in what pieces it is told: `hour` or `day`.
    """

    name: str
    since_ns: int
    until_ns: int

    @property
    def width(self) -> str:
        return "hour" if self.until_ns - self.since_ns <= _BY_HOUR else "day"

    @property
    def told(self) -> str:
        """For a person."""
        if self.name in LAST:
            return f"the last {self.name}"
        return f"the month {datetime.fromtimestamp(self.since_ns // 1_000_000_000, UTC):%Y-%m} (UTC)"


def read_window(name: str, now: int) -> Window:
    """What a window's name means at a time. Raises InvalidRequest."""
    if name in LAST:
        return Window(name=name, since_ns=now - LAST[name], until_ns=now + 1)
    try:
        month = Month.at(now) if name == THIS_MONTH else Month.parse(name)
    except ConfigError as error:
        raise InvalidRequest(
            error.message, hint=f"use: {', '.join((*LAST, THIS_MONTH))}, 2026-11", param="window"
        ) from None
    return Window(name=name, since_ns=month.start_ns, until_ns=month.plus(1).start_ns)

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
TOLD: Mapping[str, str] = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}
"""The same for a person."""
_EARLIER = 3
"""So many months before this one are offered; any other can be written into the address."""
_BY_HOUR = 3 * DAY
_LATEST_S = 7_258_118_400
"""The year 2200, in seconds since the epoch."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From a time to just before another, in nanoseconds since the epoch.

    Attributes:
        name: one of `LAST`, `month`, or a month such as `2026-11`.
        until_ns: of what goes on until now the end of this hour. Nothing began later, and the sums of whole hours
            are there, while the requests of half an hour would be read one by one.
        width: in what pieces it is told: `hour` or `day`.
    """

    name: str
    since_ns: int
    until_ns: int

    @property
    def width(self) -> str:
        return "hour" if self.until_ns - self.since_ns <= _BY_HOUR else "day"

    @property
    def last_day_ns(self) -> int:
        """When its last day began, or itself where it is shorter."""
        span = LAST.get(self.name, self.until_ns - self.since_ns)
        return self.since_ns + max(0, span - DAY)

    @property
    def told(self) -> str:
        """For a person."""
        if self.name in LAST:
            return f"the {TOLD[self.name]}"
        return f"{datetime.fromtimestamp(self.since_ns // 1_000_000_000, UTC):%B %Y} (UTC)"


def hour_end(now: int) -> int:
    """The end of the hour that a time is in."""
    return (now // HOUR + 1) * HOUR


def choices(now: int, chosen: str) -> Mapping[str, str]:
    """The windows that a page offers at a time, by name, each as people say it; `chosen` is among them."""
    month = Month.at(now)
    earlier = [str(month.plus(-back)) for back in range(1, _EARLIER + 1)]
    named = {**TOLD, THIS_MONTH: "this month", **{name: name for name in earlier}}
    return named if chosen in named else {**named, chosen: chosen}


def read_moment(text: str, param: str) -> int:
    """A time as a browser's field for one says it, in UTC; nanoseconds since the epoch. Raises InvalidRequest."""
    try:
        told = datetime.fromisoformat(text)
        seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds < _LATEST_S:
        raise InvalidRequest(f"{text[:40]!r} is no time", hint="write it as 2026-11-23T02:10, in UTC", param=param)
    return round(seconds) * 1_000_000_000


def read_window(name: str, now: int) -> Window:
    """What a window's name means at a time. Raises InvalidRequest."""
    if name in LAST:
        return Window(name=name, since_ns=now - LAST[name], until_ns=hour_end(now))
    try:
        month = Month.at(now) if name == THIS_MONTH else Month.parse(name)
    except ConfigError as error:
        raise InvalidRequest(
            error.message, hint=f"use: {', '.join((*LAST, THIS_MONTH))}, 2026-11", param="window"
        ) from None
    return Window(name=name, since_ns=month.start_ns, until_ns=month.plus(1).start_ns)

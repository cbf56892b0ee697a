"""Calendar months in UTC, where a day always has 24 hours."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from homeport.core.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Month(msgspec.Struct, frozen=True, order=True):
    """A month of a year; months sort by time."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """From `2026-10`. Raises ConfigError for anything else, and for a year without a timestamp."""
        written = _WRITTEN.fullmatch(text)
        if written is None or not _EPOCH.year <= int(written[1]) < 2200:
            raise ConfigError(f"{text[:64]!r} is not a month", code="month_invalid", hint="write it as 2026-10")
        return cls(int(written[1]), int(written[2]))

    @classmethod
    def at(cls, wall_ns: int) -> "Month":
        """The month that a time is in; nanoseconds since the epoch."""
        day = _EPOCH + timedelta(seconds=wall_ns // 1_000_000_000)
        return cls(day.year, day.month)

    @property
    def start_ns(self) -> int:
        """Its first nanosecond, since the epoch."""
        return (datetime(self.year, self.month, 1, tzinfo=UTC) - _EPOCH).days * 86_400 * 1_000_000_000

    def plus(self, months: int) -> "Month":
        """So many months later; earlier for a negative number."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

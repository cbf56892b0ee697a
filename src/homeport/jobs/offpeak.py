"""Whether a time of day is one at which batches may run."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo


class Window:
    """A span of every day, such as "22:00-06:00"; it may go past midnight.

    The end is not a part of it. Times are those of the clocks of the zone, so on the days when these
    are changed a window is an hour shorter or longer.

    Args:
        text: checked by the configuration.
    """

    def __init__(self, text: str, zone: str) -> None:
        start, _, end = text.partition("-")
        self._start, self._end = time.fromisoformat(start), time.fromisoformat(end)
        self._zone = ZoneInfo(zone)

    def holds(self, wall_ns: int) -> bool:
        """Whether `wall_ns`, nanoseconds since the epoch, is inside."""
        now = datetime.fromtimestamp(wall_ns / 1e9, UTC).astimezone(self._zone).time()
        if self._start < self._end:
            return self._start <= now < self._end
        return now >= self._start or now < self._end

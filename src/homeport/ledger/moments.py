"""Moments as people write them on a command line."""

from datetime import UTC, datetime

from homeport.core.errors import ConfigError
from homeport.ledger.periods import END

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ns(text: str | None, name: str) -> int | None:
    """Nanoseconds since the epoch of an ISO 8601 day or time, in UTC where it names no zone; None for None.

    What no request can have is taken for the nearest time that one can.

    Args:
        name: what it is called, for the error.

    Raises:
        ConfigError: time_invalid.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        since = aware - _EPOCH
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{text[:64]!r} is no time for --{name}", code="time_invalid", hint="write 2026-11-01 or 2026-11-01T08:00"
        ) from error
    nanoseconds = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    return min(max(0, nanoseconds), END)

"""Figures and texts as people read them. Pure; the filters of the templates."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from homeport.core.money import NANO_PER_USD
from homeport.inspection.visible import shown

_SECOND = 1_000_000_000
_MOST = 2_000
_CENTS_SAY_IT = 0.1
_LATEST_S = 32_503_680_000
"""The year 3000, in seconds since the epoch."""
NONE = "\u2013"
"""What stands where there is no figure."""
_WHOLE_EVIDENCE, _PLAIN_EVIDENCE = 10, 1_000_000_000
_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def usd(amount: int | None) -> str:
    """Nano-dollars as dollars with cents; of what is below ten cents the first three digits. A dash for None."""
    if amount is None:
        return NONE
    dollars = abs(amount) / NANO_PER_USD
    if dollars == 0 or dollars >= _CENTS_SAY_IT:
        return f"{_sign(amount)}${dollars:,.2f}"
    return f"{_sign(amount)}${dollars:.{min(9, 2 - math.floor(math.log10(dollars)))}f}"


def exact(amount: int | None) -> str:
    """Nano-dollars to the last one, without zeros behind the cents: what a bill adds up."""
    if amount is None:
        return NONE
    whole, nanos = divmod(abs(amount), NANO_PER_USD)
    return f"{_sign(amount)}${whole:,}.{f'{nanos:09d}'.rstrip('0').ljust(2, '0')}"


def _sign(amount: int) -> str:
    return "-" if amount < 0 else ""


def moment(at: int | None) -> str:
    """Nanoseconds since the epoch as a time in UTC."""
    return NONE if at is None else f"{_utc(at):%Y-%m-%d %H:%M:%S} UTC"


def stamp(at: int) -> str:
    """The same for a row of a list, whose heading says UTC: short, and the day can be read as one thing alone."""
    return f"{_utc(at):%b %d, %H:%M:%S}"


def clock(at: int) -> str:
    """The time of the day alone, in UTC."""
    return f"{_utc(at):%H:%M:%S} UTC"


def iso(at: int) -> str:
    """The same for programs, as in the attribute `datetime`."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at // _SECOND, UTC)


def lasting(nanoseconds: float | None) -> str:
    """How long something took: milliseconds, seconds, or minutes and seconds."""
    if nanoseconds is None:
        return NONE
    if nanoseconds < _SECOND:
        milliseconds = nanoseconds / 1e6
        return f"{milliseconds:.1f} ms" if 0 < milliseconds < 10 else f"{milliseconds:.0f} ms"
    seconds = nanoseconds / 1e9
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds // 60:.0f} min {int(seconds % 60):02d} s"


def span(seconds: float) -> str:
    """A long time in its largest unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "0 s"


def size(count_of_bytes: float) -> str:
    """Bytes in the largest decimal unit that they fill."""
    for unit, name in _SIZES:
        if count_of_bytes >= unit:
            return f"{count_of_bytes / unit:.1f} {name}"
    return f"{count_of_bytes:.0f} B"


def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


def percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.1%}"


def evidence(e_value: float) -> str:
    """An e-value; a dash where none was counted."""
    if e_value <= 0:
        return NONE
    if e_value < _PLAIN_EVIDENCE:
        return f"{e_value:,.0f}" if e_value >= _WHOLE_EVIDENCE else f"{e_value:.2g}"
    return f"more than {_PLAIN_EVIDENCE:,}"


def text(value: object, most: int = _MOST) -> str:
    """Text from outside: what cannot be seen is named, so that nothing moves the page or hides in it."""
    return shown(str(value), most)


def facts(values: Mapping[str, Any], terse: bool = False) -> str:
    """What an entry of the audit log says of one side of a change; `terse` leaves out what is empty."""
    told = {name: value for name, value in values.items() if not terse or value not in (None, "", [], False)}
    return text(", ".join(f"{name}: {_plain(name, value)}" for name, value in told.items()))


def _plain(name: str, value: Any) -> str:
    readable = _readable(name, value)
    return readable if isinstance(readable, str) else msgspec.json.encode(readable).decode()


def _readable(name: str, value: Any) -> Any:
    """With times, whose names end with `_at` (seconds since the epoch), as people read them."""
    if isinstance(value, Mapping):
        return {inner: _readable(inner, one) for inner, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_readable(name, one) for one in value]
    is_time = name.endswith("_at") and isinstance(value, int | float) and 0 < value < _LATEST_S
    return moment(round(value * _SECOND)) if is_time else value


FILTERS: Mapping[str, Callable[..., str]] = {
    "usd": usd,
    "exact": exact,
    "moment": moment,
    "stamp": stamp,
    "clock": clock,
    "iso": iso,
    "lasting": lasting,
    "span": span,
    "size": size,
    "count": count,
    "percent": percent,
    "evidence": evidence,
    "text": text,
    "facts": facts,
}

"""Figures and texts as people read them. Pure; the filters of the templates."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from homeport.core.money import NANO_PER_USD
from homeport.inspection.visible import shown

_SECOND = 1_000_000_000
_MOST = 2_000
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def usd(amount: int | None) -> str:
    """Nano-dollars as dollars with cents, or with as many digits as a small sum needs; a dash for None."""
    if amount is None:
        return "\u2013"
    sign, dollars = ("-" if amount < 0 else ""), abs(amount) / NANO_PER_USD
    if dollars == 0 or dollars >= 1:
        return f"{sign}${dollars:,.2f}"
    return f"{sign}${dollars:.4f}" if dollars >= 0.01 else f"{sign}${dollars:.9f}".rstrip("0")


def moment(at: int | None) -> str:
    """Nanoseconds since the epoch as a time in UTC."""
    if at is None:
        return "\u2013"
    return f"{datetime.fromtimestamp(at // _SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: int) -> str:
    """The same for programs, as in the attribute `datetime`."""
    return f"{datetime.fromtimestamp(at // _SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def lasting(nanoseconds: float | None) -> str:
    """A short time: milliseconds, or seconds."""
    if nanoseconds is None:
        return "\u2013"
    return f"{nanoseconds / 1e6:.0f} ms" if nanoseconds < _SECOND else f"{nanoseconds / 1e9:.2f} s"


def span(seconds: float) -> str:
    """A long time in its largest unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "0 s"


def count(number: int | None) -> str:
    return "\u2013" if number is None else f"{number:,}"


def percent(share: float | None) -> str:
    return "\u2013" if share is None else f"{share:.1%}"


def text(value: object, most: int = _MOST) -> str:
    """Text from outside: what cannot be seen is named, so that nothing moves the page or hides in it."""
    return shown(str(value), most)


def facts(values: Mapping[str, Any], terse: bool = False) -> str:
    """What an entry of the audit log says of one side of a change; `terse` leaves out what is empty."""
    told = {name: value for name, value in values.items() if not terse or value not in (None, "", [], False)}
    return text(", ".join(f"{name}: {_plain(value)}" for name, value in told.items()))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


FILTERS: Mapping[str, Callable[..., str]] = {
    "usd": usd,
    "moment": moment,
    "iso": iso,
    "lasting": lasting,
    "span": span,
    "count": count,
    "percent": percent,
    "text": text,
    "facts": facts,
}

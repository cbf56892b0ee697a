"""Money as integers: amounts in nano-dollars, rates in pico-dollars per unit.

A price of $0.15 per million tokens is 0.15 nano-dollars a token, so a rate needs three more digits
than an amount: it is held in pico-dollars (1e-12 USD) per token, exactly. Rounding happens once a
request, half up, when the parts are added.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NewType

Nano = NewType("Nano", int)
"""An amount of money: 1 = 1e-9 USD."""

PicoRate = NewType("PicoRate", int)
"""A price per unit (token, request, nanosecond-hour): 1 = 1e-12 USD."""

NANO_PER_USD = 1_000_000_000
PICO_PER_NANO = 1_000
_PICO_PER_USD = NANO_PER_USD * PICO_PER_NANO
_MAX_EXPONENT, _LEAST_EXPONENT = 15, -9
_NANOSECONDS_PER_HOUR = 3_600 * 1_000_000_000


def parse_usd(amount: str | int | Decimal) -> Nano:
    """Read a dollar amount exactly.

    Args:
        amount: dollars, such as "0.000001234". Floats are refused by type: they are not exact.

    Raises:
        ValueError: not a finite decimal number, beyond 10^16, or finer than a nano-dollar.
    """
    try:
        dollars = Decimal(amount)
    except InvalidOperation as error:
        raise ValueError("this is not a dollar amount") from error
    if not dollars.is_finite() or dollars.adjusted() > _MAX_EXPONENT:
        raise ValueError(f"a dollar amount has at most {_MAX_EXPONENT} digits before the point")
    if dollars and dollars.adjusted() < _LEAST_EXPONENT:
        raise ValueError("this is not a whole number of nano-dollars")  # 1E-999999999 is a fraction of a gigabyte
    numerator, denominator = dollars.as_integer_ratio()
    nanos, rest = divmod(numerator * NANO_PER_USD, denominator)
    if rest:
        raise ValueError("this is not a whole number of nano-dollars")
    return Nano(nanos)


def format_usd(amount: int) -> str:
    """Dollars with exactly nine decimals, so that a sum of printed amounts is exact."""
    sign = "-" if amount < 0 else ""
    dollars, nanos = divmod(abs(amount), NANO_PER_USD)
    return f"{sign}{dollars}.{nanos:09d}"


def rate_per_million(usd: Decimal) -> PicoRate:
    """The rate of one unit from a price in USD per million units, rounded half up to a pico-dollar."""
    return rate_of(usd, 1_000_000)


def rate_of(amount: Decimal, units: int, factor: Fraction = Fraction(1)) -> PicoRate:
    """The rate of one unit from a price for so many units, rounded half up, once, to a pico-dollar.

    Args:
        factor: what the price is multiplied by before it is rounded, such as an exchange rate.
    """
    return PicoRate(_half_up(Fraction(amount) * factor * _PICO_PER_USD / units))


def amount_of(dollars: Fraction) -> Nano:
    """An exact number of dollars, rounded half up to a nano-dollar."""
    return Nano(_half_up(dollars * NANO_PER_USD))


def _half_up(exact: Fraction) -> int:
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def charge(parts: Iterable[tuple[int, PicoRate]]) -> Nano:
    """Add `units x rate` over the parts and round half up, once, to a nano-dollar."""
    pico = sum(units * rate for units, rate in parts)
    return Nano((pico + PICO_PER_NANO // 2) // PICO_PER_NANO)


def charge_time(hourly: Nano, nanoseconds: int) -> Nano:
    """The cost of a span of time on a machine that costs `hourly` nano-dollars an hour, half up."""
    return Nano((hourly * nanoseconds + _NANOSECONDS_PER_HOUR // 2) // _NANOSECONDS_PER_HOUR)

"""Does the bill fall inside the interval as often as it says? Forecasts of a past that is known.

Rolling origin (Tashman, "Out-of-sample tests of forecasting accuracy", Int. J. Forecasting 16, 2000): the bill
is forecast from the start of every day with at least a week behind it, from what came before that day alone.
"""

from collections.abc import Sequence
from random import Random

import msgspec

from homeport.ledger.forecast import MIN_DAYS, Position, rest_of_month

DAYS_A_MONTH = 30
_FUTURES = 200


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How forecasts met what came.

    Attributes:
        below, above: how many bills were under the interval, and how many over it.
        error, width: of the expected rest of the month and of the interval, summed over the forecasts, in
            shares of a mean day; for `mean_error` and `mean_width`.
    """

    forecasts: int = 0
    below: int = 0
    above: int = 0
    error: float = 0.0
    width: float = 0.0

    @property
    def inside(self) -> int:
        return self.forecasts - self.below - self.above

    @property
    def coverage(self) -> float | None:
        """Share of the bills inside the interval; None without forecasts."""
        return self.inside / self.forecasts if self.forecasts else None

    def plus(self, other: "Coverage") -> "Coverage":
        return Coverage(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


def backtest(days: Sequence[int], rng: Random) -> Coverage:
    """Forecast each month's bill from each of its days, and compare with what the month came to.

    Args:
        days: nano-dollars of each day; months have 30 of them, and one that is cut off at the end is left out.
    """
    total, mean = Coverage(), sum(days) / len(days) if days else 0.0
    for today in range(MIN_DAYS, len(days)):
        left = DAYS_A_MONTH - today % DAYS_A_MONTH
        if today + left > len(days):
            break
        position = Position(days=days[:today], spent=0, days_left=left, today_left=1.0)
        rest, came = rest_of_month(position, rng, futures=_FUTURES), sum(days[today : today + left])
        scale = left * mean or 1.0
        total = total.plus(
            Coverage(
                forecasts=1,
                below=int(came < rest.low),
                above=int(came > rest.high),
                error=abs(came - rest.median) / scale,
                width=(rest.high - rest.low) / scale,
            )
        )
    return total

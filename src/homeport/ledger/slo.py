"""Error budgets and burn rates: arithmetic on counts of good and valid requests, exact to the last request.

Everything is counted in requests, not in minutes: counts of two windows, two routes or two gateways
add up, which percentiles do not. The alert rules are those of Google's Site Reliability Workbook,
chapter 5, "Alerting on SLOs", table 5-8 (https://sre.google/workbook/alerting-on-slos/).
"""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction

import msgspec

from homeport.config.slo import PER_WHOLE

_MINUTE = 60 * 1_000_000_000
_HOUR = 60 * _MINUTE
DAY = 24 * _HOUR

BURN_WINDOWS: Mapping[str, int] = {"5m": 5 * _MINUTE, "30m": 30 * _MINUTE, "1h": _HOUR, "6h": 6 * _HOUR, "3d": 3 * DAY}
"""Name -> nanoseconds, shortest first."""


class Severity(StrEnum):
    """What somebody is to do: get up now, or look at it this week."""

    PAGE = "page"
    TICKET = "ticket"


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """Fires while both windows burn faster than `rate`.

    The long window says that it matters, the short one that it has not ended.
    """

    severity: Severity
    long: str
    short: str
    rate: Fraction


ALERT_RULES = (
    AlertRule(severity=Severity.PAGE, long="1h", short="5m", rate=Fraction(144, 10)),
    AlertRule(severity=Severity.PAGE, long="6h", short="30m", rate=Fraction(6)),
    AlertRule(severity=Severity.TICKET, long="3d", short="6h", rate=Fraction(1)),
)
"""On a 30-day window: 2 % of the budget in one hour, 5 % in six hours, 10 % in three days."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests counted, and how many of them were as promised."""

    good: int = 0
    valid: int = 0

    @property
    def bad(self) -> int:
        return self.valid - self.good

    def plus(self, other: "Tally") -> "Tally":
        return Tally(good=self.good + other.good, valid=self.valid + other.valid)

    @property
    def ratio(self) -> Fraction | None:
        """Good of valid; None where nothing counted."""
        return Fraction(self.good, self.valid) if self.valid else None

    def below(self, share: int) -> bool:
        """Whether the ratio is below a share in millionths. Nothing counted is not below anything."""
        return self.good * PER_WHOLE < share * self.valid


def allowed_bad(tally: Tally, share: int) -> Fraction:
    """The error budget in requests: how many of those that counted may be bad. `share` is in millionths."""
    return Fraction(tally.valid * (PER_WHOLE - share), PER_WHOLE)


def budget_left(tally: Tally, share: int) -> Fraction:
    """Part of the error budget that is left: 1 is all of it, 0 none, below 0 more than all is spent."""
    allowed = allowed_bad(tally, share)
    return 1 - tally.bad / allowed if allowed else Fraction(1)


def burn_rate(tally: Tally, share: int) -> Fraction:
    """Share of bad requests over the share that is allowed; 1 uses up the budget exactly in its window."""
    allowed = allowed_bad(tally, share)
    return tally.bad / allowed if allowed else Fraction(0)


def firing(burn: Mapping[str, Fraction]) -> tuple[AlertRule, ...]:
    """The alert rules that fire, given the burn rate of each of `BURN_WINDOWS`."""
    return tuple(rule for rule in ALERT_RULES if burn[rule.long] > rule.rate and burn[rule.short] > rule.rate)

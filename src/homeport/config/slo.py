"""The section `slo`: what is promised of a route, and what is paid back when the promise is broken."""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from homeport.config.fields import Text, Whole
from homeport.config.section import Section
from homeport.core.types import Surface

EVERYTHING = "all"
"""The route that every request is on."""

MONTH = "month"
PER_WHOLE = 1_000_000
"""Shares are whole millionths inside, so that no comparison with a target is off by a rounding."""

_DAYS = re.compile(r"([1-9]\d{0,2})d")
_MAX_DAYS = 366


def millionths(share: float) -> int:
    """A share between 0 and 1 as whole millionths: 0.999 is 999,000.

    Raises:
        ValueError: it has more than six decimals.
    """
    exact = Decimal(str(share)) * PER_WHOLE
    if exact != exact.to_integral_value():
        raise ValueError("should have at most six decimals")
    return int(exact)


def _read_share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError("should be a share above 0 and below 1, such as 0.999 for 99.9 %")
    return value


def _check_decimals(share: float) -> float:
    millionths(share)
    return share


def _check_window(window: str) -> str:
    days = _DAYS.fullmatch(window)
    if window != MONTH and (days is None or int(days[1]) > _MAX_DAYS):
        raise ValueError(f"should be a number of days such as 30d, up to {_MAX_DAYS}d, or {MONTH}")
    return window


Share = Annotated[float, BeforeValidator(_read_share), Field(gt=0, lt=1), AfterValidator(_check_decimals)]
Window = Annotated[str, AfterValidator(_check_window)]


class PromptnessSettings(Section):
    """A share of the requests within a time. A share of 0.95 is a bound on the p95."""

    share: Share = Field(default=0.95, description="Share of the requests that are to be in time.")
    within_ms: Whole = Field(ge=1, le=86_400_000, description="The time, in milliseconds.")


class CreditSettings(Section):
    """One step of what is paid back for a month."""

    below: Share = Field(description="The step holds for an availability below this share.")
    percent: Whole = Field(ge=1, le=100, description="Part of the month's cost that is paid back, in percent.")


class ObjectiveSettings(Section):
    """Objectives of one route; at least one of availability, latency and ttft."""

    name: Text = Field(description="Name in reports and in metrics; unique.")
    route: Text = Field(
        default=EVERYTHING, description=f"`{EVERYTHING}`, `auto`, or the name of a tier, a model or an alias."
    )
    key: Text | None = Field(default=None, description="Only requests of this key: its id, or its name.")
    surface: Surface | None = Field(default=None, description="Only requests of this kind. Left out: of every kind.")
    window: Window = Field(
        default="30d", description=f"The last so many days, such as `30d`; or `{MONTH}`, since the first of it (UTC)."
    )
    availability: Share | None = Field(default=None, description="Share of the requests that are to be answered.")
    latency: PromptnessSettings | None = Field(default=None, description="How soon whole answers are to be there.")
    ttft: PromptnessSettings | None = Field(default=None, description="How soon the first token of a stream is.")
    credits: tuple[CreditSettings, ...] = Field(
        default=(), description="What is paid back for a month, the mildest step first; needs availability."
    )

    @field_validator("credits")
    @classmethod
    def _check_steps(cls, steps: tuple[CreditSettings, ...], info: ValidationInfo) -> tuple[CreditSettings, ...]:
        if any(nxt.below >= step.below or nxt.percent <= step.percent for step, nxt in pairwise(steps)):
            raise ValueError("each step should be below the one before it, and pay back more")
        availability = info.data.get("availability")
        if steps and "availability" in info.data and (availability is None or steps[0].below > availability):
            raise ValueError("needs an availability objective at least as high as its first step")
        return steps

    @model_validator(mode="after")
    def _promise_something(self) -> "ObjectiveSettings":
        if self.availability is None and self.latency is None and self.ttft is None:
            raise ValueError("state at least one of availability, latency and ttft")
        return self

    @property
    def days(self) -> int | None:
        """Length of the window in days; None for the calendar month."""
        return None if self.window == MONTH else int(self.window.removesuffix("d"))

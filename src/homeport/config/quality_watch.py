"""The section `evaluation.watch`: when answers that became worse are an incident."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Dollars, Finite, Whole
from homeport.config.section import Section
from homeport.core.money import NANO_PER_USD, Nano

Rate = Annotated[Finite, Field(gt=0, le=1)]


class PairedCheckSettings(Section):
    """Inputs that were judged before are asked again, and their answers are judged: weekly, and daily while something
    hints at a fall. It needs `evaluation.judge`, whose key pays.
    """

    enabled: bool = Field(default=True, description="Whether inputs are asked again, where there is a judge.")
    inputs: Whole = Field(default=100, ge=1, le=10_000, description="How many of a route, in one check.")
    most_per_day: Dollars | None = Field(
        default=Nano(NANO_PER_USD),
        alias="most_usd_per_day",
        description="What answers and grades may cost from one midnight (UTC) to the next, all routes together. It "
        "needs models whose price is known. `null`: whatever the budgets of the keys allow.",
    )


class QualityWatchSettings(Section):
    """Whether the answers of each route are worse than they were, looked at once a day."""

    enabled: bool = Field(default=True, description="Whether it is looked at, where outputs are measured.")
    baseline_days: Whole = Field(
        default=14, ge=7, le=90, description="Days that a route is compared with: its first, and those after an end."
    )
    alarms_a_year: Rate = Field(default=0.01, description="False incidents of a route in a year, at most.")
    false_share: Rate = Field(
        default=0.1, description="Of the routes with an incident on one day, so many are wrong, at most, on average."
    )
    tolerance: Annotated[Finite, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="A fall of a mean by so much, from 0 to 1, is none."
    )
    settle_hours: Annotated[Finite, Field(ge=0, le=168)] = Field(
        default=6.0, description="So long after its end a day is complete: scored and judged."
    )
    paired_check: PairedCheckSettings = Field(
        default_factory=PairedCheckSettings, description="Whether the same inputs are asked again."
    )

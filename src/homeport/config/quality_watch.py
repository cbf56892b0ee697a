"""The section `evaluation.watch`: when answers that became worse are an incident."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Finite, Whole
from homeport.config.section import Section

Rate = Annotated[Finite, Field(gt=0, le=1)]


class PairedCheckSettings(Section):
    """Inputs of the baseline that are asked again, once each."""

    inputs: Whole = Field(
        default=100, ge=0, le=10_000, description="How many are asked again in a check of a route. 0: none."
    )
    pool: Whole = Field(
        default=1_000, ge=1, le=100_000, description="How many inputs of a baseline may be asked again in all."
    )
    daily_usd: Annotated[Finite, Field(ge=0)] = Field(
        default=1.0, description="What all checks of a day may cost in dollars; then they wait for the next."
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
    fall: Rate = Field(
        default=0.05, description="A week whose mean is so much worse starts a check. It is no incident: it is chance."
    )
    settle_hours: Annotated[Finite, Field(ge=0, le=168)] = Field(
        default=6.0, description="So long after its end a day is complete: scored and judged."
    )
    check: PairedCheckSettings = Field(
        default_factory=PairedCheckSettings, description="Inputs of the baseline that are asked again."
    )

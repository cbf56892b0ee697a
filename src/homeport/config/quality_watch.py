"""The section `evaluation.watch`: when answers that became worse are an incident."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Finite, Whole
from homeport.config.section import Section

Rate = Annotated[Finite, Field(gt=0, le=1)]


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

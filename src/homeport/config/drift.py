"""The section `drift`: whether audited models are asked their probes by themselves, and how often."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Finite, Whole
from homeport.config.section import Section


class DriftSettings(Section):
    """Audited models are those that have a baseline, see `homeport drift baseline`. Off by default."""

    enabled: bool = Field(
        default=False, description="Whether the jobs worker asks audited models their probes through the gateway."
    )
    batches_a_day: Whole = Field(
        default=1,
        ge=1,
        le=96,
        description="Batches a day. The questions of a batch are spread over its part of the day at random.",
    )
    looks_a_day: Whole = Field(
        default=24,
        ge=0,
        le=288,
        description="How often a day models that tell log-probabilities are looked at with three probes of one token; "
        "one that mismatches is followed by ten more. 0: never.",
    )
    alpha: Annotated[Finite, Field(gt=0, le=0.1)] = Field(
        default=0.001, description="False alarms: one in 1/alpha batches at most, on average."
    )

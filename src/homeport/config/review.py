"""The section `evaluation.review`: how people review outputs, and over which time estimates go."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Finite, Whole
from homeport.config.section import Section


class ReviewSettings(Section):
    """How people review the outputs that were drawn for them."""

    double: Annotated[Finite, Field(ge=0, le=1)] = Field(
        default=0.15, description="Share of the reviewed outputs that two people label, each without the other."
    )
    hold_minutes: Whole = Field(
        default=15, ge=1, le=1_440, description="How long an output that somebody looks at is nobody else's."
    )
    period_days: Whole = Field(
        default=28, ge=1, le=366, description="How many days back outputs are reviewed, and estimates of quality go."
    )

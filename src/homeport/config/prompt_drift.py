"""The section `evaluation.prompt_drift`: whether prompts are those of before."""

from typing import Annotated

from pydantic import Field

from homeport.config.fields import Finite, Whole
from homeport.config.section import Section


class PromptDriftSettings(Section):
    """Whether each project's prompts of a day are like those of the days before. Off by default.

    It needs `evaluation.enabled`, and looks at what `capture` kept.
    """

    enabled: bool = Field(default=False, description="Whether prompts are compared, and an incident opened.")
    sample: Whole = Field(
        default=200, ge=20, le=200, description="Prompts of a project and day that are looked at, drawn by chance."
    )
    alpha: Annotated[Finite, Field(ge=1e-9, le=0.1)] = Field(
        default=0.001, description="False alarms of a project: one in 1/alpha days at most, on average."
    )
    keep_days: Whole = Field(
        default=120,
        ge=30,
        le=400,
        description="How many days the features of prompts are kept: embeddings and keyed hashes of words, no text.",
    )

"""The section `engines.NAME.admission`: how many requests an engine works on at once, who waits and who is refused."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from homeport.config.fields import Finite, Seconds, Text, Whole
from homeport.config.section import Section

Weight = Annotated[Finite, Field(ge=0.01, le=100)]


class AdmissionSettings(Section):
    """What is let into an engine. What is not goes to the next target where it may, else it gets 429 or 503."""

    enabled: bool = Field(default=True, description="False: the engine is asked as often as requests come.")
    limit: Whole | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Requests in the engine at once, at most. Left out: its slots, where Homeport starts it, else "
        "256. Below that the number is found: as many as it answers nearly as fast as fewer.",
    )
    stretch: Finite = Field(
        default=1.5,
        ge=1.05,
        le=100,
        description="How many times as long as at half load an answer may take when more is asked than can be done, "
        "its waiting included, for 19 of 20 requests that are let in.",
    )
    longest_wait_seconds: Seconds = Field(
        default=30.0, description="Nobody waits longer for a place: a burst, a line of a batch, what came first."
    )
    queue: Whole = Field(default=256, ge=0, le=100_000, description="Requests that wait at once, at most.")
    share_by: Literal["key", "project"] = Field(
        default="key", description="Between whom the engine is shared while it is full."
    )
    weights: Mapping[Text, Weight] = Field(
        default_factory=dict,
        max_length=10_000,
        description="Shares by the name of a key or a project; 1 where it is not named. Twice the weight gets twice "
        "the tokens.",
    )

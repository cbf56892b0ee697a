"""The loop guard's settings."""

from typing import Literal

from pydantic import Field, model_validator

from homeport.config.fields import Dollars, Seconds, Whole
from homeport.config.section import Section
from homeport.core.money import NANO_PER_USD, Nano


class LoopSettings(Section):
    """When an agent that repeats itself is warned, slowed down and stopped."""

    action: Literal["off", "warn", "throttle", "stop"] = Field(
        default="stop", description="The most that is done: nothing, a header, a delay, a refusal."
    )
    warn_after: Whole = Field(default=3, ge=2, le=1_000, description="Repeats until a header warns.")
    throttle_after: Whole = Field(default=4, ge=2, le=1_000, description="Repeats until each call is delayed.")
    stop_after: Whole = Field(default=5, ge=3, le=1_000, description="Repeats until the trace is stopped.")
    stop_cost: Dollars = Field(
        alias="stop_cost_usd",
        default=Nano(NANO_PER_USD),
        description="A trace that was warned and has cost so much since is stopped before `stop_after`.",
    )
    throttle_seconds: Seconds = Field(
        default=4.0, description="The longest delay of one call; the first is an eighth of it, each is twice the last."
    )
    override_seconds: Whole = Field(
        default=1_800, ge=1, le=604_800, description="How long an override token lets a stopped trace go on."
    )
    max_calls: Whole | None = Field(
        default=None, ge=1, le=1_000_000, description="Calls of one trace. Left out: as many as it likes."
    )
    max_turns: Whole | None = Field(
        default=None, ge=1, le=1_000_000, description="Answers in one conversation since a person last wrote."
    )
    max_cost: Dollars | None = Field(
        alias="max_cost_usd", default=None, description="What one trace may cost. Left out: no bound of its own."
    )
    max_minutes: Whole | None = Field(
        default=None, ge=1, le=1_000_000, description="Minutes from a trace's first call to its last."
    )

    @model_validator(mode="after")
    def _rise(self) -> "LoopSettings":
        if not self.warn_after <= self.throttle_after <= self.stop_after:
            raise ValueError("warn_after, throttle_after and stop_after must rise in this order")
        return self

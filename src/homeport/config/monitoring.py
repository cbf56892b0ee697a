"""The section `monitoring`: from which values on Prometheus' alert rules fire."""

from pydantic import Field

from homeport.config.fields import Dollars, Seconds, Whole
from homeport.config.section import Section
from homeport.core.money import NANO_PER_USD, Nano


class MonitoringSettings(Section):
    """Thresholds of the rules that `homeport telemetry export` writes. Times of the section `slo` have rules too."""

    error_percent: float = Field(
        default=5.0, gt=0, le=100, description="Share of requests that fail, over 10 minutes, in percent."
    )
    latency_seconds: Seconds = Field(
        default=30.0, description="The p95 of a model's whole answers, where no objective is stated for all requests."
    )
    queue_wait_seconds: Seconds = Field(default=10.0, description="The p95 of the wait for a place at an own engine.")
    spend_per_day: Dollars = Field(
        alias="spend_per_day_usd", default=Nano(100 * NANO_PER_USD), description="What 24 hours may cost."
    )
    spend_factor: float = Field(
        default=3.0, gt=1, le=1_000, description="How many times a usual day's cost 24 hours may cost."
    )
    budget_percent: Whole = Field(default=90, ge=1, le=100, description="Part of a budget that is used, in percent.")

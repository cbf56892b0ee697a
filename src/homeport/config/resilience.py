"""What is done against failing upstreams: retries, circuit breakers, hedging."""

from pydantic import Field

from homeport.config.fields import Finite, Seconds, Whole
from homeport.config.section import Section


class RetrySettings(Section):
    """When a failed call is made again. Only while the caller has seen nothing, inside its deadline."""

    rounds: Whole = Field(
        default=3, ge=1, le=10, description="How often the candidates are gone through; 1: none is asked twice."
    )
    base_seconds: Seconds = Field(default=0.1, description="Round n waits a random part of this times 2^n.")
    longest_wait_seconds: Seconds = Field(
        default=10.0, description="A Retry-After beyond it ends the request instead of being waited for."
    )
    budget: Finite = Field(
        default=0.2,
        ge=0,
        le=10,
        description="Repeated calls for each request, on average: retries cannot pile up.",
    )


class BreakerSettings(Section):
    """When a model at an upstream is left alone."""

    failures: Whole = Field(default=5, ge=1, le=1_000, description="So many failures in a row.")
    window: Whole = Field(default=20, ge=2, le=10_000, description="Or half of so many last calls.")
    pause_seconds: Seconds = Field(
        default=5.0, description="Until one request may try again; doubled each time that it fails, up to a minute."
    )


class HedgingSettings(Section):
    """A second call when the first token is late. Off by default: both calls are paid."""

    quantile: Finite = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Send it when the first token is later than this share of the last ones, as 0.95. 0: never.",
    )
    budget: Finite = Field(default=0.08, ge=0, le=1, description="Second calls for each request, at most.")

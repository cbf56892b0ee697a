"""The sections `prices` and `currencies`, and the discounts of providers: what is paid, where no list says it right."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from homeport.config.fields import PriceReference, Text, Whole
from homeport.config.section import Section

USD = "USD"
STALE_DAYS = 90
"""Prices and exchange rates that nobody has looked at for longer are told by `homeport check`."""

_MAX_AMOUNT = 1_000_000
_MAX_DIGITS = 40
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CODE = re.compile(r"[A-Z]{3}")


def _read_amount(value: object) -> Decimal:
    # A float is what an unquoted number of a part of the file is where no money is expected: its text is exact.
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or len(str(value)) > _MAX_DIGITS:
        raise ValueError('should be an exact amount, such as "0.15"')
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError('should be an exact amount, such as "0.15"') from None
    if not amount.is_finite() or not 0 <= amount <= _MAX_AMOUNT:
        raise ValueError(f"should be from 0 to {_MAX_AMOUNT}")
    return amount


def read_day(value: object) -> date:
    """A day written as 2026-10-01. Raises ValueError."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("should be a day, such as 2026-10-01")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def _check_code(code: str) -> str:
    if not _CODE.fullmatch(code):
        raise ValueError("should be a currency's three capital letters, such as EUR")
    return code


def _check_percent(percent: Decimal) -> Decimal:
    if percent > 100:
        raise ValueError("should be from 0 to 100")
    return percent


def _check_rate(rate: Decimal) -> Decimal:
    if not rate:
        raise ValueError("should be more than 0")
    return rate


Amount = Annotated[Decimal, BeforeValidator(_read_amount)]
Percent = Annotated[Amount, AfterValidator(_check_percent)]
ExchangeRate = Annotated[Amount, AfterValidator(_check_rate)]
Day = Annotated[date, BeforeValidator(read_day)]
Currency = Annotated[str, AfterValidator(_check_code)]


class RateSettings(Section):
    """What each kind of token and piece costs; a left-out one costs what the kind it is part of costs."""

    input_per_mtok: Amount | None = Field(default=None, description="A million prompt tokens.")
    cached_input_per_mtok: Amount | None = Field(default=None, description="A million of them read from a cache.")
    cache_write_per_mtok: Amount | None = Field(default=None, description="A million of them written to a cache.")
    cache_write_1h_per_mtok: Amount | None = Field(
        default=None, description="A million of them written to a cache for an hour."
    )
    audio_input_per_mtok: Amount | None = Field(default=None, description="A million prompt tokens of audio.")
    cached_audio_input_per_mtok: Amount | None = Field(default=None, description="A million of those from a cache.")
    image_input_per_mtok: Amount | None = Field(default=None, description="A million prompt tokens of images.")
    output_per_mtok: Amount | None = Field(
        default=None, description="A million generated tokens, thoughts included. Write 0 for embeddings."
    )
    audio_output_per_mtok: Amount | None = Field(default=None, description="A million generated tokens of audio.")
    image_output_per_mtok: Amount | None = Field(default=None, description="A million generated tokens of images.")
    per_request: Amount | None = Field(default=None, description="Each call, beside its tokens.")
    per_image: Amount | None = Field(default=None, description="Each image that the API counts by the piece.")
    per_search: Amount | None = Field(default=None, description="Each web search that the API made.")

    def amounts(self) -> Mapping[str, Decimal]:
        """The amounts that were written, by name."""
        found = ((name, getattr(self, name)) for name in RateSettings.model_fields)
        return {name: amount for name, amount in found if amount is not None}


class LongPromptSettings(RateSettings):
    """The rates of prompts beyond a length, for all tokens of the request."""

    input_tokens: Whole = Field(ge=1, le=1_000_000_000, description="They hold for longer prompts than this.")


class PriceSettings(RateSettings):
    """A price of one model from one day on; it wins over the lists."""

    model: PriceReference = Field(description="The reference that targets name: `provider:model`.")
    since: Day = Field(
        default=date(1970, 1, 1),
        alias="from",
        description="First day (UTC) that it holds; the latest one that has begun holds. Left out: always.",
    )
    currency: Currency = Field(default=USD, description="What its amounts are in; see `currencies`.")
    per_second: Amount | None = Field(default=None, description="A second of work, instead of tokens.")
    per_hour: Amount | None = Field(
        default=None, description="An hour of a dedicated endpoint, instead of tokens; `slots` requests share it."
    )
    slots: Whole = Field(default=1, ge=1, le=100_000, description="Requests that such an endpoint works on at once.")
    above: tuple[LongPromptSettings, ...] = Field(
        default=(), max_length=16, description="Rates of long prompts, the shortest first."
    )
    service_tiers: Mapping[str, RateSettings] = Field(
        default_factory=dict,
        description="Rates of calls that the API says it served in another way, such as `batch`, `flex`, `priority`.",
    )
    source: Text = Field(default="homeport.yaml", description="Where it is from: a contract, an address.")
    checked: Day | None = Field(
        default=None, description=f"Day it was last compared with its source; after {STALE_DAYS} days `check` warns."
    )

    @model_validator(mode="after")
    def _price_something(self) -> "PriceSettings":
        if self.per_second is not None or self.per_hour is not None:
            if self.amounts() or self.above or self.service_tiers or None not in (self.per_second, self.per_hour):
                raise ValueError("write tokens and pieces, or per_second, or per_hour")
        elif (self.input_per_mtok is None) != (self.output_per_mtok is None):
            raise ValueError("write both input_per_mtok and output_per_mtok, or it would be 0; 0 can be written")
        elif not self.amounts().keys() & {"input_per_mtok", "per_request", "per_image"}:
            raise ValueError("says no price: write input_per_mtok and output_per_mtok, per_second or per_hour")
        return self

    @model_validator(mode="after")
    def _climb(self) -> "PriceSettings":
        starts = [step.input_tokens for step in self.above]
        if starts != sorted(set(starts)):
            raise ValueError("`above` should go from short to long prompts")
        return self


class CurrencySettings(Section):
    """What one unit of a currency is worth, from one day on."""

    code: Currency = Field(description="Its three capital letters, such as EUR.")
    since: Day = Field(default=date(1970, 1, 1), alias="from", description="First day (UTC) of this rate.")
    value: ExchangeRate = Field(alias="usd", description='US dollars for one unit, an exact decimal such as "1.0834".')


class DiscountSettings(Section):
    """A contract's discount off list prices, from one day on."""

    percent: Percent = Field(description='Percent off, an exact decimal such as "12.5". 0 ends a discount.')
    since: Day = Field(default=date(1970, 1, 1), alias="from", description="First day (UTC) that it holds.")

"""List prices of API models, from genai-prices' dated data. Read at start, never on the request path."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from homeport.core.errors import ConfigError
from homeport.core.money import PicoRate, rate_of
from homeport.core.types import TokenPrice

# Our rates -> their names, and how many units a price is for.
_UNITS = {
    "input": ("input_mtok", 1_000_000),
    "cached_input": ("cache_read_mtok", 1_000_000),
    "cache_write": ("cache_write_mtok", 1_000_000),
    "long_cache_write": ("cache_write_1h_mtok", 1_000_000),
    "audio_input": ("input_audio_mtok", 1_000_000),
    "cached_audio_input": ("cache_audio_read_mtok", 1_000_000),
    "image_input": ("input_image_mtok", 1_000_000),
    "output": ("output_mtok", 1_000_000),
    "audio_output": ("output_audio_mtok", 1_000_000),
    "image_output": ("output_image_mtok", 1_000_000),
    "reasoning": ("output_reasoning_mtok", 1_000_000),
    "request": ("requests_kcount", 1_000),
    "search": ("web_searches_kcount", 1_000),
}


def api_price(reference: str, at: datetime, factor: Fraction = Fraction(1)) -> TokenPrice:
    """The list price of an API model.

    Args:
        reference: "provider:model" with genai-prices' provider id, such as "openai:gpt-4.1".
        at: when the price must hold.
        factor: what is paid of each amount: less than 1 with a discount.

    Raises:
        ConfigError: the provider or model is unknown, or has no price per token.
    """
    provider_id, _, model_id = reference.partition(":")
    try:
        provider, model = get_snapshot().find_provider_model(model_id, None, provider_id, None)
    except LookupError as error:
        raise ConfigError(
            f"no price is known for {reference!r}",
            code="price_unknown",
            hint="write it as provider:model with the names of genai-prices, write it in `prices`, "
            "or upgrade genai-prices",
        ) from error
    prices = model.get_prices(at)
    if prices.input_mtok is None:
        hint = "write its price in `prices`"
        raise ConfigError(f"{reference!r} has no price per input token", code="price_unknown", hint=hint)
    source = f"genai-prices:{provider.id}:{model.id}"
    tiers = tuple(
        (name, _with_lengths(other, f"{source}@{name}", factor)) for name, other in _tiers(model, at) if other != prices
    )
    return msgspec.structs.replace(_with_lengths(prices, source, factor), tiers=tiers)


def newest_price(today: date) -> date | None:
    """The newest day from which a listed price holds by `today`: the data is at least that new.

    The package does not say when its data was collected, but it is dated wherever a price changed.
    """
    days = (day for provider in get_snapshot().providers for model in provider.models for day in _starts(model))
    return max((day for day in days if day <= today), default=None)


def _tiers(model: ModelInfo, at: datetime) -> Iterator[tuple[str, ModelPrice]]:
    """Every other way to be served; they differ by one word: `processing`, `service_tier` or `speed`."""
    ways = [variant.when for variant in model.price_variants or () if len(variant.when) == 1]
    for way in ways:
        yield next(iter(way.values())), model.get_prices(at, way)


def _starts(model: ModelInfo) -> Iterator[date]:
    dated = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    for price in dated:
        constraint = price.constraint if isinstance(price, ConditionalPrice) else getattr(price, "constraint", None)
        if isinstance(constraint, StartDateConstraint):
            yield constraint.start_date


def _with_lengths(prices: ModelPrice, source: str, factor: Fraction) -> TokenPrice:
    units = [getattr(prices, key) for key, _ in _UNITS.values()]
    starts = sorted({tier.start for unit in units if isinstance(unit, TieredPrices) for tier in unit.tiers})
    above = tuple((start, _flat(prices, start, source, factor)) for start in starts)
    return msgspec.structs.replace(_flat(prices, 0, source, factor), above=above)


def _flat(prices: ModelPrice, start: int, source: str, factor: Fraction) -> TokenPrice:
    """The price of requests with more than `start` input tokens."""
    rates = {name: _rate(getattr(prices, key), start, units, factor) for name, (key, units) in _UNITS.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    known.setdefault("cached_input", known["input"])
    known.setdefault("output", PicoRate(0))
    return msgspec.convert({"source": source, **known}, TokenPrice)


def _rate(price: object, start: int, units: int, factor: Fraction) -> PicoRate | None:
    match price:
        case TieredPrices():
            reached = [tier.price for tier in price.tiers if tier.start <= start]
            return rate_of(reached[-1] if reached and start else price.base, units, factor)
        case Decimal():
            return rate_of(price, units, factor)
    return None

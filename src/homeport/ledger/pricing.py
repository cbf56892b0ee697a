"""Prices: from data to integer rates once at start, then one multiplication a request."""

from datetime import datetime
from decimal import Decimal

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from homeport.core.errors import ConfigError
from homeport.core.money import Nano, PicoRate, charge, charge_time, rate_per_million
from homeport.core.types import MachinePrice, Price, Target, TokenPrice, Usage
from homeport.ledger.price_files import own_price

FREE = Nano(0)


class RateCard:
    """`Pricing` of the request path: the price is part of the target, so this holds nothing."""

    def cost(self, target: Target, usage: Usage, elapsed_ns: int) -> Nano:
        """What an answer cost, in nano-dollars.

        An API's price counts tokens: input that is read from a cache, and input that is written to one,
        are subsets of the input and have their own rates. An
        own engine's price is its hourly cost for the time it worked, shared by its parallel slots;
        the engine's own timing is used where it reports one (`usage.engine_ns`), so waiting in its
        queue is not billed. A target without a price costs nothing and `price_source` stays empty.
        """
        match target.price:
            case TokenPrice() as price:
                return _token_cost(price, usage)
            case MachinePrice() as price:
                worked = usage.engine_ns or elapsed_ns
                return charge_time(price.hourly, worked // price.slots)
        return FREE


# Adapters of one API each -> its name at genai-prices. Azure is missing: owners name its deployments as they like.
_LISTED = {
    "anthropic": "anthropic",
    "fireworks": "fireworks",
    "gemini": "google",
    "openai": "openai",
    "replicate": "replicate",
    "together": "together",
}


def target_price(reference: str | None, adapter: str, model: str, at: datetime) -> Price | None:
    """The price of a remote target: the one that was written, else the list price of its model, if it has one.

    Args:
        reference: "provider:model", or None where the configuration names no price.
        adapter: the provider's adapter, and `model` as that API names it.
        at: the day the price must hold on.

    Raises:
        ConfigError: price_unknown, for a reference that was written.
    """
    if reference is not None:
        return listed_price(reference, at)
    if adapter not in _LISTED:
        return None
    try:
        return listed_price(f"{_LISTED[adapter]}:{model}", at)
    except ConfigError:
        return None


def listed_price(reference: str, at: datetime) -> Price:
    """The price in our own tables, else in genai-prices' data. Raises ConfigError as `api_price` does."""
    return own_price(reference, at) or api_price(reference, at)


def api_price(reference: str, at: datetime) -> TokenPrice:
    """The list price of an API model from genai-prices' dated data.

    Args:
        reference: "provider:model" with genai-prices' provider id, such as "openai:gpt-4.1".
        at: the day the price must hold on.

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
            hint="write it as provider:model with the names of genai-prices, or upgrade genai-prices",
        ) from error
    prices = model.get_prices(at)
    if prices.input_mtok is None:
        raise ConfigError(f"{reference!r} has no price per input token", code="price_unknown")
    source = f"genai-prices:{provider.id}:{model.id}"
    starts = sorted({tier.start for unit in _units(prices) if isinstance(unit, TieredPrices) for tier in unit.tiers})
    above = tuple((start, _price_above(prices, start, source)) for start in starts)
    return msgspec.structs.replace(_price_above(prices, 0, source), above=above)


def _units(prices: ModelPrice) -> tuple[object, ...]:
    return (
        prices.input_mtok,
        prices.cache_read_mtok,
        prices.output_mtok,
        prices.cache_write_mtok,
        prices.cache_write_1h_mtok,
    )


def _price_above(prices: ModelPrice, start: int, source: str) -> TokenPrice:
    """The flat price of requests with more than `start` input tokens."""
    whole, cached, output, written, written_long = (_rate(unit, start) for unit in _units(prices))
    assert whole is not None
    return TokenPrice(
        source=source,
        input=whole,
        cached_input=whole if cached is None else cached,
        output=PicoRate(0) if output is None else output,
        cache_write=written,
        long_cache_write=written_long,
    )


def _token_cost(price: TokenPrice, usage: Usage) -> Nano:
    for start, dearer in reversed(price.above):
        if usage.input_tokens > start:
            price = dearer
            break
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    long = min(usage.long_cache_write_tokens, written)
    write = price.input if price.cache_write is None else price.cache_write
    return charge(
        (
            (usage.input_tokens - cached - written, price.input),
            (cached, price.cached_input),
            (written - long, write),
            (long, write if price.long_cache_write is None else price.long_cache_write),
            (usage.output_tokens, price.output),
        )
    )


def _rate(price: object, start: int) -> PicoRate | None:
    match price:
        case TieredPrices():
            reached = [tier.price for tier in price.tiers if tier.start <= start]
            return rate_per_million(reached[-1] if reached and start else price.base)
        case Decimal():
            return rate_per_million(price)
    return None

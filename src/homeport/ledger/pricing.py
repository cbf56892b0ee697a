"""What an answer cost: one multiplication a request, with the price that its target has."""

import msgspec

from homeport.core.money import Nano, PicoRate, charge, charge_time
from homeport.core.types import MachinePrice, Price, Target, TokenPrice, Usage

FREE = Nano(0)


class RateCard:
    """`Pricing` of the request path: the price is part of the target, so this holds nothing."""

    def cost(self, target: Target, usage: Usage, elapsed_ns: int) -> Nano:
        """What an answer cost, in nano-dollars.

        An API's price counts tokens and pieces: what is read from a cache, written to one, audio or an image
        is a part of the input, and thoughts are a part of the output; each token is billed once, at the rate of
        its part. An own engine's price is its hourly cost for the time it worked, shared by its parallel slots;
        the engine's own timing is used where it reports one (`usage.engine_ns`), so waiting in its
        queue is not billed. A target without a price costs nothing and `price_source` stays empty.
        """
        match target.price:
            case TokenPrice() as price:
                return _token_cost(applied(price, usage), usage)
            case MachinePrice() as price:
                worked = usage.engine_ns or elapsed_ns
                return charge_time(price.hourly, worked // price.slots)
        return FREE


def price_source(target: Target, usage: Usage) -> str:
    """Where the price of an answer is from, its service tier included; "" where nothing was billed."""
    if isinstance(target.price, TokenPrice):
        return in_tier(target.price, usage.service_tier).source
    return target.price.source if target.price else ""


def in_tier(price: TokenPrice, tier: str) -> TokenPrice:
    """The price of calls that are served in a tier; the ordinary one where that has no price of its own."""
    return next((other for name, other in price.tiers if name == tier), price) if tier else price


def applied(price: TokenPrice, usage: Usage) -> TokenPrice:
    """The flat price that holds for an answer: of its service tier, and of its prompt's length."""
    price = in_tier(price, usage.service_tier)
    if not price.above:
        return price
    longer = (dearer for start, dearer in reversed(price.above) if usage.input_tokens > start)
    return next(longer, price)


def _token_cost(price: TokenPrice, usage: Usage) -> Nano:
    if price.reasoning is None and not _has_other_parts(usage):  # Nearly every answer, in a third of the time.
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        plain = (
            (usage.input_tokens - cached, price.input),
            (cached, price.cached_input),
            (usage.output_tokens, price.output),
        )
        return charge((*plain, (1, price.request)))
    return charge(
        (
            *_input_parts(price, usage),
            *_output_parts(price, usage),
            (1, price.request),
            (usage.images, price.image),
            (usage.searches, price.search),
        )
    )


def _has_other_parts(usage: Usage) -> bool:
    """Whether it has more than text that is read, from a cache or not, and generated."""
    return bool(
        usage.cache_write_tokens
        or usage.audio_input_tokens
        or usage.cached_audio_input_tokens
        or usage.image_input_tokens
        or usage.audio_output_tokens
        or usage.image_output_tokens
        or usage.images
        or usage.searches
    )


def _input_parts(price: TokenPrice, usage: Usage) -> tuple[tuple[int, PicoRate], ...]:
    """The prompt's tokens, each in one part. A part that says more than there is left is cut to that."""
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    long = min(usage.long_cache_write_tokens, written)
    fresh = usage.input_tokens - cached - written
    cached_audio = min(usage.cached_audio_input_tokens, cached)
    audio = min(max(usage.audio_input_tokens - cached_audio, 0), fresh)
    image = min(usage.image_input_tokens, fresh - audio)
    write = _or(price.cache_write, price.input)
    return (
        (fresh - audio - image, price.input),
        (audio, _or(price.audio_input, price.input)),
        (image, _or(price.image_input, price.input)),
        (cached - cached_audio, price.cached_input),
        (cached_audio, _or(price.cached_audio_input, price.cached_input)),
        (written - long, write),
        (long, _or(price.long_cache_write, write)),
    )


def _output_parts(price: TokenPrice, usage: Usage) -> tuple[tuple[int, PicoRate], ...]:
    audio = min(usage.audio_output_tokens, usage.output_tokens)
    image = min(usage.image_output_tokens, usage.output_tokens - audio)
    thoughts = min(usage.reasoning_tokens, usage.output_tokens - audio - image)
    return (
        (usage.output_tokens - audio - image - thoughts, price.output),
        (audio, _or(price.audio_output, price.output)),
        (image, _or(price.image_output, price.output)),
        (thoughts, _or(price.reasoning, price.output)),
    )


def _or(rate: PicoRate | None, otherwise: PicoRate) -> PicoRate:
    return otherwise if rate is None else rate


def with_tier(price: Price, tier: str) -> Price | None:
    """The price of a target that is always called in a tier, such as a batch API; None where it is not known."""
    if not isinstance(price, TokenPrice):
        return None
    found = next((other for name, other in price.tiers if name == tier), None)
    return found and msgspec.structs.replace(found, tiers=())

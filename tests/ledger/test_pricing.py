"""What an answer costs: by hand, by rule, and against the tables of others."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec
import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.core.money import Nano, PicoRate
from homeport.core.types import MachinePrice, TokenPrice, Usage
from homeport.ledger.genai import api_price
from homeport.ledger.pricing import RateCard, price_source
from tests.fakes.house import target

AT = datetime(2026, 6, 1, tzinfo=UTC)
CARD = RateCard()
SECOND = 1_000_000_000

counts = st.integers(min_value=0, max_value=10**9)
rates = st.integers(min_value=0, max_value=10**9).map(PicoRate)
prices = st.builds(
    TokenPrice,
    source=st.just("s"),
    input=rates,
    cached_input=rates,
    output=rates,
    cache_write=st.none() | rates,
    long_cache_write=st.none() | rates,
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    total, output = draw(counts), draw(counts)
    cached = draw(st.integers(min_value=0, max_value=total))
    written = draw(st.integers(min_value=0, max_value=total - cached))
    return Usage(
        input_tokens=total,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        long_cache_write_tokens=draw(st.integers(min_value=0, max_value=written)),
        output_tokens=output,
        reasoning_tokens=draw(st.integers(min_value=0, max_value=output)),
    )


def cost(price: TokenPrice | MachinePrice | None, usage: Usage, elapsed_ns: int = 0) -> int:
    return CARD.cost(target("t", price=price), usage, elapsed_ns)


def token_price(input_usd: str, cached_usd: str, output_usd: str) -> TokenPrice:
    """From dollars a million."""
    rate = [PicoRate(int(Decimal(usd) * 1_000_000)) for usd in (input_usd, cached_usd, output_usd)]
    return TokenPrice(source="s", input=rate[0], cached_input=rate[1], output=rate[2])


@pytest.mark.parametrize(
    ("price", "usage", "nano"),
    [
        # 1,000,000 x 2 + 500,000 x 8 dollars a million = 6 dollars.
        (("2", "0.5", "8"), (1_000_000, 0, 500_000), 6_000_000_000),
        # 600 x 2 + 400 x 0.50 + 100 x 8 micro-dollars = 2,200 micro-dollars.
        (("2", "0.5", "8"), (1_000, 400, 100), 2_200_000),
        # One token at 0.15 a million is 150 nano-dollars.
        (("0.15", "0.075", "0.6"), (1, 0, 0), 150),
        # One cached token at 0.0375 a million is 37.5 nano-dollars: half up.
        (("0.15", "0.0375", "0.6"), (1, 1, 0), 38),
        (("0.15", "0.0375", "0.6"), (2, 2, 0), 75),
        (("2", "0.5", "8"), (0, 0, 0), 0),
    ],
)
def test_by_hand(price: tuple[str, str, str], usage: tuple[int, int, int], nano: int) -> None:
    used = Usage(input_tokens=usage[0], cached_input_tokens=usage[1], output_tokens=usage[2])
    assert cost(token_price(*price), used) == nano


def test_reasoning_is_output_that_is_already_counted() -> None:
    price = token_price("2", "0.5", "8")
    assert cost(price, Usage(output_tokens=100, reasoning_tokens=60)) == cost(price, Usage(output_tokens=100))


def test_more_cached_than_there_is_input_is_not_believed() -> None:
    price = token_price("2", "0.5", "8")
    assert cost(price, Usage(input_tokens=10, cached_input_tokens=1_000)) == 10 * 500


def test_what_is_written_to_a_cache_has_its_own_price() -> None:
    """Anthropic's prices of Claude Sonnet 4.5: 3, read 0.30, written 3.75 and for an hour 6, output 15."""
    price = msgspec.structs.replace(
        token_price("3", "0.3", "15"), cache_write=PicoRate(3_750_000), long_cache_write=PicoRate(6_000_000)
    )
    usage = Usage(input_tokens=1_000, cached_input_tokens=500, cache_write_tokens=300, long_cache_write_tokens=100)
    assert cost(price, usage) == 200 * 3_000 + 500 * 300 + 200 * 3_750 + 100 * 6_000
    flat = token_price("3", "0.3", "15")
    assert cost(flat, usage) == 500 * 3_000 + 500 * 300, "without such a price it is input like any other"


def test_more_written_than_there_is_input_is_not_believed() -> None:
    price = msgspec.structs.replace(token_price("2", "0.5", "8"), cache_write=PicoRate(4_000_000))
    used = Usage(input_tokens=10, cached_input_tokens=4, cache_write_tokens=99, long_cache_write_tokens=999)
    assert cost(price, used) == 4 * 500 + 6 * 4_000


def test_without_a_price_nothing_is_charged() -> None:
    assert cost(None, Usage(input_tokens=10**9, output_tokens=10**9), 10**12) == 0


@given(prices, usages(), usages())
def test_costs_add_up_to_the_rounding(price: TokenPrice, one: Usage, two: Usage) -> None:
    both = Usage(
        input_tokens=one.input_tokens + two.input_tokens,
        cached_input_tokens=one.cached_input_tokens + two.cached_input_tokens,
        cache_write_tokens=one.cache_write_tokens + two.cache_write_tokens,
        long_cache_write_tokens=one.long_cache_write_tokens + two.long_cache_write_tokens,
        output_tokens=one.output_tokens + two.output_tokens,
    )
    assert abs(cost(price, both) - cost(price, one) - cost(price, two)) <= 1


@given(prices, usages(), counts)
def test_more_tokens_never_cost_less(price: TokenPrice, usage: Usage, more: int) -> None:
    before = cost(price, usage)
    assert type(before) is int
    for name in ("input_tokens", "output_tokens"):
        grown = msgspec.structs.replace(usage, **{name: getattr(usage, name) + more})
        assert cost(price, grown) >= before >= 0


@given(prices, usages())
def test_a_cache_that_is_cheaper_never_costs_more(price: TokenPrice, usage: Usage) -> None:
    cheap = msgspec.structs.replace(price, cached_input=min(price.input, price.cached_input))
    uncached = msgspec.structs.replace(usage, cached_input_tokens=0)
    assert cost(cheap, usage) <= cost(cheap, uncached)


@given(prices, usages(), counts)
def test_time_does_not_matter_to_an_api(price: TokenPrice, usage: Usage, elapsed: int) -> None:
    assert cost(price, usage, elapsed) == cost(price, usage)


@pytest.mark.parametrize(
    ("slots", "engine_ns", "elapsed_ns", "nano"),
    [
        # A machine of 3.60 dollars an hour: a second is a milli-dollar.
        (1, 0, SECOND, 1_000_000),
        (1, SECOND, 60 * SECOND, 1_000_000),
        (4, SECOND, 60 * SECOND, 250_000),
        (4, 0, 2 * SECOND, 500_000),
        (1, 0, 0, 0),
    ],
)
def test_an_own_engine_costs_its_time(slots: int, engine_ns: int, elapsed_ns: int, nano: int) -> None:
    machine = MachinePrice(source="hourly", hourly=Nano(3_600_000_000), slots=slots)
    used = Usage(input_tokens=10**6, output_tokens=10**6, engine_ns=engine_ns)
    assert cost(machine, used, elapsed_ns) == nano


@given(counts, counts, st.integers(min_value=1, max_value=64))
def test_all_slots_together_cost_at_most_the_machine(hourly: int, elapsed: int, slots: int) -> None:
    whole = cost(MachinePrice(source="h", hourly=Nano(hourly)), Usage(), elapsed)
    share = cost(MachinePrice(source="h", hourly=Nano(hourly), slots=slots), Usage(), elapsed)
    assert share <= whole
    assert abs(share * slots - whole) <= slots * (1 + hourly // 3_600_000_000_000)


PROVIDERS = ("openai", "anthropic", "google", "together", "fireworks")


def priced() -> list[str]:
    """Every model of some providers that has a price a token on that day."""
    found = []
    for provider in get_snapshot().providers:
        for model in provider.models if provider.id in PROVIDERS else ():
            prices = model.get_prices(AT)
            is_findable = model.is_match(model.id)
            if is_findable and prices.input_mtok is not None:
                found.append(f"{provider.id}:{model.id}")
    return found


@pytest.mark.parametrize("size", [1_234, 128_001, 200_000, 200_001, 272_001, 1_000_000])
def test_our_costs_are_those_of_genai_prices(size: int) -> None:
    """Long prompts included, which make every token of some models dearer."""
    references = priced()
    assert len(references) > 100
    for reference in references:
        provider, _, model = reference.partition(":")
        theirs = calc_price(
            TheirUsage(input_tokens=size, cache_read_tokens=234, output_tokens=567),
            model,
            provider_id=provider,
            genai_request_timestamp=AT,
        ).total_price
        ours = cost(api_price(reference, AT), Usage(input_tokens=size, cached_input_tokens=234, output_tokens=567))
        nano = (theirs * 1_000_000_000).to_integral_value(rounding=ROUND_HALF_UP)
        assert ours == nano, reference


@pytest.mark.parametrize("size", [1_234, 200_001])
def test_cache_writes_cost_what_genai_prices_says(size: int) -> None:
    references = [reference for reference in priced() if api_price(reference, AT).cache_write is not None]
    assert any("claude-sonnet-4-5" in reference for reference in references)
    for reference in references:
        provider, _, model = reference.partition(":")
        theirs = calc_price(
            TheirUsage(input_tokens=size, cache_read_tokens=234, cache_write_tokens=345, output_tokens=567),
            model,
            provider_id=provider,
            genai_request_timestamp=AT,
        ).total_price
        used = Usage(input_tokens=size, cached_input_tokens=234, cache_write_tokens=345, output_tokens=567)
        nano = (theirs * 1_000_000_000).to_integral_value(rounding=ROUND_HALF_UP)
        assert cost(api_price(reference, AT), used) == nano, reference


def test_a_price_says_where_it_is_from() -> None:
    assert api_price("openai:gpt-4.1", AT).source == "genai-prices:openai:gpt-4.1"


@pytest.mark.parametrize("reference", ["openai:no-such-model", "nobody:gpt-4.1", "gpt-4.1", "", ":", "openai:"])
def test_an_unknown_model_has_no_price(reference: str) -> None:
    with pytest.raises(ConfigError) as caught:
        api_price(reference, AT)
    assert caught.value.code == "price_unknown"
    assert repr(reference) in caught.value.message
    assert caught.value.hint


TIERS = {"flex": "service_tier", "priority": "service_tier", "fast": "service_tier", "batch": "processing"}


@pytest.mark.parametrize("tier", TIERS)
def test_service_tiers_cost_what_genai_prices_says(tier: str) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    found = [(reference, price) for reference in priced() if (price := api_price(reference, now)).tiers]
    references = [reference for reference, price in found if tier in dict(price.tiers)]
    assert references
    for reference in references:
        provider, _, model = reference.partition(":")
        way = "speed" if (provider, tier) == ("anthropic", "fast") else TIERS[tier]
        theirs = calc_price(
            TheirUsage(input_tokens=1_234, cache_read_tokens=234, output_tokens=567),
            model,
            provider_id=provider,
            genai_request_timestamp=now,
            price_context={way: tier},
        ).total_price
        used = Usage(input_tokens=1_234, cached_input_tokens=234, output_tokens=567, service_tier=tier)
        nano = (theirs * 1_000_000_000).to_integral_value(rounding=ROUND_HALF_UP)
        price = api_price(reference, now)
        assert cost(price, used) == nano, reference
        assert price_source(target("t", price=price), used) == f"{price.source}@{tier}"


def test_audio_and_images_cost_what_genai_prices_says() -> None:
    found = 0
    for reference in priced():
        price = api_price(reference, AT)
        if price.audio_input is None and price.image_output is None:
            continue
        found += 1
        provider, _, model = reference.partition(":")
        theirs = calc_price(
            TheirUsage(
                input_tokens=1_000,
                input_audio_tokens=400 if price.audio_input is not None else 0,
                output_tokens=900,
                output_image_tokens=300 if price.image_output is not None else 0,
            ),
            model,
            provider_id=provider,
            genai_request_timestamp=AT,
        ).total_price
        used = Usage(input_tokens=1_000, audio_input_tokens=400, output_tokens=900, image_output_tokens=300)
        nano = (theirs * 1_000_000_000).to_integral_value(rounding=ROUND_HALF_UP)
        assert cost(price, used) == nano, reference
    assert found > 5


def test_the_price_of_a_tier_that_is_not_known_is_the_ordinary_one() -> None:
    price = msgspec.structs.replace(token_price("2", "0.5", "8"), tiers=(("flex", token_price("1", "0.2", "4")),))
    assert cost(price, Usage(input_tokens=10, service_tier="flex")) == 10_000
    assert cost(price, Usage(input_tokens=10, service_tier="odd")) == 20_000
    assert price_source(target("t", price=price), Usage(service_tier="odd")) == "s"
    assert price_source(target("t", price=None), Usage(service_tier="flex")) == ""


some_prices = st.builds(
    TokenPrice,
    source=st.just("s"),
    input=rates,
    cached_input=rates,
    output=rates,
    cache_write=st.none() | rates,
    long_cache_write=st.none() | rates,
    audio_input=st.none() | rates,
    cached_audio_input=st.none() | rates,
    image_input=st.none() | rates,
    audio_output=st.none() | rates,
    image_output=st.none() | rates,
    reasoning=st.none() | rates,
    request=rates,
    image=rates,
    search=rates,
    above=st.just(()) | st.tuples(st.tuples(counts, prices)),
    tiers=st.just(()) | st.tuples(st.tuples(st.just("flex"), prices)),
)


@st.composite
def any_usages(draw: st.DrawFn) -> Usage:
    """Usages that upstreams may report, those that contradict themselves included."""
    names = [name for name in Usage.__struct_fields__ if name not in {"service_tier", "estimated"}]
    told = {name: draw(counts) for name in names}
    return msgspec.convert({**told, "service_tier": draw(st.sampled_from(["", "flex"]))}, Usage)


@given(some_prices, any_usages())
def test_no_token_is_billed_twice(price: TokenPrice, usage: Usage) -> None:
    """At a rate of one for every kind of token the cost is the number of tokens, whatever the parts are."""
    one = {name: PicoRate(1_000) for name in ("input", "cached_input", "output")}
    others = [name for name in TokenPrice.__struct_fields__ if getattr(price, name) is not None]
    other = {name: PicoRate(1_000) for name in others if name not in {"source", "request", "image", "search"}}
    flat = msgspec.structs.replace(
        price, **{**other, **one, "above": (), "tiers": (), "request": 0, "image": 0, "search": 0}
    )
    assert cost(flat, usage) == usage.input_tokens + usage.output_tokens

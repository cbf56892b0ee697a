"""Which price a target has, on which day, with which contract."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.types import MachinePrice, Price, TokenPrice
from homeport.ledger.price_book import PriceBook
from homeport.ledger.price_files import PriceTable

AT = datetime(2026, 11, 1, tzinfo=UTC)
OWN = {"model": "openai:gpt-4.1", "from": "2026-07-01", "input_per_mtok": "1.5", "output_per_mtok": "6"}


def book(
    adapter: str = "openai", model: str = "gpt-4.1", *, target: Any = None, provider: Any = None, **top: Any
) -> Any:
    """A book of one target; and its price at a time."""
    settings = Settings.model_validate(
        {
            "providers": {"api": {"provider": adapter, "base_url": "https://api.example/v1", **(provider or {})}},
            "tiers": [{"name": "t", "targets": [{"model": model, "provider": "api", **(target or {})}]}],
            **top,
        }
    )
    prices = PriceBook(settings)
    return prices, lambda at=AT: prices.of_target(settings.tiers[0].targets[0], at)


def price(*args: Any, at: datetime = AT, **more: Any) -> Price | None:
    found: Price | None = book(*args, **more)[1](at)
    return found


def tokens(found: Price | None) -> TokenPrice:
    assert isinstance(found, TokenPrice)
    return found


@pytest.mark.parametrize(
    ("reference", "adapter", "model", "source"),
    [
        (None, "gemini", "gemini-2.5-pro", "genai-prices:google:gemini-2.5-pro"),
        (None, "openai", "gpt-4.1", "genai-prices:openai:gpt-4.1"),
        (None, "replicate", "meta/meta-llama-3-8b-instruct", "homeport:replicate:meta/meta-llama-3-8b-instruct"),
        ("openai:gpt-4.1", "azure", "our-deployment", "genai-prices:openai:gpt-4.1"),
        ("replicate:gpu-t4", "replicate", "acme/ours", "homeport:replicate:gpu-t4"),
    ],
)
def test_the_price_of_a_target(reference: str | None, adapter: str, model: str, source: str) -> None:
    found = price(adapter, model, target={"price": reference})
    assert found is not None
    assert found.source == source


@pytest.mark.parametrize("adapter", ["azure", "openai_compatible", "simulated"])
def test_a_name_that_anybody_may_give_has_no_price(adapter: str) -> None:
    assert price(adapter, "gpt-4.1") is None


def test_what_nobody_lists() -> None:
    assert price("openai", "no-such-model") is None
    with pytest.raises(ConfigError) as caught:
        price("openai", "no-such-model", target={"price": "openai:no-such-model"})
    assert caught.value.code == "price_unknown"
    assert caught.value.hint


def test_what_the_owner_wrote_wins_from_its_day_on() -> None:
    _, at = book(prices=[OWN])
    before, after = tokens(at(datetime(2026, 6, 30, 23, 59, tzinfo=UTC))), tokens(at(datetime(2026, 7, 1, tzinfo=UTC)))
    assert (before.source, before.input) == ("genai-prices:openai:gpt-4.1", 2_000_000)
    assert (after.source, after.input, after.output) == ("homeport.yaml:openai:gpt-4.1", 1_500_000, 6_000_000)


def test_a_model_that_no_list_has_is_priced_by_the_owner() -> None:
    own = {"model": "acme:m-1", "per_hour": "3.6", "slots": 2}
    found = price("openai_compatible", "m-1", target={"price": "acme:m-1"}, prices=[own])
    assert found == MachinePrice(source="homeport.yaml:acme:m-1", hourly=3_600_000_000, slots=2)  # type: ignore[arg-type]


def test_a_discount_is_off_the_list_and_off_nothing_that_was_written() -> None:
    provider = {"discounts": [{"percent": "12.5"}, {"percent": "20", "from": "2026-10-01"}]}
    _, at = book(provider=provider)
    assert tokens(at(datetime(2026, 9, 30, tzinfo=UTC))).input == 1_750_000
    assert tokens(at(AT)).output == 6_400_000
    assert tokens(price(provider=provider, prices=[OWN])).input == 1_500_000
    seconds = price("replicate", "gpu-t4", provider=provider)
    assert isinstance(seconds, MachinePrice)
    assert seconds.hourly == 648_000_000


def test_a_discount_holds_for_every_rate() -> None:
    full, part = tokens(price()), tokens(price(provider={"discounts": [{"percent": 50}]}))
    assert (part.cached_input, part.search) == (full.cached_input // 2, full.search // 2)
    assert [(name, tier.input) for name, tier in part.tiers] == [(name, tier.input // 2) for name, tier in full.tiers]


def test_a_target_that_is_always_called_in_a_tier_has_its_price() -> None:
    found = tokens(price(target={"service_tier": "batch"}))
    assert (found.source, found.input, found.tiers) == ("genai-prices:openai:gpt-4.1@batch", 1_000_000, ())
    for target in ({"service_tier": "overnight"}, {"service_tier": "batch", "price": "replicate:gpu-t4"}):
        with pytest.raises(ConfigError) as caught:
            price(target=target)
        assert caught.value.code == "price_unknown"


def test_a_currency_without_a_rate_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        price(prices=[{**OWN, "currency": "EUR"}])
    assert caught.value.code == "currency_unknown"
    worth = price(prices=[{**OWN, "currency": "EUR"}], currencies=[{"code": "EUR", "usd": "1.1"}])
    assert tokens(worth).input == 1_650_000


def test_what_nobody_looked_at_for_long_is_told() -> None:
    table = PriceTable.model_validate({"source": "https://a.example", "checked": "2026-08-03", "prices": []})
    settings = Settings.model_validate(
        {
            "providers": {"api": {"provider": "openai"}},
            "tiers": [{"name": "t", "targets": [{"model": "m", "provider": "api"}]}],
            "prices": [{**OWN, "checked": "2026-08-04"}, {**OWN, "from": "2020-01-01", "checked": "2020-01-01"}],
            "currencies": [{"code": "EUR", "from": "2026-08-05", "usd": "1.1"}],
        }
    )

    def told(day: date) -> set[str]:
        return {stale.subject for stale in PriceBook(settings, (table,)).stale(day)} - {"genai-prices"}

    assert told(date(2026, 11, 1)) == set()
    assert told(date(2026, 11, 2)) == {"https://a.example"}
    assert told(date(2026, 11, 3)) == {"https://a.example", "openai:gpt-4.1"}
    assert told(date(2026, 11, 4)) == {"https://a.example", "openai:gpt-4.1", "the rate of EUR"}


def test_the_data_of_others_grows_stale() -> None:
    prices, _ = book()
    assert "genai-prices" in {stale.subject for stale in prices.stale(date(2030, 1, 1))}
    assert "genai-prices" not in {stale.subject for stale in prices.stale(date(2026, 11, 22))}

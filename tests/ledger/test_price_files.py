"""Prices that somebody wrote: our own tables, and the section `prices`."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from homeport.config.prices import CurrencySettings, PriceSettings
from homeport.core.errors import ConfigError
from homeport.core.types import MachinePrice, Price, TokenPrice, Usage
from homeport.ledger.price_files import dollars_for, read_table, read_tables, written_line, written_price
from homeport.ledger.pricing import RateCard
from tests.fakes.house import target

AT = date(2026, 6, 1)


def shipped(reference: str, at: date = AT) -> Price | None:
    line = written_line(reference, [line for table in read_tables() for line in table.prices], at)
    return written_price(f"homeport:{reference}", line, Fraction(1)) if line else None


def priced(**amounts: Any) -> Price:
    return written_price("s", PriceSettings.model_validate({"model": "acme:m", **amounts}), Fraction(1))


def cost(price: Price | None, usage: Usage) -> int:
    return RateCard().cost(target("t", price=price), usage, 9_000_000_000)


def test_tokens_cost_what_the_table_says() -> None:
    price = shipped("replicate:meta/meta-llama-3-70b-instruct")
    assert cost(price, Usage(input_tokens=1_000_000, output_tokens=1_000_000)) == 3_400_000_000


def test_seconds_cost_what_the_table_says() -> None:
    price = shipped("replicate:gpu-a100-large")
    assert isinstance(price, MachinePrice)
    assert cost(price, Usage(engine_ns=2_500_000_000)) == 3_500_000


def test_a_price_holds_from_its_day() -> None:
    begun = date(2024, 4, 18)
    assert shipped("replicate:meta/meta-llama-3-8b-instruct", begun) is not None
    assert shipped("replicate:meta/meta-llama-3-8b-instruct", begun - timedelta(days=1)) is None


def test_every_shipped_line_has_a_source_and_is_paid() -> None:
    for table in read_tables():
        assert table.source.startswith("https://")
        assert date(2026, 1, 1) <= table.checked <= datetime.now(UTC).date()
        for line in table.prices:
            amounts = [*line.amounts().values(), *([line.per_second] if line.per_second is not None else [])]
            assert amounts
            assert all(amount > 0 for amount in amounts)
    names = [(line.model, line.since) for table in read_tables() for line in table.prices]
    assert len(names) == len(set(names))


def test_the_newest_line_that_has_begun_holds() -> None:
    lines = [
        PriceSettings.model_validate({"model": "acme:m", "from": day, "per_request": amount})
        for day, amount in (("2026-09-01", "3"), ("2026-01-01", "1"), ("2026-05-01", "2"))
    ]

    def at(day: date) -> Decimal | None:
        line = written_line("acme:m", lines, day)
        return line.per_request if line else None

    assert at(date(2025, 12, 31)) is None
    assert at(date(2026, 1, 1)) == at(date(2026, 4, 30)) == 1
    assert at(date(2026, 5, 1)) == at(date(2026, 8, 31)) == 2
    assert at(date(2030, 1, 1)) == 3
    assert written_line("acme:other", lines, AT) is None


def test_every_kind_of_token_and_piece() -> None:
    rates = {
        "input_per_mtok": "1",
        "cached_input_per_mtok": "0.1",
        "cache_write_per_mtok": "1.25",
        "cache_write_1h_per_mtok": "2",
        "audio_input_per_mtok": "10",
        "cached_audio_input_per_mtok": "3",
        "image_input_per_mtok": "5",
        "output_per_mtok": "4",
        "audio_output_per_mtok": "20",
        "image_output_per_mtok": "30",
        "per_request": "0.005",
        "per_image": "0.04",
        "per_search": "0.01",
    }
    usage = Usage(
        input_tokens=1_000,
        cached_input_tokens=300,
        cached_audio_input_tokens=50,
        cache_write_tokens=200,
        long_cache_write_tokens=80,
        audio_input_tokens=150,
        image_input_tokens=120,
        output_tokens=500,
        reasoning_tokens=70,
        audio_output_tokens=40,
        image_output_tokens=60,
        images=2,
        searches=3,
    )
    asked = 280 * 1_000 + 100 * 10_000 + 120 * 5_000 + 250 * 100 + 50 * 3_000 + 120 * 1_250 + 80 * 2_000
    told = 400 * 4_000 + 40 * 20_000 + 60 * 30_000
    assert cost(priced(**rates), usage) == asked + told + 5_000_000 + 2 * 40_000_000 + 3 * 10_000_000


def test_a_rate_that_is_left_out_is_that_of_what_it_is_part_of() -> None:
    price = priced(input_per_mtok="1", output_per_mtok="4")
    usage = Usage(
        input_tokens=10, cached_input_tokens=3, cache_write_tokens=2, audio_input_tokens=4, output_tokens=5, images=9
    )
    assert cost(price, usage) == 10 * 1_000 + 5 * 4_000


def test_long_prompts_and_tiers_change_what_they_name() -> None:
    price = priced(
        input_per_mtok="1",
        output_per_mtok="4",
        above=[{"input_tokens": 100, "input_per_mtok": "2"}],
        service_tiers={"batch": {"input_per_mtok": "0.5", "output_per_mtok": "2"}},
    )
    assert cost(price, Usage(input_tokens=100, output_tokens=10)) == 100 * 1_000 + 10 * 4_000
    assert cost(price, Usage(input_tokens=101, output_tokens=10)) == 101 * 2_000 + 10 * 4_000
    assert cost(price, Usage(input_tokens=10, output_tokens=10, service_tier="batch")) == 10 * 500 + 10 * 2_000
    assert cost(price, Usage(input_tokens=10, output_tokens=10, service_tier="flex")) == 10 * 1_000 + 10 * 4_000


def test_a_dedicated_endpoint_costs_its_hour_shared_by_its_slots() -> None:
    price = priced(per_hour="7.2", slots=4)
    assert cost(price, Usage(engine_ns=2_000_000_000)) == 1_000_000


def test_another_currency_is_worth_what_its_day_says() -> None:
    rates = [
        CurrencySettings.model_validate({"code": "EUR", "from": day, "usd": usd})
        for day, usd in (("2026-01-01", "1.05"), ("2026-06-01", "1.0834"))
    ]
    assert dollars_for("USD", rates, AT) == 1
    assert dollars_for("EUR", rates, date(2026, 5, 31)) == Fraction(105, 100)
    line = PriceSettings.model_validate(
        {"model": "a:m", "input_per_mtok": "0.7", "output_per_mtok": "3", "currency": "EUR"}
    )
    price = written_price("s", line, dollars_for("EUR", rates, AT))
    assert isinstance(price, TokenPrice)
    # 0.70 EUR x 1.0834 = 0.75838 USD a million; 3 EUR = 3.2502 USD: exact in pico-dollars.
    assert (price.input, price.output) == (758_380, 3_250_200)
    for code, day in (("EUR", date(2025, 12, 31)), ("CHF", AT)):
        with pytest.raises(ConfigError) as caught:
            dollars_for(code, rates, day)
        assert caught.value.code == "currency_unknown"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input_per_mtok": "1"},
        {"output_per_mtok": "1"},
        {"per_search": "1"},
        {"per_second": "1", "input_per_mtok": "1", "output_per_mtok": "1"},
        {"per_second": "1", "per_hour": "1"},
        {"per_second": "1", "service_tiers": {"batch": {"input_per_mtok": "1"}}},
        {"input_per_mtok": "-1", "output_per_mtok": "1"},
        {"input_per_mtok": "NaN", "output_per_mtok": "1"},
        {"input_per_mtok": "1e400", "output_per_mtok": "1"},
        {"input_per_mtok": "1" * 50, "output_per_mtok": "1"},
        {"input_per_mtok": True, "output_per_mtok": "1"},
        {"input_per_mtok": ["1"], "output_per_mtok": "1"},
        {"input_per_mtok": "one", "output_per_mtok": "1"},
        {"per_request": "1", "model": "no-colon"},
        {"per_request": "1", "from": "2026-02-30"},
        {"per_request": "1", "from": "yesterday"},
        {"per_request": "1", "from": 20260101},
        {"per_request": "1", "currency": "euro"},
        {"per_request": "1", "slots": 0},
        {"per_request": "1", "unknown": 1},
        {"per_request": "1", "above": [{"input_tokens": 0}]},
        {"per_request": "1", "above": [{"input_tokens": 9}, {"input_tokens": 9}]},
        {"per_request": "1", "above": [{"input_tokens": 9}, {"input_tokens": 8}]},
    ],
)
def test_what_is_no_price(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PriceSettings.model_validate({"model": "acme:m", **fields})


@pytest.mark.parametrize("usd", ["0", "-1", "NaN", None, "x"])
def test_a_currency_is_worth_something(usd: str | None) -> None:
    with pytest.raises(ValidationError):
        CurrencySettings.model_validate({"code": "EUR", "usd": usd})


@pytest.mark.parametrize("data", [b"", b"[]", b"a: 1", b"\xff", b"prices: []\nsource: s\nchecked: never"])
def test_what_is_no_table(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_table("t.yaml", data)

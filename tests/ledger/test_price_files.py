"""Our own price tables, and which price a target has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from homeport.core.errors import ConfigError
from homeport.core.types import MachinePrice, TokenPrice, Usage
from homeport.ledger.price_files import own_price, read_files
from homeport.ledger.pricing import RateCard, target_price
from tests.fakes.house import target

AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_tokens_cost_what_the_table_says() -> None:
    price = own_price("replicate:meta/meta-llama-3-70b-instruct", AT)
    assert isinstance(price, TokenPrice)
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert RateCard().cost(target("t", price=price), usage, 0) == 3_400_000_000
    assert price.source == "homeport:replicate:meta/meta-llama-3-70b-instruct"


def test_seconds_cost_what_the_table_says() -> None:
    price = own_price("replicate:gpu-a100-large", AT)
    assert isinstance(price, MachinePrice)
    worked = Usage(engine_ns=2_500_000_000)
    assert RateCard().cost(target("t", price=price), worked, 9_000_000_000) == 3_500_000


def test_a_price_holds_from_its_day() -> None:
    begun = datetime(2024, 4, 18, tzinfo=UTC)
    assert own_price("replicate:meta/meta-llama-3-8b-instruct", begun) is not None
    assert own_price("replicate:meta/meta-llama-3-8b-instruct", begun - timedelta(seconds=1)) is None


def test_every_line_is_one_price() -> None:
    lines = [line for table in read_files() for line in table.prices]
    assert lines
    for line in lines:
        assert datetime.fromisoformat(line.since).year >= 2024
        assert bool(line.second_usd) != bool(line.input_mtok_usd and line.output_mtok_usd)
        amounts = [line.second_usd, line.input_mtok_usd, line.cached_input_mtok_usd, line.output_mtok_usd]
        assert all(Decimal(usd) > 0 for usd in amounts if usd)


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
    price = target_price(reference, adapter, model, AT)
    assert price is not None
    assert price.source == source


@pytest.mark.parametrize("adapter", ["azure", "openai_compatible", "simulated"])
def test_a_name_that_anybody_may_give_has_no_price(adapter: str) -> None:
    assert target_price(None, adapter, "gpt-4.1", AT) is None


def test_what_nobody_lists() -> None:
    assert target_price(None, "openai", "no-such-model", AT) is None
    with pytest.raises(ConfigError):
        target_price("openai:no-such-model", "openai", "no-such-model", AT)

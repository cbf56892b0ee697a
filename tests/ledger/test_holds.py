"""What is held for a call is never less than what it may be billed, whatever its price counts."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Inference, Surface, TokenPrice, Usage
from homeport.ledger.holds import Ask, ask_of, quote
from homeport.ledger.pricing import RateCard
from tests.fakes.house import target
from tests.ledger.test_pricing import any_usages, some_prices


@given(some_prices, any_usages(), st.booleans())
def test_no_answer_within_its_bounds_costs_more_than_was_held(price: TokenPrice, usage: Usage, media: bool) -> None:
    if not media:
        names = ("audio_input", "cached_audio_input", "image_input", "audio_output", "image_output")
        usage = msgspec.structs.replace(usage, **dict.fromkeys((f"{name}_tokens" for name in names), 0))
    usage = msgspec.structs.replace(usage, images=min(usage.images, 1), searches=min(usage.searches, 10))
    ask = Ask(
        prompt=usage.input_tokens,
        output=usage.output_tokens,
        searches=usage.searches,
        media=media,
        tiered=bool(usage.service_tier),
    )
    held = quote(price, ask, prompt=ask.prompt, usual=None)
    assert RateCard().cost(target("t", price=price), usage, 0) <= held.worst + bool(not usage.output_tokens)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, (0, False, False)),
        ({"service_tier": "default"}, (0, False, False)),
        ({"service_tier": None}, (0, False, False)),
        ({"service_tier": "flex"}, (0, False, True)),
        ({"service_tier": "auto"}, (0, False, True)),
        ({"speed": "fast"}, (0, False, True)),
        ({"modalities": ["text", "audio"]}, (0, True, False)),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, (0, True, False)),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, (10, False, False)),
        ({"tools": [{"type": "function", "function": {"name": "cite"}}]}, (0, False, False)),
    ],
)
def test_what_a_body_asks_for(fields: dict[str, Any], found: tuple[int, bool, bool]) -> None:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    inference = Inference(
        surface=Surface.CHAT,
        model="m",
        stream=False,
        wants_usage=False,
        input_chars=1,
        deterministic=False,
        fields=raw,
    )
    ask = ask_of(inference, default_output=10, media_tokens=10)
    assert (ask.searches, ask.media, ask.tiered) == found


@pytest.mark.parametrize(
    ("surface", "default", "bound"), [("completions", 10, 10), ("completions", 100, 16), ("chat/completions", 100, 100)]
)
def test_the_bound_of_a_caller_who_sets_none(surface: str, default: int, bound: int) -> None:
    inference = Inference(
        surface=Surface(surface),
        model="m",
        stream=False,
        wants_usage=False,
        input_chars=1,
        deterministic=False,
        fields={"prompt": msgspec.Raw(b'"a"')},
    )
    assert ask_of(inference, default_output=default, media_tokens=10).output == bound

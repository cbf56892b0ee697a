"""Estimates are marked as such, and never below zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.usage import estimate

sizes = st.integers(min_value=0, max_value=10**9)


@pytest.mark.parametrize(
    ("characters", "events", "answer", "tokens"),
    [(0, 0, 0, (0, 0)), (1, 0, 0, (1, 0)), (4, 0, 0, (1, 0)), (5, 3, 0, (2, 3)), (400, 0, 400, (100, 100))],
)
def test_four_characters_are_a_token_and_so_is_an_event(
    characters: int, events: int, answer: int, tokens: tuple[int, int]
) -> None:
    usage = estimate(characters, events, answer)
    assert (usage.input_tokens, usage.output_tokens) == tokens
    assert usage.estimated
    assert (usage.cached_input_tokens, usage.reasoning_tokens, usage.engine_ns) == (0, 0, 0)


@given(sizes, sizes, sizes, sizes)
def test_more_is_never_less(characters: int, events: int, answer: int, more: int) -> None:
    before, after = estimate(characters, events, answer), estimate(characters + more, events + more, answer + more)
    assert after.input_tokens >= before.input_tokens
    assert after.output_tokens >= before.output_tokens

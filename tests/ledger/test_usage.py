"""Estimates are marked as such, and never below zero."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.usage import estimate, generated_chars

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


ANSWERS = {
    "a chat": ({"id": "x" * 50, "choices": [{"message": {"role": "assistant", "content": "abcd"}}]}, 4),
    "thoughts, and two choices": (
        {"choices": [{"message": {"reasoning_content": "abc"}}, {"message": {"content": "de"}}]},
        5,
    ),
    "a call": ({"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]}}]}, 7),
    "a completion": ({"choices": [{"text": "abc", "logprobs": {"tokens": ["abc"]}}]}, 3),
    "a response": ({"instructions": "long", "output": [{"content": [{"type": "output_text", "text": "abcde"}]}]}, 5),
    "a message": ({"content": [{"type": "text", "text": "ab"}, {"type": "tool_use", "input": {"a": 1}}]}, 9),
    "no answer": ([1], 0),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_was_generated_counts_and_not_the_json_around_it(name: str) -> None:
    answer, characters = ANSWERS[name]
    assert generated_chars(msgspec.json.encode(answer)) == characters


@given(st.binary(max_size=50) | st.just(b'{"choices":' * 20_000))
def test_what_cannot_be_read_counts_nothing(body: bytes) -> None:
    assert generated_chars(body) >= 0

"""What upstreams say when a bound is too large for them, in their own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.output_limits import LEAST_TOKENS, OutputLimit, stated_limit


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ("max_tokens is too large: 16384. This model supports at most 4096 completion tokens, you gave 16384.", 4096),
        ("Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 8192, but got 16384.", 8192),
        ("max_tokens: 16384 > 4096, which is the maximum allowed number of output tokens for haiku-20240307", 4096),
        ("max_tokens: 16384 > 4,096, which is the maximum allowed number of output tokens for m-3-0613", 4096),
        ("`max_tokens` must be less than or equal to `8192`, it is less than the `context_window`", 8192),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("Range of max_tokens should be [1,8192]", 8192),
        ("it has a maxOutputTokens value of 16384 but the range is from 1 (inclusive) to 8193 (exclusive).", 8192),
        ("The maximum tokens you requested exceeds the model limit of 4096. Try one lower than 4096.", 4095),
        ("too many tokens: max tokens must be less than or equal to 4096, the maximum of gpt-4-8192", 4096),
        ("- input.max_tokens: Must be less than or equal to 4096", 4096),
        ("the value 16384 is too large, 2048 is allowed", 2048),
    ],
)
def test_limits_of_all_answers(words: str, tokens: int) -> None:
    assert stated_limit(words, sent=16_384, prompt=100) == OutputLimit(tokens, lasting=True)


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        (
            "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 20 `inputs` tokens and 16384 `max_new_tokens`",
            8077,
        ),
        ("'max_tokens' is too large: 16384. This model's maximum context length is 4096 tokens.", 3980),
        ("maximum context length is 120 tokens; you requested 16393 (9 in the messages, 16384 in the completion)", 30),
        ("input length and `max_tokens` exceed context limit: 190000 + 16384 > 200000, decrease input length", 4096),
        ("max_tokens is too large", 4096),
    ],
)
def test_limits_of_this_request(words: str, tokens: int) -> None:
    assert stated_limit(words, sent=16_384, prompt=100) == OutputLimit(tokens, lasting=False)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "temperature must be at most 2",
        "Unsupported parameter: 'max_tokens'",
        "16384 is a number",
        "tools[0] is none",
    ],
)
def test_what_is_about_something_else(words: str) -> None:
    assert stated_limit(words, sent=16_384, prompt=100) is None


def test_a_small_bound_is_not_guessed_smaller() -> None:
    assert stated_limit("max_tokens is too large", sent=4_096, prompt=1) is None


@given(
    st.text() | st.from_regex(r"max_tokens [<>] ([0-9,.]{1,40} ?){1,5}"), st.integers(1, 10**7), st.integers(0, 10**9)
)
def test_whatever_is_said_the_next_bound_is_smaller(words: str, sent: int, prompt: int) -> None:
    limit = stated_limit(words, sent=sent, prompt=prompt)
    assert limit is None or LEAST_TOKENS <= limit.tokens < sent

"""What was timed, as figures."""

import pytest

from homeport.cli.bench_engine import parse_concurrency
from homeport.core.errors import ConfigError
from homeport.engines.speed import Timing, summarize


def test_two_at_once() -> None:
    round_ = [
        Timing(sent=0.0, first=1.0, last=3.0, prompt=100, answer=21),
        Timing(sent=0.0, first=2.0, last=5.0, prompt=300, answer=31),
    ]
    speed = summarize(2, [round_])
    assert speed.prefill_tokens_per_s == 200  # 400 tokens, until the later one began to write
    assert speed.decode_tokens_per_s == 12.5  # 20 + 30 tokens, from 1 s to 5 s
    assert speed.answer_tokens_per_s == 10
    assert speed.ttft_ms == 1500


def test_the_median_of_rounds() -> None:
    rounds = [[Timing(sent=0.0, first=1.0, last=2.0, prompt=tokens, answer=11)] for tokens in (10, 50, 1000)]
    assert summarize(1, rounds).prefill_tokens_per_s == 50


@pytest.mark.parametrize("text", ["", "0", "1,,2", "-1", "257", "1.5", "²", "9" * 40, "a"])
def test_what_is_no_concurrency(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_concurrency(text)
    assert caught.value.code == "concurrency_invalid"


def test_concurrencies_are_in_order_and_once() -> None:
    assert parse_concurrency("4, 1,4") == [1, 4]

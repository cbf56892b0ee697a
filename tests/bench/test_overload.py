"""The figures of the overload and pass-through benchmarks, from answers that were made up."""

import pytest

from bench import overload, passthrough
from bench.overload import Told, arrivals, steady
from bench.passthrough import Took


def told(took: float, status: int = 200, who: str = "key 0", *, retry_after: int | None = None, back: int = 0) -> Told:
    return Told(who=who, due=0.0, took=took, status=status, retry_after=retry_after, told=back)


def test_the_latencies_are_of_what_was_let_in() -> None:
    phases = {
        "half": [told(1.0)] * 19 + [told(2.0), told(1.0, who="vip")],
        "twice": [
            *[told(1.4)] * 20,
            told(0.01, 503, retry_after=2),
            told(0.01, 429, retry_after=1),
            told(1.5, back=2),
            told(0.01, 503, retry_after=3, back=1),
            told(0.01, 503, retry_after=60, back=60),
            told(1.1, who="vip"),
        ],
        "half, no gate": [told(1.0)],
        "twice, no gate": [told(30.0)],
    }
    found = overload.figures(phases)
    assert (found["p95_at_half_s"], found["p95_at_twice_s"]) == (1.0, 1.4)
    assert found["p95_at_twice_over_half"] == pytest.approx(1.4)
    assert found["reserved_p95_at_twice_over_half"] == pytest.approx(1.1)
    assert found["p95_without_gate_over_half"] == 30
    assert (found["refused_with_retry_after"], found["answered_when_they_came_back"]) == (1.0, 0.5)
    assert found["answered_when_they_came_back_after_a_minute"] == 0
    assert found["let_in_at_twice"] == pytest.approx(21 / 23)
    assert found["other_failures"] == 0


def test_what_was_not_measured_is_no_figure() -> None:
    found = overload.figures({"half": [], "twice": [told(0.1, 0)], "half, no gate": [], "twice, no gate": []})
    assert (found["p95_at_twice_over_half"], found["refused_with_retry_after"]) == (None, None)
    assert found["other_failures"] == 1


def test_arrivals_are_seeded_and_as_many_as_was_asked_for() -> None:
    assert arrivals(5.0, 100.0, seed=1) == arrivals(5.0, 100.0, seed=1) != arrivals(5.0, 100.0, seed=2)
    assert len(arrivals(5.0, 1_000.0, seed=1)) == pytest.approx(4_500, rel=0.05)
    assert len(steady(5.0, 1_000.0, seed=1)) == pytest.approx(5_000, rel=0.05)


def test_pairs_are_compared_with_each_other() -> None:
    direct = [Took(0.1 * number, 1.0 * number, 50) for number in range(1, 10)]
    gateway = [Took(one.first + 0.002, one.whole / 0.99, 50) for one in direct]
    took = {"direct": direct, "gateway": gateway}
    found = passthrough.rates(took, "stream") | passthrough.first_tokens(took)
    assert found["tokens_per_second_ratio_stream"] == pytest.approx(0.99)
    assert found["ttft_added_p50_ms"] == pytest.approx(2.0)
    assert (
        found["tokens_per_second_ratio_stream_low"]
        <= 0.99 + 1e-9
        <= found["tokens_per_second_ratio_stream_high"] + 2e-9
    )

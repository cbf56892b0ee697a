import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.proportions import wilson


def test_a_published_example() -> None:
    """Newcombe (Statistics in Medicine 17, 1998), table I: 81 of 263 and 15 of 148 at 95 %."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_share_is_inside(of: int, share: float) -> None:
    hits = math.floor(of * share)
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1


def test_more_is_narrower() -> None:
    widths = [high - low for low, high in (wilson(count // 4, count) for count in (8, 80, 800))]
    assert widths == sorted(widths, reverse=True)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """Exactly, by the binomial distribution: on average over shares it is close to 95 %."""

    def coverage(of: int, share: float) -> float:
        return sum(
            math.comb(of, hits) * share**hits * (1 - share) ** (of - hits)
            for hits in range(of + 1)
            if wilson(hits, of)[0] <= share <= wilson(hits, of)[1]
        )

    mean = sum(coverage(40, place / 50) for place in range(1, 50)) / 49
    assert 0.945 < mean < 0.96

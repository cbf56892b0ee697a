"""What a stretch shows, and what of it is too little to matter."""

import math

import pytest

from homeport.core.unusual import Measure
from homeport.ledger.samples import Costs, Shares, Sizes, Stretch, news_from

SECOND = 1_000_000_000


def test_a_single_failure_is_no_score() -> None:
    shares = Shares()
    for failed in (True, *[False] * 9):
        shares.add(failed)
    assert (shares.stretch(0, 1).score, shares.stretch(0, 1).found) == (0.0, 0.1)
    shares.add(True)
    assert shares.stretch(0, 1).score == shares.stretch(0, 1).found == 2 / 11


def test_sizes_are_compared_with_what_the_same_callers_had() -> None:
    sizes = Sizes()
    for value, usual in ((10, 5), (1_000, 500), (30, 15)):
        sizes.add(math.log(value), math.log(usual))
    stretch = sizes.stretch(7, 8)
    assert (stretch.since, stretch.samples) == (7, 3)
    assert math.exp(stretch.score) == pytest.approx(2)
    assert stretch.found == pytest.approx(30)
    assert stretch.usual == pytest.approx(15)


def test_costs_are_dollars_a_minute() -> None:
    costs = Costs()
    costs.add(SECOND)
    costs.add(SECOND)
    assert costs.stretch(0, 30 * SECOND).found == pytest.approx(4)
    assert math.exp(costs.stretch(0, 30 * SECOND).score) == pytest.approx(4)
    assert Costs().stretch(5, 5).found == 0


@pytest.mark.parametrize(
    ("measure", "found", "usual", "matters"),
    [
        (Measure.LATENCY, 0.30, 0.10, True),
        (Measure.LATENCY, 0.09, 0.01, False),
        (Measure.LATENCY, 1.90, 1.00, False),
        (Measure.OUTPUT_TOKENS, 140, 100, True),
        (Measure.OUTPUT_TOKENS, 12, 4, False),
        (Measure.OUTPUT_TOKENS, 125, 100, False),
    ],
)
def test_what_is_little_or_near_is_not_judged(measure: Measure, found: float, usual: float, matters: bool) -> None:
    """Also where the usual score is low, because times drifted."""
    stretch = Stretch(0, math.log(found / usual), found, 20, usual)
    assert (stretch.judged(measure, -0.5) > -0.5) == matters


def test_news_is_what_costs_two_of_the_dearest_hours() -> None:
    assert news_from(100) == 200

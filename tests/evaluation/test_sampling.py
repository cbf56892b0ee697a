"""Samples are nested, as large as they are to be, and every probability is the one that held."""

import math
import random

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homeport.evaluation.sampling import NEVER, Probabilities, Shares, decide, draw, probabilities, sampling_key

KEY = sampling_key(b"p" * 32)
MANY = 20_000

unit = st.floats(0, 1)
shares_of_any_size = st.tuples(unit, unit, st.floats(0.001, 1), st.floats(1, 100), unit).map(
    lambda drawn: Shares(judge=max(drawn[:2]), human=min(drawn[:2]), floor=drawn[2], most=drawn[3], low=drawn[4])
)


def ids(count: int = MANY) -> list[str]:
    return [f"req_{number:024x}" for number in range(count)]


@given(st.text(), st.none() | unit, shares_of_any_size, st.none() | unit)
@example("", 0.0, Shares(judge=0.75, human=0.0, floor=0.4, most=2.0, low=0.0), 1 - 2**-53)
def test_what_people_review_is_judged_whatever_the_shares(
    identity: str, score: float | None, shares: Shares, low_share: float | None
) -> None:
    one = decide(KEY, identity, score, shares, low_share)
    assert one.for_judge or not one.for_human
    assert 0 <= one.probabilities.human <= one.probabilities.judge <= 1 + 1e-12
    assert 0 <= one.draw < 1
    assert one.for_judge == (one.draw < one.probabilities.judge)
    assert one.for_human == (one.draw < one.probabilities.human)
    assert one == decide(KEY, identity, score, shares, low_share)


@given(shares_of_any_size, st.floats(0.0001, 0.9999))
def test_the_floor_holds_low_ones_are_favoured_and_the_expected_share_is_the_one_stated(
    shares: Shares, low_share: float
) -> None:
    low = probabilities(shares, low=True, low_share=low_share)
    others = probabilities(shares, low=False, low_share=low_share)
    for name, share in (("judge", shares.judge), ("human", shares.human)):
        of_low, of_others = getattr(low, name), getattr(others, name)
        assert of_low >= of_others - 1e-9
        assert of_others >= share * shares.floor - 1e-9
        assert of_low <= min(1.0, shares.most * share) + 1e-9
        assert math.isclose(low_share * of_low + (1 - low_share) * of_others, share, abs_tol=1e-9)


@pytest.mark.parametrize("low_share", [None, 0.0, 1.0, -1.0, math.nan])
@pytest.mark.parametrize("low", [True, False])
def test_where_nobody_knows_how_many_are_low_all_are_drawn_alike(low_share: float | None, low: bool) -> None:
    assert probabilities(Shares(), low=low, low_share=low_share) == Probabilities(judge=0.15, human=0.07)


def test_samples_are_as_large_as_they_are_to_be() -> None:
    drawn = [decide(KEY, one, 1.0, Shares(), None) for one in ids()]
    judged, reviewed = (sum(getattr(one, name) for one in drawn) / MANY for name in ("for_judge", "for_human"))
    assert abs(judged - 0.15) < 0.01
    assert abs(reviewed - 0.07) < 0.005


def test_with_low_ones_favoured_samples_are_as_large_and_a_weighted_mean_is_right() -> None:
    dice = random.Random(3)
    truth, weighted, counted, low_drawn = 0, 0.0, 0, 0
    for one in ids():
        low = dice.random() < 0.06
        # Low ones are mostly bad, others rarely.
        bad = dice.random() < (0.7 if low else 0.05)
        drawn = decide(KEY, one, 0.0 if low else 1.0, Shares(), 0.06)
        truth += bad
        if drawn.for_judge:
            counted += 1
            low_drawn += drawn.low
            weighted += bad / drawn.probabilities.judge
    assert abs(counted / MANY - 0.15) < 0.01
    assert low_drawn / counted > 3 * 0.06
    # Four standard errors of a Horvitz-Thompson total, about 0.0045 each.
    assert abs(weighted / MANY - truth / MANY) < 0.018


def test_what_was_not_kept_is_drawn_for_nothing() -> None:
    shares = Shares(judge=1.0, human=1.0)
    drawn = decide(KEY, "req_1", None, shares, None)
    assert (drawn.probabilities, drawn.for_judge, drawn.for_human, drawn.low) == (NEVER, False, False, False)


def test_without_the_key_nobody_can_choose_an_id_that_is_drawn() -> None:
    """Another key draws others: of those that one draws first, the other draws an ordinary share."""
    other = sampling_key(b"q" * 32)
    first = [one for one in ids() if draw(KEY, one) < 0.05]
    assert abs(sum(draw(other, one) < 0.5 for one in first) / len(first) - 0.5) < 0.07


def test_draws_are_even() -> None:
    draws = sorted(draw(KEY, one) for one in ids())
    # Kolmogorov-Smirnov at one in 10,000.
    assert max(abs(place / MANY - value) for place, value in enumerate(draws)) < 2.23 / math.sqrt(MANY)


@pytest.mark.parametrize("odd", ["", "\ud800", "\0", "é" * 10_000])
def test_any_id_has_a_draw(odd: str) -> None:
    assert 0 <= draw(KEY, odd) < 1


def test_people_cannot_be_given_more_than_the_judge() -> None:
    with pytest.raises(ValueError):
        Shares(judge=0.1, human=0.2)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"judge": 1.5}, Shares)

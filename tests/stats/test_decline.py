"""The e-value of a fall: at most 1 on average without one, whatever the mean, the weights and the scores are."""

import math

import numpy as np
import pytest

from homeport.stats.decline import Scale, Scores, decline, merged, scale_of, spread_of


def outputs(good: float, bad: float, weight: float = 1.0, of: float | None = None) -> Scores:
    """Outputs that are good or bad, all of them looked at but where `of` says how many there are."""
    return Scores(
        outputs=good + bad if of is None else of,
        values=np.array([1.0, 0.0]),
        weights=np.array([weight, weight]),
        counts=np.array([good, bad]),
    )


NOTHING = Scores(outputs=0.0, values=np.zeros(0), weights=np.zeros(0), counts=np.zeros(0))


def chance(good: int, of: int, share: float) -> float:
    return math.comb(of, good) * share**good * (1 - share) ** (of - good)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.85, 0.99])
@pytest.mark.parametrize("scale", [Scale(0.5, 0.5), Scale(0.9, 0.3), Scale(0.97, 0.05)])
def test_exactly_on_average_it_is_at_most_one(share: float, scale: Scale) -> None:
    before, now = 12, 7
    mean = math.fsum(
        chance(first, before, share)
        * chance(second, now, share)
        * decline(outputs(first, before - first), outputs(second, now - second), scale)
        for first in range(before + 1)
        for second in range(now + 1)
    )
    assert 0 < mean <= 1 + 1e-9


def test_with_unequal_probabilities_it_is_at_most_one_too() -> None:
    rng = np.random.default_rng(3)
    found = [decline(drawn(rng, 150, 0.8), drawn(rng, 80, 0.8), Scale(0.7, 0.6)) for _ in range(4_000)]
    assert np.mean(found) < 1.05
    fallen = [decline(drawn(rng, 600, 0.8), drawn(rng, 600, 0.55), Scale(0.8, 0.6)) for _ in range(50)]
    assert np.median(fallen) > 1e6


def drawn(rng: np.random.Generator, count: int, mean: float) -> Scores:
    """Scores of several steps; those below a half are looked at four times as often as others."""
    values = np.clip(rng.beta(4 * mean, 4 * (1 - mean), count), 0, 1).round(1)
    share = np.where(values < 0.5, 0.8, 0.2)
    seen = rng.random(count) < share
    return Scores(outputs=count, values=values[seen], weights=0.2 / share[seen], counts=np.ones(int(seen.sum())))


def test_a_fall_is_seen_and_a_rise_is_not() -> None:
    scale = Scale(0.9, 0.3)
    before = outputs(900, 100)
    assert decline(before, outputs(820, 180), scale) > 1e3
    assert decline(before, outputs(900, 100), scale) < 1
    assert decline(before, outputs(980, 20), scale) < 1


def test_few_outputs_before_say_little() -> None:
    scale, now = Scale(0.9, 0.3), outputs(820, 180)
    assert decline(outputs(900, 100), now, scale) > 10 * decline(outputs(90, 10), now, scale)


def test_a_fall_within_the_tolerance_is_none() -> None:
    scale, before, now = Scale(0.9, 0.3), outputs(9_000, 1_000), outputs(8_700, 1_300)
    assert decline(before, now, scale) > 1e6
    assert decline(before, now, scale, tolerance=0.03) < 2


def test_days_that_are_far_apart_weaken_it() -> None:
    scale, before, now = Scale(0.9, 0.3), outputs(900, 100), outputs(820, 180)
    assert decline(before, now, scale, spread=4.0) < decline(before, now, scale) ** 0.5
    assert decline(before, now, scale, spread=0.1) == decline(before, now, scale), "chance is never too small"


def test_nothing_says_nothing() -> None:
    assert decline(NOTHING, outputs(1, 1), Scale(0.5, 0.5)) == decline(outputs(1, 1), NOTHING, Scale(0.5, 0.5)) == 1


def test_however_much_there_is_it_is_a_number() -> None:
    found = decline(outputs(1e7, 0), outputs(0, 1e7), Scale(1.0, 0.01))
    assert math.isfinite(found)
    assert found > 1e100


def test_the_scale_knows_that_what_never_failed_may() -> None:
    scale = scale_of(outputs(99, 0))
    assert scale.level == pytest.approx(0.995)
    assert 0.03 < scale.deviation < 0.1
    assert scale_of(NOTHING) == Scale(0.5, 0.5)


def test_a_weighted_mean_is_that_of_all_outputs() -> None:
    found = merged([outputs(10, 0, weight=2.0), outputs(0, 20, weight=1.0)])
    assert found.mean == 0.5
    assert found.looked_at == 30
    assert math.isnan(NOTHING.mean)


def test_the_spread_of_days_is_one_where_chance_put_them_apart() -> None:
    rng = np.random.default_rng(5)
    calm = [spread_of([outputs(good, 500 - good) for good in rng.binomial(500, 0.8, 12)]) for _ in range(200)]
    assert 1.0 < np.mean(calm) < 1.3
    assert spread_of([outputs(good, 500 - good) for good in [350, 450] * 6]) > 10
    assert (
        spread_of([outputs(5, 0)] * 3) == spread_of([NOTHING] * 5) == spread_of([outputs(3, 4)]) == spread_of() == 1.0
    )
    assert spread_of([outputs(450, 50)] * 6, [outputs(350, 150)] * 6) == 1.0, "two times may differ"

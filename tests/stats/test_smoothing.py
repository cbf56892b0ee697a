"""Smoothing: by hand where a hand can do it, and what holds for every series."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.smoothing import (
    DAMPING,
    Fit,
    Model,
    State,
    fit_all,
    futures,
    seasonal_factors,
    sum_deviation,
    sum_expected,
    weights,
)

AMOUNTS = st.lists(st.floats(0, 1e15), min_size=1, max_size=60)
WEEK = [100.0, 120.0, 110.0, 130.0, 90.0, 10.0, 0.0]


def fit(errors: list[float], model: Model, level: float = 10.0) -> Fit:
    states = [State(level)]
    for error in errors:
        states.append(states[-1].after(error, model))
    return Fit(model=model, states=tuple(states), errors=tuple(errors), score=0.0)


def test_a_level_takes_over_its_share_of_an_error_and_a_slope_its_share_of_that() -> None:
    model = Model(speed=0.5, slope_speed=0.2)
    state = State(10.0, 1.0).after(4.0, model)
    assert state.level == pytest.approx(10 + DAMPING + 2.0)
    assert state.slope == pytest.approx(DAMPING + 0.4)


def test_a_level_never_falls_below_zero() -> None:
    assert State(1.0, -100.0).after(-50.0, Model(speed=1.0)).level == 0.0


@pytest.mark.parametrize("cut", range(7))
def test_seasonal_factors_stand_at_the_step_they_are_for(cut: int) -> None:
    """Whatever day of the week a history begins on."""
    series = (WEEK * 4)[cut:]
    factors = seasonal_factors(series, 7)
    assert [factors[step % 7] * 80.0 for step in range(len(series))] == pytest.approx(series)


def test_a_series_that_repeats_exactly_is_forecast_exactly() -> None:
    sums = futures(fit_all(WEEK * 6, 7), 3, 1.0, Random(1), 200)
    assert sums[20] == pytest.approx(330, rel=0.02)
    assert sums[-20] == pytest.approx(330, rel=0.02)


def test_a_season_needs_two_periods() -> None:
    assert all(len(fitted.model.season) == 1 for fitted in fit_all(WEEK + WEEK[:6], 7))
    assert any(len(fitted.model.season) == 7 for fitted in fit_all(WEEK * 2, 7))


def test_a_level_that_moved_is_followed() -> None:
    fits = fit_all([10.0, 11.0, 9.0] * 6 + [100.0, 101.0, 99.0] * 4, 7)
    best = fits[weights(fits).index(1.0)]
    assert best.model.speed > 0
    assert best.states[-1].next_level == pytest.approx(100, rel=0.1)


def test_the_spread_of_a_sum_is_the_one_that_simulation_has() -> None:
    """The formula against 4,000 futures of a model with level and slope, errors drawn one by one."""
    model, rng = Model(speed=0.3, slope_speed=0.2), Random(3)
    fitted = fit([rng.gauss(0, 1) for _ in range(50)], model, level=1e6)
    sums = []
    for _ in range(4_000):
        state, total = fitted.states[-1], 0.0
        for _ in range(12):
            error = rng.gauss(0, fitted.deviation)
            total += state.next_level + error
            state = state.after(error, model)
        sums.append(total)
    mean = math.fsum(sums) / len(sums)
    assert math.sqrt(math.fsum((value - mean) ** 2 for value in sums) / len(sums)) == pytest.approx(
        sum_deviation(fitted, 12), rel=0.05
    )
    assert mean == pytest.approx(sum_expected(fitted, 50, 12), rel=1e-4)


def test_half_of_a_first_step_is_half_of_it() -> None:
    fits = fit_all([100.0] * 20, 7)
    assert futures(fits, 1, 0.5, Random(1), 9)[4] == pytest.approx(50)
    assert futures(fits, 2, 0.0, Random(1), 9)[4] == pytest.approx(100)


@given(AMOUNTS, st.integers(1, 31), st.floats(0, 1))
def test_futures_are_finite_sorted_and_not_below_zero(series: list[float], horizon: int, first: float) -> None:
    sums = futures(fit_all(series, 7), horizon, first, Random(1), 20)
    assert sums == sorted(sums)
    assert all(math.isfinite(value) and value >= 0 for value in sums)


@given(AMOUNTS, st.integers(1, 31), st.floats(0, 1))
def test_a_future_takes_the_steps_of_its_model(series: list[float], horizon: int, first: float) -> None:
    """The plain numbers that futures are made of, against `State`, to the last bit."""
    for model in (Model(speed=0.0), Model(speed=0.35, slope_speed=0.3, season=(0.5, 1.0, 1.5))):
        fitted, rng = fit(series, model, level=series[0]), Random(5)
        rng.choices([fitted], [1.0], k=1)
        state = State(fitted.states[-1].level + rng.gauss(0.0, fitted.level_deviation()), fitted.states[-1].slope)
        total, place, share = 0.0, 0, first
        for ahead in range(horizon):
            place = (place + 1) % fitted.steps if ahead % 5 else rng.randrange(fitted.steps)
            error = fitted.errors[place] * math.sqrt(fitted.steps / max(fitted.steps - 2, 1))
            total += share * (state.next_level * fitted.factor(fitted.steps + ahead) + error)
            state, share = state.after(error, model), 1.0
        assert futures([fitted], horizon, first, Random(5), 1) == [max(0.0, total)]

"""Exponential smoothing of a short series, and simulated futures of it.

Many models are fitted: with and without a season, with several speeds at which the level and the slope
follow the series. None is chosen. A future draws its model by Akaike weight, so that what a short history
does not tell apart makes the interval wider.

Sources: Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing" (Springer 2008): the damped
trend in innovations form (ch. 2) and intervals by bootstrapped innovations (ch. 6). Burnham and Anderson,
"Model Selection and Multimodel Inference" (Springer 2002), ch. 2: corrected Akaike weights. Kunsch, "The
Jackknife and the Bootstrap for General Stationary Observations" (Ann. Statist. 17, 1989): blocks.
"""

import math
from collections.abc import Sequence
from itertools import product
from random import Random

import msgspec

DAMPING = 0.9
"""What is left of a slope a step later: growth goes on for a week or two, not for ever."""

_SPEEDS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6)
_SLOPE_SPEEDS = (0.0, 0.1, 0.3)
_BLOCK = 5
"""Steps whose errors are drawn together: a busy day has busy neighbours."""

_LOST = 2
"""Degrees of freedom that a fit uses up; its errors are that much too small."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """How a series is followed.

    Attributes:
        speed: share of an error that the level takes over; 0 for a level that never moves.
        slope_speed: share of that which the slope takes over.
        season: factors of the steps of a period around 1; (1.0,) for none.
    """

    speed: float
    slope_speed: float = 0.0
    season: tuple[float, ...] = (1.0,)


class State(msgspec.Struct, frozen=True):
    """Where a model stands before a step."""

    level: float
    slope: float = 0.0

    @property
    def next_level(self) -> float:
        """The level that the step is expected at. What is counted here is never below 0."""
        return max(self.level + DAMPING * self.slope, 0.0)

    def after(self, error: float, model: Model) -> "State":
        """Where the model stands once the step missed its expectation by `error`."""
        moved = model.speed * error
        return State(max(self.next_level + moved, 0.0), DAMPING * self.slope + model.slope_speed * moved)


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has followed a series.

    Attributes:
        states: before each step, and after the last one.
        errors: of each step.
        score: corrected Akaike criterion; lower is better.
    """

    model: Model
    states: tuple[State, ...]
    errors: tuple[float, ...]
    score: float

    @property
    def steps(self) -> int:
        return len(self.errors)

    @property
    def deviation(self) -> float:
        """Root mean square of the errors."""
        return math.sqrt(math.fsum(error * error for error in self.errors) / self.steps)

    def factor(self, step: int) -> float:
        """The season's factor of a step, counted from the first of the series."""
        return self.model.season[step % len(self.model.season)]

    def level_deviation(self) -> float:
        """Standard error of the last level, as far as it comes from not knowing the first one."""
        kept = 1.0 - self.model.speed
        information = math.fsum(kept ** (2 * step) for step in range(self.steps))
        return float(kept**self.steps * self.deviation / math.sqrt(information))


def fit_all(series: Sequence[float], period: int) -> list[Fit]:
    """Every model of the family on a series of at least one step; a season needs two whole periods."""
    seasons: list[tuple[float, ...]] = [(1.0,)]
    if len(series) >= 2 * period:
        seasons.append(seasonal_factors(series, period))
    moving = [(speed, slope) for speed, slope in product(_SPEEDS, _SLOPE_SPEEDS) if speed or not slope]
    models = (Model(speed=speed, slope_speed=slope, season=season) for season in seasons for speed, slope in moving)
    return [_fit(series, model, period) for model in models]


def seasonal_factors(series: Sequence[float], period: int) -> tuple[float, ...]:
    """Mean of each step of the period over the mean of all, from the whole periods at the series' end."""
    start = len(series) % period
    whole = series[start:]
    mean = math.fsum(whole) / len(whole)
    if not mean:
        return (1.0,) * period
    factors = [math.fsum(whole[place::period]) * period / len(whole) / mean for place in range(period)]
    # Factors count from the first step of the series, the sums from the first whole period.
    return tuple(factors[(place - start) % period] for place in range(period))


def weights(fits: Sequence[Fit]) -> list[float]:
    """Akaike weights, not normalised; the best one's is 1."""
    best = min(fit.score for fit in fits)
    return [math.exp((best - fit.score) / 2) for fit in fits]


def futures(fits: Sequence[Fit], horizon: int, first: float, rng: Random, count: int) -> list[float]:
    """Sums over the next `horizon` steps, of `count` simulated futures, ascending.

    Args:
        first: share of the first step that is still to come, from 0 to 1.
    """
    drawn = rng.choices([_start(fit) for fit in fits], weights(fits), k=count)
    return sorted(max(0.0, _future(start, horizon, first, rng)) for start in drawn)


def sum_expected(fit: Fit, step: int, horizon: int) -> float:
    """What the model, as it stood before `step`, expected of the sum of `horizon` steps from there on."""
    state, total = fit.states[step], 0.0
    for ahead in range(step, step + horizon):
        total += state.next_level * fit.factor(ahead)
        state = state.after(0.0, fit.model)
    return total


def sum_deviation(fit: Fit, horizon: int) -> float:
    """Standard deviation of the sum over a horizon, by the model's own errors."""
    effect, slope, variance = 1.0, fit.model.speed * fit.model.slope_speed, 0.0
    level = fit.model.speed
    for _ in range(horizon):
        variance += effect * effect
        slope *= DAMPING
        level += slope
        effect += level
    return fit.deviation * math.sqrt(variance)


def _fit(series: Sequence[float], model: Model, period: int) -> Fit:
    head = series[:period] if model.speed else series
    states, errors = [State(math.fsum(head) / len(head))], []
    for step, value in enumerate(series):
        state = states[-1]
        errors.append(value - state.next_level * model.season[step % len(model.season)])
        states.append(state.after(errors[-1], model))
    score = _score(errors, 2 + (model.slope_speed > 0) + len(model.season) - 1)
    return Fit(model=model, states=tuple(states), errors=tuple(errors), score=score)


def _score(errors: Sequence[float], parameters: int) -> float:
    steps = len(errors)
    variance = math.fsum(error * error for error in errors) / steps
    # A series that a model meets exactly has no likelihood; a floor keeps the comparison finite.
    spent = 2 * parameters * steps / max(steps - parameters - 1, 1)
    return steps * math.log(max(variance, 1e-9)) + spent


class _Start(msgspec.Struct, frozen=True):
    """What all futures of a fit begin with: its errors as large as they would be in a long series, and how well its
    last level is known."""

    fit: Fit
    errors: tuple[float, ...]
    level_deviation: float


def _start(fit: Fit) -> _Start:
    grown = math.sqrt(fit.steps / max(fit.steps - _LOST, 1))
    return _Start(fit, tuple(error * grown for error in fit.errors), fit.level_deviation())


def _future(start: _Start, horizon: int, first: float, rng: Random) -> float:
    """Steps as `State` takes them, in plain numbers: there are ten thousands of them."""
    fit, errors, steps = start.fit, start.errors, start.fit.steps
    speed, slope_speed, season = fit.model.speed, fit.model.slope_speed, fit.model.season
    level, slope = fit.states[-1].level + rng.gauss(0.0, start.level_deviation), fit.states[-1].slope
    total, place, share = 0.0, 0, first
    for ahead in range(horizon):
        place = (place + 1) % steps if ahead % _BLOCK else rng.randrange(steps)
        expected = max(level + DAMPING * slope, 0.0)
        total += share * (expected * season[(steps + ahead) % len(season)] + errors[place])
        moved = speed * errors[place]
        level, slope, share = max(expected + moved, 0.0), DAMPING * slope + slope_speed * moved, 1.0
    return total

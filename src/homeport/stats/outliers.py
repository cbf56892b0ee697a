"""Is the last number of a seasonal series too large to be chance?

Source: conformal p-values (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; as a test
for outliers Bates et al., Ann. Statist. 51, 2023). The last number is ranked among its own past by how far each
is above what is usual at its place in the season. If the scores are exchangeable, the chance of a p-value of at
most `a` is at most `a`, whatever their distribution. The usual is computed from all numbers, the last one
included, so that none is treated apart; medians see to it that one number cannot move it.
"""

from collections.abc import Sequence
from statistics import median

import msgspec

_LEAST_SPREAD = 0.1
"""Of the usual amount: a series that hardly varies is not alarmed by a tenth more."""


class Verdict(msgspec.Struct, frozen=True):
    """The p-value of the last number, and what is usual at its place."""

    p_value: float
    usual: float


def judge_last(series: Sequence[float], places: Sequence[int]) -> Verdict:
    """How unusually large the last number of a series is.

    Args:
        places: where in the season each number is, such as the hour of the day; as long as the series.

    Returns:
        a p-value from 1 / len(series), for a number that is above all others, to 1.
    """
    scores, usual = _scores(series, places)
    return Verdict(sum(score >= scores[-1] for score in scores) / len(scores), usual)


def _scores(series: Sequence[float], places: Sequence[int]) -> tuple[list[float], float]:
    by_place: dict[int, list[float]] = {}
    for place, value in zip(places, series, strict=True):
        by_place.setdefault(place, []).append(value)
    middle = {place: median(values) for place, values in by_place.items()}
    spread = {place: median(abs(value - middle[place]) for value in values) for place, values in by_place.items()}
    # One floor for all places: the scores of quiet and busy hours stay comparable.
    floor = _LEAST_SPREAD * sum(series) / len(series) or 1.0
    scores = [
        (value - middle[place]) / max(spread[place], _LEAST_SPREAD * middle[place], floor)
        for place, value in zip(places, series, strict=True)
    ]
    return scores, middle[places[-1]]

"""How well a score says which requests gain by a stronger model.

Source: Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data" (arXiv 2406.18665), section 4: the
requests with the highest scores go to the strong model; PGR is the share of the gap between the models that this
recovers, APGR its mean over the shares of requests that may go there, CPT(p) the share at which PGR reaches p.
Requests with equal scores are taken in random order, so every figure is the expected value over such orders.

numpy is imported where it is needed: a process that answers requests never does.
"""

from collections.abc import Iterator, Sequence

import msgspec

from homeport.stats.arrays import Array

_STEPS = 10
"""APGR is a trapezoid over so many steps of the share of strong calls, as the paper's."""

_COVERAGE = 0.95


class Estimate(msgspec.Struct, frozen=True):
    """A figure, and its 95 % interval by percentiles of resamples (Efron and Tibshirani 1993, ch. 13)."""

    value: float
    low: float
    high: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """APGR (0.5 for chance), and the per cent of requests that must go to the strong model for half and for
    four fifths of the gap (50 and 80 for chance)."""

    apgr: Estimate
    cpt50: Estimate
    cpt80: Estimate


class Ranking:
    """Requests in the order of their scores, with what each model makes of them.

    Args:
        scores: higher for those that should go to the strong model first.
        weak, strong: quality of each model's answers, such as 0 or 1, in any unit.

    Raises:
        ValueError: lengths differ, a number is not finite, or the strong model is not the better one.
    """

    def __init__(self, scores: Sequence[float], weak: Sequence[float], strong: Sequence[float]) -> None:
        import numpy as np

        values = np.asarray(scores, float)
        gains = np.asarray(strong, float) - np.asarray(weak, float)
        if values.shape != gains.shape or values.ndim != 1 or not np.isfinite([*values, *gains]).all():
            raise ValueError("a ranking needs a finite score and two finite qualities for each request")
        if not gains.sum() > 0:
            raise ValueError("the strong model is not the better one, so no share of the gap can be recovered")
        self._order = np.argsort(-values, kind="stable")
        self._gains = gains[self._order]
        self._ends = np.flatnonzero(np.append(np.diff(values[self._order]) != 0, True))

    @property
    def count(self) -> int:
        return len(self._order)

    @property
    def apgr(self) -> float:
        return _area(self.recovered())

    def recovered(self, times: "Array | None" = None) -> "Array":
        """PGR at 0, 10, ... and 100 % of strong calls; not finite where a resample has no gap.

        Args:
            times: how often each request counts; None: once.
        """
        import numpy as np

        counts = np.ones(self.count) if times is None else np.asarray(times, float)[self._order]
        shares = np.append(0.0, np.cumsum(counts)[self._ends] / counts.sum())
        gained = np.append(0.0, np.cumsum(counts * self._gains)[self._ends])
        if not gained[-1] > 0:
            return np.full(_STEPS + 1, np.nan)
        found: Array = np.interp(np.linspace(0.0, 1.0, _STEPS + 1), shares, gained / gained[-1])
        return found


def auroc(scores: Sequence[float], positives: Sequence[bool | int]) -> float:
    """The probability that a positive has a higher score than a negative; half where they are equal.

    Raises:
        ValueError: all are of one kind, or lengths differ.
    """
    pairs = sorted(zip(scores, positives, strict=True), key=lambda pair: pair[0])
    wins = below = negatives = 0.0
    for equal in _runs(pairs):
        there = float(sum(equal))
        wins += there * (below + (len(equal) - there) / 2)
        below += len(equal) - there
    negatives = below
    if not 0 < negatives < len(pairs):
        raise ValueError("a ranking of one kind alone says nothing")
    return wins / negatives / (len(pairs) - negatives)


def apgr(scores: Sequence[float], weak: Sequence[float], strong: Sequence[float]) -> float:
    """APGR alone. Raises as `Ranking`."""
    return Ranking(scores, weak, strong).apgr


def measure(ranking: Ranking, *, seed: int, resamples: int = 1000) -> Figures:
    """All figures with their intervals; the same for the same seed."""
    found = ranking.recovered()
    drawn = [again for again in _again(ranking, resamples, seed) if again[-1] == again[-1]]
    return Figures(
        apgr=_estimate(_area(found), [_area(one) for one in drawn]),
        cpt50=_estimate(_calls(found, 0.5), [_calls(one, 0.5) for one in drawn]),
        cpt80=_estimate(_calls(found, 0.8), [_calls(one, 0.8) for one in drawn]),
    )


def compare(ranking: Ranking, other: Ranking, *, seed: int, resamples: int = 1000) -> Estimate:
    """By how much the APGR of a ranking is above another's of the same requests, drawn together each time."""
    pairs = zip(_again(ranking, resamples, seed), _again(other, resamples, seed), strict=True)
    differences = [_area(one) - _area(two) for one, two in pairs if one[-1] == one[-1]]
    return _estimate(ranking.apgr - other.apgr, differences)


def _again(ranking: Ranking, resamples: int, seed: int) -> "Iterator[Array]":
    import numpy as np

    dice = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = dice.integers(0, ranking.count, ranking.count)
        yield ranking.recovered(np.bincount(drawn, minlength=ranking.count).astype(float))


def _area(recovered: "Array") -> float:
    inner = float(recovered[1:-1].sum())
    return (inner + float(recovered[0] + recovered[-1]) / 2) / _STEPS


def _calls(recovered: "Array", share: float) -> float:
    """Per cent of strong calls where a share of the gap is first recovered."""
    for step in range(_STEPS):
        low, high = float(recovered[step]), float(recovered[step + 1])
        if low < share <= high:
            return 100 * (step + (share - low) / (high - low)) / _STEPS
    return 100.0


def _estimate(value: float, drawn: Sequence[float]) -> Estimate:
    import numpy as np

    if not drawn:
        return Estimate(value, value, value)
    tail = (1 - _COVERAGE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Estimate(value, float(low), float(high))


def _runs(pairs: Sequence[tuple[float, bool | int]]) -> Iterator[list[bool | int]]:
    """The second of each pair, those with an equal first together."""
    start = 0
    for place in range(1, len(pairs) + 1):
        if place == len(pairs) or pairs[place][0] != pairs[start][0]:
            yield [positive for _, positive in pairs[start:place]]
            start = place

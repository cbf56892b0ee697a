"""How far two raters agree: people and a judge, or two people on the rows that both labelled.

Scores are between 0 and 1. Agreement is 1 less the distance of two scores, so that a judge which says neither
(one half) agrees by half with either; of yes and no alone it is the share of equal ones. Kappa is that agreement,
less what chance would give (Cohen, "Weighted kappa", Psychological Bulletin 70, 1968, with linear weights; of yes and
no alone it is Cohen's kappa of 1960); its variance is that of Fleiss, Cohen and Everitt ("Large sample standard
errors of kappa and weighted kappa", Psychological Bulletin 72, 1969), its interval Wilson's of the agreement. The
correlation's interval is by Fisher's transformation (Metron 1, 1921), with the greater of his variance and the one
by each row's influence, since scores of yes and no are not normal. Intervals are of 95 %.

numpy is imported where it is needed.
"""

import msgspec

from homeport.stats.arrays import Array, Flags
from homeport.stats.means import (
    LEAST_ROWS,
    NORMAL,
    MeanInterval,
    bounded,
    effective_rows,
    effective_size,
    varies,
)

USABLE = "judge usable"
UNUSABLE = "judge unusable"
UNMEASURED = "judge not measured"
LEAST_PAIRS = 10
"""Of fewer nothing is said of a judge."""


class Figure(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two raters on the same rows.

    Attributes:
        agreement: between 0 and 1.
        kappa: 1 where they always agree, 0 where chance would agree as often; None where both always say one thing.
        correlation: None where one of them always says the same.
    """

    pairs: int
    agreement: Figure | None
    kappa: Figure | None
    correlation: Figure | None


class Verdict(msgspec.Struct, frozen=True):
    """What a judge is good for, in words.

    Attributes:
        said: `judge usable`, `judge unusable`, or `judge not measured` where too few rows are labelled.
        why: one sentence.
    """

    said: str
    why: str


def agree(first: "Array", second: "Array", weights: "Array | None" = None) -> Agreement:
    """Compare two raters, each of the shape (n,).

    Args:
        weights: of rows, in proportion to 1 over the probability of being in the sample; None for equal ones.

    Raises:
        ValueError: the shapes differ, or a score is not between 0 and 1.
    """
    import numpy as np

    parts = np.full(len(first), 1.0) if weights is None else weights
    if not first.shape == second.shape == parts.shape or first.ndim != 1:
        raise ValueError("two raters have one score each for each row")
    if not all(((scores >= 0) & (scores <= 1)).all() for scores in (first, second)):
        raise ValueError("a score is between 0 and 1")
    if len(first) < LEAST_ROWS:
        return Agreement(pairs=len(first), agreement=None, kappa=None, correlation=None)
    parts = parts / parts.sum()
    same = 1 - np.abs(first - second)
    return Agreement(
        pairs=len(first),
        agreement=_share(same, parts),
        kappa=_kappa(first, second, same, parts),
        correlation=_figure(correlate(first, second, parts)),
    )


def judge_verdict(found: Agreement) -> Verdict:
    """Whether a judge may stand in for people: not where its correlation with them may be none."""
    if found.pairs < LEAST_PAIRS:
        return Verdict(UNMEASURED, f"{found.pairs} rows are labelled by people, {LEAST_PAIRS} are needed")
    if found.correlation is None:
        return Verdict(UNUSABLE, "the judge, or people, always say the same")
    between = f"{found.correlation.low:.2f} and {found.correlation.high:.2f}"
    if found.correlation.high < 0:
        return Verdict(UNUSABLE, f"it contradicts people: the correlation is between {between}")
    if found.correlation.low <= 0:
        return Verdict(UNUSABLE, f"the correlation with people is between {between}, which includes 0")
    return Verdict(USABLE, f"the correlation with people is between {between}")


def correlate(first: "Array", second: "Array", weights: "Array") -> MeanInterval:
    """Pearson's correlation of samples of the shape (..., n), n of 4 or more; NaN where one does not vary."""
    import numpy as np

    parts = weights / weights.sum(axis=-1, keepdims=True)
    rows = effective_rows(parts)
    apart = [one - (parts * one).sum(axis=-1, keepdims=True) for one in (first, second)]
    squares = [(parts * one**2).sum(axis=-1) for one in apart]
    known = _varied(first, parts, squares[0]) & _varied(second, parts, squares[1])
    product = np.where(known, squares[0] * squares[1], 1.0)
    value = np.where(known, (parts * apart[0] * apart[1]).sum(axis=-1) / np.sqrt(product), np.nan)
    # Few rows that agree without exception do not show that there is none.
    cap = np.sqrt(np.maximum(1 - 4 / rows, 0.0))
    capped = np.clip(value, -cap, cap)
    middle = np.arctanh(capped)
    # Fisher's variance is that of normal scores; of yes and no it is more, by the influence of each row.
    deviations = [np.sqrt(np.where(known, square, 1.0)) for square in squares]
    scaled = [one / deviation[..., None] for one, deviation in zip(apart, deviations, strict=True)]
    influence = scaled[0] * scaled[1] - value[..., None] * (scaled[0] ** 2 + scaled[1] ** 2) / 2
    spread = np.sqrt(((parts * influence) ** 2).sum(axis=-1)) / (1 - capped**2)
    reach = NORMAL * np.maximum(1 / np.sqrt(np.maximum(rows - 3, 1.0)), spread)
    low, high = np.tanh(middle - reach), np.tanh(middle + reach)
    return MeanInterval(value, np.minimum(low, value), np.maximum(high, value))


def _varied(scores: "Array", parts: "Array", square: "Array") -> "Flags":
    return varies((parts * scores).sum(axis=-1), square)


def _share(same: "Array", parts: "Array") -> Figure:
    """The mean agreement, with its interval."""
    import numpy as np

    mean, rows = (parts * same).sum(), effective_rows(parts)
    variance = ((parts * (same - mean)) ** 2).sum() * rows / np.maximum(rows - 1, 1.0)
    found = bounded(mean, effective_size(mean, variance, rows), np.maximum(rows - 1, 2.0))
    return Figure(float(found.value), float(found.low), float(found.high))


def _kappa(first: "Array", second: "Array", same: "Array", parts: "Array") -> Figure | None:
    import numpy as np

    by_first, by_second = 1 - _distance(first, second, parts), 1 - _distance(second, first, parts)
    agreed, chance = (parts * same).sum(), float((parts * by_first).sum())
    if chance > 1 - 1e-9:
        return None
    kappa, rows = float(agreed - chance) / (1 - chance), effective_rows(parts)
    terms = same - (1 - kappa) * (by_first + by_second)
    variance = ((parts * (terms - (parts * terms).sum())) ** 2).sum() * rows / np.maximum(rows - 1, 1.0)
    found = bounded(agreed, effective_size(agreed, variance, rows), np.maximum(rows - 1, 2.0))
    low, high = ((float(bound) - chance) / (1 - chance) for bound in (found.low, found.high))
    return Figure(kappa, max(low, -1.0), min(high, 1.0))


def _distance(of: "Array", to: "Array", parts: "Array") -> "Array":
    """The mean distance of each of `of` to all of `to`, by the weights of the latter."""
    import numpy as np

    order = np.argsort(to, kind="stable")
    sorted_to, sorted_parts = to[order], parts[order]
    below = np.concatenate([[0.0], np.cumsum(sorted_parts)])
    sums = np.concatenate([[0.0], np.cumsum(sorted_parts * sorted_to)])
    places = np.searchsorted(sorted_to, of, side="right")
    distance: Array = of * (2 * below[places] - below[-1]) - 2 * sums[places] + sums[-1]
    return distance


def _figure(found: MeanInterval) -> Figure | None:
    import numpy as np

    if np.isnan(found.value):
        return None
    return Figure(float(found.value), float(found.low), float(found.high))

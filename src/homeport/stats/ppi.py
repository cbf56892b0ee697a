"""What people would say on average, from few labels and many verdicts of a judge: prediction-powered inference.

Three estimates stand side by side: of people's labels alone, of the judge alone, and corrected, which is the judge's
mean over all it judged, set right by how it misses on the rows that people labelled too:

    corrected = sum u_i (y_i - t_i (j_i - P)),   P = the judge's mean, y_i a label, j_i its verdict, u_i its weight

That is unbiased for any tuning t_i that does not depend on row i: a bad judge makes it no worse than labels alone,
for then t is 0. The tuning of row i is the slope of labels on verdicts in all other rows (cross-fitting with one row
left out, Wu and Gagnon-Bartsch, "The LOOP estimator", Evaluation Review 42, 2018), shrunk by the share of it that
chance would explain (James and Stein's positive part), and never below 0: a judge that contradicts people is not
turned round. Since no row took part in its own tuning, the spread of the corrected rows is that of new rows, and
what the tuning costs is in the interval.

Where the corrected interval, at that price, is not the narrower one, the estimate is that of labels alone. Both
estimates are all but the same there, so the choice costs coverage less than can be measured; it is simulated in
tests/stats/test_ppi.py and by `homeport bench judge`.

The mean is that of the traffic the rows were drawn from, not of these rows: intervals do not shrink to nothing where
every row is labelled.

Sources: Angelopoulos, Duchi and Zrnic, "PPI++: Efficient Prediction-Powered Inference" (arXiv 2311.01453), for the
estimate and its power tuning; Zrnic and Candes, "Cross-prediction-powered inference" (PNAS 121, 2024); Saerndal,
Swensson and Wretman, "Model Assisted Survey Sampling" (1992), chapter 9, for phases and weights 1/pi.

Shapes are those of `homeport.stats.means`; numpy is imported where it is needed.
"""

import msgspec

from homeport.stats.arrays import Array
from homeport.stats.means import (
    LEAST_ROWS,
    MeanInterval,
    bounded,
    choose,
    effective_rows,
    effective_size,
    freedom_of,
    unbounded,
    varies,
)

LEAST_LABELS = 10
"""With fewer, a judge is not measured, and the corrected estimate is that of labels alone."""

_UNSEEN = 1.5
"""Of n labels a judge of yes and no explains at most 1 - 1.5 / n of the variance: that none of few verdicts was wrong
does not mean that none is. Of a judge with finer steps what was not seen weighs less, by the square of its step. Chosen
on invented judges that are wrong in 2 to 10 of 100 rows, one way or both ways, with 40 labels: the least that keeps
coverage above .90 in the worst of them, where errors are few and all one way. It is .96 on average."""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge says on average of all rows, for each sample.

    Attributes:
        mean: (...), P above.
        variance: (...), sum of the squares of every row's influence on P.
        rows: (...), effective number of rows that were judged.
    """

    mean: "Array"
    variance: "Array"
    rows: "Array"


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that people labelled, all of them judged too; each of the shape (..., n).

    Attributes:
        human, judge: scores of a row; between 0 and 1 where the estimates are bounded.
        weights: above 0, in proportion to 1 over the probability of being labelled.
        influence: of the row on the pool's mean: what P is off, to first order, since this row is in it.
    """

    human: "Array"
    judge: "Array"
    weights: "Array"
    influence: "Array"


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """The three estimates of each sample.

    Attributes:
        tuning: (...), the mean of t; 0 where the corrected estimate is that of labels alone.
    """

    human: MeanInterval
    judge: MeanInterval
    corrected: MeanInterval
    tuning: "Array"


class _Means(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate: its mean, variance, and the variance's degrees of freedom, each (...)."""

    mean: "Array"
    variance: "Array"
    freedom: "Array"


def correct(labelled: Labelled, pool: Pool, *, is_bounded: bool = True) -> Corrected:
    """The estimates of labels alone, of the judge alone, and corrected, with 95 % intervals.

    Args:
        is_bounded: scores are between 0 and 1, so that intervals hold near both ends.

    Raises:
        ValueError: fewer than 4 rows are labelled.
    """
    import numpy as np

    if labelled.human.shape[-1] < LEAST_ROWS:
        raise ValueError(f"an interval needs {LEAST_ROWS} labels or more")
    parts = labelled.weights / labelled.weights.sum(axis=-1, keepdims=True)
    labels = effective_rows(parts)
    alone, own = _alone(labelled.human, parts, labels)
    tunings = _tunings(labelled, parts, own, pool)
    tuned, tuning = _tuned(labelled, parts, tunings, pool, alone.variance)
    size = _human_size(alone, parts, labelled.human)
    human = _interval(alone, size, is_bounded)
    varied = varies(alone.mean, alone.variance)
    gain = np.where(varied, alone.variance, 1.0) / np.where(varied, tuned.variance, 1.0)
    narrowed = _interval(tuned, size * gain, is_bounded)
    adopted = varied & (narrowed.width < human.width) & (tuning > 0) & (labels >= LEAST_LABELS)
    return Corrected(
        human=human,
        judge=judge_alone(pool, is_bounded=is_bounded),
        corrected=choose(adopted, narrowed, human),
        tuning=np.where(adopted, tuning, 0.0),
    )


def judge_alone(pool: Pool, *, is_bounded: bool = True) -> MeanInterval:
    """The judge's mean, as if it never erred: its interval says nothing of what people think."""
    import numpy as np

    rows = np.maximum(pool.rows, LEAST_ROWS)
    means = _Means(mean=pool.mean, variance=pool.variance * rows / (rows - 1), freedom=rows - 1)
    return _interval(means, effective_size(means.mean, means.variance, rows), is_bounded)


def human_alone(human: "Array", weights: "Array", *, is_bounded: bool = True) -> MeanInterval:
    """The mean of labels, weighted.

    Raises:
        ValueError: fewer than 4 rows are labelled.
    """
    if human.shape[-1] < LEAST_ROWS:
        raise ValueError(f"an interval needs {LEAST_ROWS} labels or more")
    parts = weights / weights.sum(axis=-1, keepdims=True)
    labels = effective_rows(parts)
    alone, _ = _alone(human, parts, labels)
    return _interval(alone, _human_size(alone, parts, human), is_bounded)


def _interval(means: _Means, size: "Array", is_bounded: bool) -> MeanInterval:
    import numpy as np

    freedom = np.maximum(means.freedom, 2.0)
    return bounded(means.mean, size, freedom) if is_bounded else unbounded(means.mean, means.variance, freedom)


def _alone(human: "Array", parts: "Array", labels: "Array") -> tuple[_Means, "Array"]:
    """The mean of labels, and each row's influence on it."""
    mean = (parts * human).sum(axis=-1)
    influence = parts * (human - mean[..., None])
    variance = (influence**2).sum(axis=-1) * _small(labels)
    return _Means(mean=mean, variance=variance, freedom=freedom_of(influence, labels - 1)), influence


def _small(labels: "Array") -> "Array":
    """By what a variance around an estimated mean is too small."""
    import numpy as np

    factor: Array = labels / np.maximum(labels - 1, 1.0)
    return factor


def _human_size(alone: _Means, parts: "Array", human: "Array") -> "Array":
    """Rows that happen to have little weight make no sample larger than its effective rows are."""
    import numpy as np

    labels = effective_rows(parts)
    spread = (parts * (human - alone.mean[..., None]) ** 2).sum(axis=-1) / labels * _small(labels)
    return effective_size(alone.mean, np.maximum(alone.variance, spread), labels)


def _tunings(labelled: Labelled, parts: "Array", own: "Array", pool: Pool) -> "Array":
    """Of each row, from all others: the slope of the labels' influences on the judge's, shrunk."""
    import numpy as np

    mean = (parts * labelled.judge).sum(axis=-1, keepdims=True)
    judged = parts * (labelled.judge - mean) - labelled.influence
    elsewhere = np.maximum(pool.variance - (labelled.influence**2).sum(axis=-1), 0.0)
    # Without row i the mean of the others is another one: its square counts 1 / (1 - u_i) times, in closed form.
    apart = 1 / np.maximum(1 - parts, 1e-12)
    both = (own * judged).sum(axis=-1, keepdims=True) - apart * own * judged
    square = (judged**2).sum(axis=-1, keepdims=True) + elsewhere[..., None] - apart * judged**2
    labels = (own**2).sum(axis=-1, keepdims=True) - apart * own**2
    rounding = 1e-20 * ((parts * labelled.judge) ** 2).sum(axis=-1, keepdims=True)
    usable = (square > rounding) & (both > 0)
    slope = np.where(usable, both, 0.0) / np.where(usable, square, 1.0)
    tunings: Array = slope * _trust(slope * both, labels, effective_rows(parts)[..., None])
    return tunings


def _trust(explained: "Array", total: "Array", labels: "Array") -> "Array":
    """The share of a slope that chance does not explain: 1 - 1 / F, not below 0."""
    import numpy as np

    left = np.maximum(total - explained, 0.0)
    strength = np.maximum(labels - 3, 1.0) * explained
    known = strength > 0
    share: Array = np.where(known, np.maximum(1 - left / np.where(known, strength, 1.0), 0.0), 0.0)
    return share


def _tuned(labelled: Labelled, parts: "Array", tunings: "Array", pool: Pool, alone: "Array") -> tuple[_Means, "Array"]:
    """The corrected mean with its variance, and the mean tuning; `alone` is the variance of labels alone."""
    import numpy as np

    labels = effective_rows(parts)
    rows = labelled.human - tunings * (labelled.judge - pool.mean[..., None])
    mean = (parts * rows).sum(axis=-1)
    tuning = (parts * tunings).sum(axis=-1)
    influence = parts * (rows - mean[..., None]) + tuning[..., None] * labelled.influence
    elsewhere = tuning**2 * np.maximum(pool.variance - (labelled.influence**2).sum(axis=-1), 0.0)
    own = (influence**2).sum(axis=-1)
    least = alone * _UNSEEN * _step(labelled.judge) ** 2 / labels + tuning**2 * pool.variance
    # The pool's part is of so many rows that it is as good as known.
    variance = np.maximum(own * _small(labels) + elsewhere, least)
    part = np.where(own > 0, 1 + elsewhere / np.where(own > 0, own, 1.0), 1.0)
    freedom = freedom_of(influence, labels - 2) * part**2
    return _Means(mean=mean, variance=variance, freedom=np.minimum(freedom, 1e9)), tuning


def _step(judge: "Array") -> "Array":
    """The least difference of two scores of a judge, as a share of the greatest: 1 of yes and no; to (...)."""
    import numpy as np

    ordered = np.sort(judge, axis=-1)
    span = ordered[..., -1:] - ordered[..., :1]
    gaps = np.diff(ordered, axis=-1)
    least = np.where(gaps > 1e-9 * span, gaps, span).min(axis=-1)
    known = span[..., 0] > 0
    step: Array = np.where(known, least / np.where(known, span[..., 0], 1.0), 1.0)
    return step

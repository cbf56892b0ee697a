"""One period's rows in three phases: automatic metrics on all, a judge on some of them, people on a few of those.

Each phase says on average what the next one would, and the next one says how far it is off: the judge's mean is what
automatic metrics expect of it over all rows, set right on the rows that it judged; the corrected mean is the judge's,
set right on the rows that people labelled (`homeport.stats.ppi`). Rows count 1 over the probability with which they
were chosen, so that low scores may be looked at more often than others.

numpy is imported where it is needed.
"""

import msgspec

from homeport.stats.arrays import Array, Flags
from homeport.stats.means import LEAST_ROWS, MeanInterval, effective_rows
from homeport.stats.ppi import Corrected, Labelled, Pool, correct, human_alone, judge_alone
from homeport.stats.ridge import fit_ridge

_FOLDS = 5
_LEAST_SHARE = 1e-6
_LEAST_JUDGED = 50
"""With fewer judged rows nothing is expected of automatic metrics."""


class Estimate(msgspec.Struct, frozen=True):
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


class Estimates(msgspec.Struct, frozen=True, kw_only=True):
    """A period's quality by labels alone, by the judge alone, and corrected.

    Attributes:
        human, corrected: None where fewer than 4 rows are labelled.
        judge: None where fewer than 4 rows are judged.
        tuning: how much of the judge the corrected estimate took, 0 for nothing: then it is that of labels alone.
        rows, judged, labelled: how many there are.
    """

    human: Estimate | None
    judge: Estimate | None
    corrected: Estimate | None
    tuning: float
    rows: int
    judged: int
    labelled: int


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """A period's rows; each array is of the shape (N,).

    Attributes:
        human, judge: scores; NaN where a row was not labelled, not judged. What is labelled is judged too.
        human_share, judge_share: the probability with which a row was to be labelled, judged; above 0 where it was.
            That of labels is of the row itself, not of a judged row: 0.07 where 7 % of all rows are labelled. It is
            one in a million or more.
        metrics: automatic ones, (N, metrics), finite; None for none.
    """

    human: "Array"
    judge: "Array"
    human_share: "Array"
    judge_share: "Array"
    metrics: "Array | None" = None


def estimate(rows: Sampled, bounds: tuple[float, float] | None = (0.0, 1.0)) -> Estimates:
    """The three estimates of a period.

    Args:
        bounds: between which all scores are; None where they may be anything, and intervals are plain ones.

    Raises:
        ValueError: a labelled row was not judged, a score is out of bounds, a share is no probability above 0, or
            arrays do not fit together.
    """
    import numpy as np

    judged, labelled = ~np.isnan(rows.judge), ~np.isnan(rows.human)
    _check(rows, judged, labelled, bounds)
    low, span = (0.0, 1.0) if bounds is None else (bounds[0], bounds[1] - bounds[0])
    scaled = _scale(rows, low, span)
    found = _estimates(scaled, judged, labelled, bounds is not None)
    return Estimates(
        human=_back(found.human, low, span),
        judge=_back(found.judge, low, span),
        corrected=_back(found.corrected, low, span),
        tuning=found.tuning,
        rows=len(rows.human),
        judged=int(judged.sum()),
        labelled=int(labelled.sum()),
    )


def expect_judge(metrics: "Array", judge: "Array") -> "Array":
    """What automatic metrics expect of the judge in each row, by ridge regression on other rows (five folds).

    Args:
        metrics: (N, metrics), finite; a column that says nothing does no harm.
        judge: (N,), NaN where a row was not judged.

    Returns:
        (N,); 0 for each row where too few are judged, or metrics tell nothing.
    """
    import numpy as np

    places = np.flatnonzero(~np.isnan(judge))
    if len(places) < _LEAST_JUDGED or not metrics.shape[1] or not np.ptp(judge[places]):
        return np.zeros(len(judge))
    expected = np.zeros(len(judge))
    unjudged = np.isnan(judge)
    for fold in range(_FOLDS):
        held, others = places[fold::_FOLDS], np.delete(places, np.s_[fold::_FOLDS])
        model = fit_ridge(metrics[others], judge[others])
        expected[held] = model.predict(metrics[held])
        expected[unjudged] += model.predict(metrics[unjudged]) / _FOLDS
    return expected * _slope(judge[places], expected[places])


def pool_of(judge: "Array", share: "Array", expected: "Array | None" = None) -> tuple[Pool, "Array"]:
    """The judge's mean over all rows, and each row's influence on it.

    Args:
        judge: (N,), NaN where a row was not judged; 4 or more are.
        share: (N,), the probability of being judged.
    """
    import numpy as np

    judged = ~np.isnan(judge)
    early = np.zeros(len(judge)) if expected is None else expected
    weights = 1 / share[judged]
    parts = weights / weights.sum()
    missed = judge[judged] - early[judged]
    off = (parts * missed).sum()
    influence = (early - early.mean()) / len(early)
    influence[judged] += parts * (missed - off)
    pool = Pool(mean=early.mean() + off, variance=(influence**2).sum(), rows=effective_rows(weights))
    return pool, influence


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    human: MeanInterval | None
    judge: MeanInterval | None
    corrected: MeanInterval | None
    tuning: float = 0.0


def _estimates(rows: Sampled, judged: "Flags", labelled: "Flags", is_bounded: bool) -> _Found:
    if judged.sum() < LEAST_ROWS:
        human = _human(rows, labelled, is_bounded)
        return _Found(human=human, judge=None, corrected=human)
    expected = None if rows.metrics is None else expect_judge(rows.metrics, rows.judge)
    pool, influence = pool_of(rows.judge, rows.judge_share, expected)
    if labelled.sum() < LEAST_ROWS:
        return _Found(human=None, judge=judge_alone(pool, is_bounded=is_bounded), corrected=None)
    sample = Labelled(
        human=rows.human[labelled],
        judge=rows.judge[labelled],
        weights=1 / rows.human_share[labelled],
        influence=influence[labelled],
    )
    found: Corrected = correct(sample, pool, is_bounded=is_bounded)
    return _Found(human=found.human, judge=found.judge, corrected=found.corrected, tuning=float(found.tuning))


def _human(rows: Sampled, labelled: "Flags", is_bounded: bool) -> MeanInterval | None:
    if labelled.sum() < LEAST_ROWS:
        return None
    return human_alone(rows.human[labelled], 1 / rows.human_share[labelled], is_bounded=is_bounded)


def _slope(wanted: "Array", expected: "Array") -> float:
    """Of the judge on what was expected of it, between 0 and 1."""
    apart = expected - expected.mean()
    square = float((apart**2).sum())
    return min(max(float((apart * wanted).sum()) / square, 0.0), 1.0) if square > 0 else 0.0


def _scale(rows: Sampled, low: float, span: float) -> Sampled:
    return msgspec.structs.replace(rows, human=(rows.human - low) / span, judge=(rows.judge - low) / span)


def _back(found: MeanInterval | None, low: float, span: float) -> Estimate | None:
    if found is None:
        return None
    return Estimate(*(low + span * float(one) for one in (found.value, found.low, found.high)))


def _check(rows: Sampled, judged: "Flags", labelled: "Flags", bounds: tuple[float, float] | None) -> None:
    import numpy as np

    arrays = (rows.human, rows.judge, rows.human_share, rows.judge_share)
    if len({one.shape for one in arrays}) > 1 or rows.human.ndim != 1:
        raise ValueError("all arrays of a period have one number for each row")
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ValueError("the lower bound of scores is below the upper one")
    if (labelled & ~judged).any():
        raise ValueError(f"row {_first(labelled & ~judged)} is labelled, and was not judged")
    for scores, there in ((rows.human, labelled), (rows.judge, judged)):
        low, high = bounds or (-np.inf, np.inf)
        wrong = there & ~(np.isfinite(scores) & (scores >= low) & (scores <= high))
        if wrong.any():
            raise ValueError(f"row {_first(wrong)} has a score that is not between {low:g} and {high:g}")
    for shares, there in ((rows.human_share, labelled), (rows.judge_share, judged)):
        wrong = there & ~((shares >= _LEAST_SHARE) & (shares <= 1))
        if wrong.any():
            raise ValueError(f"row {_first(wrong)} has a share that is no probability of {_LEAST_SHARE:g} or more")
    if rows.metrics is not None and not (len(rows.metrics) == len(rows.human) and np.isfinite(rows.metrics).all()):
        raise ValueError("automatic metrics are finite numbers, of each row")


def _first(wrong: "Flags") -> int:
    return int(wrong.argmax())

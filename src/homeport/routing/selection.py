"""Choosing how a gap model is fitted, on the rows it is fitted on alone, and how well that does on others.

Requests of one's own traffic: `cross_validate` and `fit_rows`, which take the candidate that ranks best in a
cross-validation inside the training rows. Requests unlike any seen: `choose_for_others`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.core.errors import ConfigError
from homeport.routing.fit import CANDIDATES, Configuration, Sample, fit, fit_curve, read_sample
from homeport.routing.gap import GapModel
from homeport.routing.rows import Rows
from homeport.routing.thresholds import sketch
from homeport.stats.ranking import Ranking, compare

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Places = NDArray[int64]

FEWEST_ROWS = 60
FOLDS, INNER_FOLDS = 5, 3

_RESAMPLES = 200
_INTERVAL = 2 * 1.96
"""Standard errors between the bounds of a 95 % interval."""


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """What fits on the other folds say of each row, and which candidates they chose, by fold."""

    scores: "Floats"
    chosen: tuple[str, ...]


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A model of all rows, and what cross-validation says of models made this way."""

    model: GapModel
    configuration: Configuration
    validation: Validation


def fit_rows(rows: Rows, about: str, *, seed: int = 0) -> Fitted:
    """Fit on rows, and choose how on them alone.

    Raises:
        ConfigError: rows_too_few; rows_without_gap, where the strongest model is no better than the weakest.
    """
    sample = read_checked(rows, seed=seed)
    validation = cross_validate(sample, seed=seed)
    configuration = choose(sample, seed=seed)
    curves = tuple(
        fit_curve(name, validation.scores, sample.qualities[:, place]) for place, name in enumerate(rows.models)
    )
    model = fit([sample], configuration).model(about, curves)
    model = msgspec.structs.replace(model, spread=sketch(validation.scores.tolist()))
    return Fitted(model=model, configuration=configuration, validation=validation)


def read_checked(rows: Rows, *, seed: int = 0) -> Sample:
    """Rows as a sample that something can be fitted on. Raises as `fit_rows`."""
    if len(rows.rows) < FEWEST_ROWS:
        raise ConfigError(
            f"{len(rows.rows)} rows are too few to fit a router on",
            code="rows_too_few",
            hint=f"bring at least {FEWEST_ROWS}; under 1,000 expect wide intervals",
        )
    sample = read_sample(rows)
    gaps = sample.strong - sample.weak
    # Each fit is on the rows of four folds, and those must have a gap.
    if any(gaps.sum() - gaps[held].sum() <= 0 for held in _folds(sample, FOLDS, seed, grouped=False)):
        raise ConfigError(
            f"{rows.models[-1]} is not better than {rows.models[0]} on these rows, so there is nothing to route for",
            code="rows_without_gap",
            hint="bring more rows, or name models that differ more (--models)",
        )
    return sample


def cross_validate(sample: Sample, *, seed: int, grouped: bool = False) -> Validation:
    """Scores of each row by a fit on the other folds; how to fit is chosen inside those.

    Args:
        grouped: rows of one group are in one fold, so a fit has seen none of it.
    """
    import numpy as np

    scores, chosen = np.zeros(len(sample.groups)), []
    every = np.arange(len(scores))
    for held in _folds(sample, FOLDS, seed, grouped):
        known = sample.take(np.setdiff1d(every, held))
        configuration = choose(known, seed=seed, grouped=grouped)
        scores[held] = fit([known], configuration).predict(sample.take(held))
        chosen.append(configuration.name)
    return Validation(scores=scores, chosen=tuple(chosen))


def choose(sample: Sample, *, seed: int, grouped: bool = False) -> Configuration:
    """The candidate with the highest APGR in a cross-validation inside the sample; of equal ones the simplest."""
    import numpy as np

    every = np.arange(len(sample.groups))
    scores = np.zeros((len(CANDIDATES), len(every)))
    for held in _folds(sample, INNER_FOLDS, seed, grouped):
        known, unseen = sample.take(np.setdiff1d(every, held)), sample.take(held)
        for place, candidate in enumerate(CANDIDATES):
            scores[place, held] = fit([known], candidate).predict(unseen)
    reached = [_ranking(found, sample).apgr for found in scores]
    return CANDIDATES[int(np.argmax(reached))]


def choose_for_others(samples: Sequence[Sample], *, seed: int) -> Configuration:
    """The candidate for requests unlike those of any sample: fitted on each sample alone, ranked on each other one.

    Taken is the simplest whose mean APGR is within one standard error of the best one's (Breiman et al.,
    "Classification and Regression Trees" 1984, 3.4.3): what is won by less may be chance, and does not travel.
    """
    ranked = [
        [_ranking(fit([one], candidate).predict(two), two) for one, two in _pairs(samples)] for candidate in CANDIDATES
    ]
    means = [sum(ranking.apgr for ranking in rankings) / len(rankings) for rankings in ranked]
    best = ranked[means.index(max(means))]
    within = [
        candidate
        for candidate, rankings, mean in zip(CANDIDATES, ranked, means, strict=True)
        if max(means) - mean <= _standard_error(best, rankings, seed)
    ]
    return within[0]


def _pairs(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    return [(one, other) for one in samples for other in samples if one is not other]


def _ranking(scores: "Floats", sample: Sample) -> Ranking:
    return Ranking(scores.tolist(), sample.weak.tolist(), sample.strong.tolist())


def _standard_error(best: Sequence[Ranking], others: Sequence[Ranking], seed: int) -> float:
    """Of the mean difference in APGR between two candidates."""
    found = [compare(top, other, seed=seed, resamples=_RESAMPLES) for top, other in zip(best, others, strict=True)]
    return math.sqrt(sum(((one.high - one.low) / _INTERVAL) ** 2 for one in found)) / len(found)


def _folds(sample: Sample, count: int, seed: int, grouped: bool) -> "list[Places]":
    """Places of each fold; largest groups first, each into the fold that is smallest yet."""
    import numpy as np

    dice = np.random.default_rng(seed)
    if not grouped:
        mixed = dice.permutation(len(sample.groups))
        return [np.sort(mixed[place::count]) for place in range(count)]
    sizes, fold_of = [0] * count, dict[str, int]()
    for group, size in Counter(sample.groups).most_common():
        fold_of[group] = sizes.index(min(sizes))
        sizes[fold_of[group]] += size
    at = np.array([fold_of[group] for group in sample.groups])
    return [np.flatnonzero(at == place) for place in range(count)]

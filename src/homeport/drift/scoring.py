"""The score of a batch, from 0 to 1, and what of it an unchanged provider may reach.

A probe counts as moved by how far its answers are from those of the clean batches beyond what its own worst clean
batches were, over the spread of these. So a probe that answers something else every day, or every time, says little,
and one that always answers the same says much, each by what it did itself. The score is the share of probes that
moved, squared, and full where half of them did. The tolerance is learned from the same score of each clean batch
among the other clean ones: batches are what is counted, since the answers of a day hang together.

numpy is imported where it is needed: a process that answers requests never does.
"""

import math
from dataclasses import dataclass

from homeport.drift.similarity import Similarity
from homeport.stats.arrays import Array, Flags, Numbers

CLEAN_BATCHES = 14
"""So many are needed to know a provider; with fewer, the tolerance is so much higher."""

LEAST_BATCHES = 6
"""With fewer than these nothing is judged."""

LEAST_TOLERANCE = 0.02
_FLOOR = 0.4
"""The tolerance is never below this over the number of clean batches: what was seen in none may happen in the next."""
_MOST_TOLERANCE = 0.5
_DEVIATIONS = 2.5
_FULL = 0.5
"""The share of moved probes at which the score is 1."""
_WORST = 30
"""Of so many clean batches one may have been worse than what counts as the edge."""
_LEAST_SPREAD = 0.1
"""Squared distance at which a probe that never varied has moved in full: two answers of ten differ by about a third."""
_LEAST_APART = 0.01
"""Clean batches that are no farther apart than this do not waver, so nothing of it can last."""
_MOST_LIKENESS = 0.8
_COVERAGE = 0.5
"""The share of a batch's usual answers, and of the usual probes, that must be there."""
_LEAST_SEEN = 4


@dataclass(frozen=True)
class Clean:
    """What clean batches look like.

    Attributes:
        batches: their numbers.
        scores: of each, among the others.
        tolerance: what the mean score of an unchanged provider is not above.
    """

    batches: "Numbers"
    scores: "Array"
    tolerance: float
    usual_rows: "Array"
    seen: "Numbers"
    edge: "Array"
    spread: "Array"
    square: "Array"

    @property
    def known(self) -> "Flags":
        """Which probes can be judged."""
        return _known(self.seen, len(self.batches))


@dataclass(frozen=True)
class Scored:
    """A batch beside clean ones.

    Attributes:
        score: from 0 to 1; None where too few of the probes were answered to say.
        moved: by probe, from 0 to 1; NaN where it was not answered.
    """

    score: float | None
    moved: "Array"


def learn(similarity: "Similarity", batches: "Numbers") -> Clean:
    """What an unchanged provider looks like, from batches that are presumed to be clean; at least two of them."""
    import numpy as np

    rows = similarity.rows[:, batches]
    there = rows > 0
    products = similarity.between(batches, batches)
    itself = np.einsum("pbb->pb", products)
    seen = there.sum(axis=1)
    others = np.maximum(seen[:, None] - 1, 1)
    sums = products.sum(axis=2)
    square = sums.sum(axis=1)
    rest = (square[:, None] - 2 * sums + itself) / others**2
    distances = similarity.own[:, batches] - 2 * (sums - itself) / others + rest
    lasting = _lasting(similarity.own[:, batches], products, there)
    edge, second, spread = _edges(np.where(there, distances, -np.inf), seen)
    spread = spread * lasting
    moved = np.where(there, np.clip((distances - second[:, None]) / spread[:, None], 0, 1), np.nan)
    known = _known(seen, len(batches))
    scores = np.array([_score(moved[known, batch]) or 0.0 for batch in range(len(batches))])
    return Clean(
        batches=batches,
        scores=scores,
        tolerance=_tolerance(scores, len(scores) / lasting),
        usual_rows=np.array([np.median(of[of > 0]) if of.any() else 0.0 for of in rows]),
        seen=seen,
        edge=edge,
        spread=spread,
        square=square / np.maximum(seen, 1) ** 2,
    )


def _lasting(own: "Array", products: "Array", there: "Flags") -> float:
    """How many days say as much as one that has nothing to do with those beside it; 1 where each is by itself.

    By how much nearer batches are to the next one than to any other, as far as that is more than chance.
    """
    import numpy as np

    both = there[:, :, None] & there[:, None, :]
    apart = np.where(both, own[:, :, None] + own[:, None, :] - 2 * products, 0.0)
    count = apart.shape[1]
    steps = np.arange(count - 1)
    beside, pairs = apart[:, steps, steps + 1].sum(), both[:, steps, steps + 1].sum()
    every = np.triu(np.ones((count, count), bool), 1)
    usual = apart[:, every].sum() / max(both[:, every].sum(), 1)
    if usual <= _LEAST_APART or not pairs:
        return 1.0
    likeness = min(max(0.0, 1 - beside / pairs / usual - 1 / math.sqrt(count)), _MOST_LIKENESS)
    return float((1 + likeness) / (1 - likeness))


def _known(seen: "Numbers", batches: int) -> "Flags":
    """Which probes were answered in enough of the clean batches."""
    known: Flags = seen >= max(_LEAST_SEEN, batches / 2)
    return known


def _edges(distances: "Array", seen: "Numbers") -> "tuple[Array, Array, Array]":
    """By probe: the distance beyond which it has moved, the same for one of the clean batches that were beyond it,
    and by how much more it has moved in full."""
    import numpy as np

    probes = np.arange(len(distances))
    descending = -np.sort(-distances, axis=1)
    last = np.maximum(seen - 1, 0)
    place = np.minimum(seen // _WORST, last)
    edge, second = descending[probes, place], descending[probes, np.minimum(place + 1, last)]
    middle = descending[probes, last // 2]
    safe = np.where(seen > 0, edge, 0.0)
    spread = np.maximum(_LEAST_SPREAD, 2 * (safe - np.where(seen > 0, middle, 0.0)))
    return safe, np.where(seen > 0, second, 0.0), spread


def score(similarity: "Similarity", batch: int, clean: Clean) -> Scored:
    """How far a batch is from clean ones."""
    import numpy as np

    products = similarity.between(np.array([batch]), clean.batches)[:, 0]
    distance = similarity.own[:, batch] - 2 * products.sum(axis=1) / np.maximum(clean.seen, 1) + clean.square
    known = clean.known
    answered = similarity.rows[:, batch] >= np.maximum(1, _COVERAGE * clean.usual_rows)
    moved = np.where(known & answered, np.clip((distance - clean.edge) / clean.spread, 0, 1), np.nan)
    enough = known.any() and (known & answered).sum() >= _COVERAGE * known.sum()
    return Scored(score=_score(moved) if enough else None, moved=moved)


def _score(moved: "Array") -> float | None:
    import numpy as np

    there = moved[~np.isnan(moved)]
    return float(min(1.0, there.mean() / _FULL) ** 2) if len(there) else None


def _tolerance(scores: "Array", count: float) -> float:
    """An upper bound of the mean: wider the fewer batches there are, and the more these differ from each other."""
    least = max(LEAST_TOLERANCE, _FLOOR / count)
    error = scores.std(ddof=1) / math.sqrt(count) * _DEVIATIONS * (1 + 3 / count)
    return float(min(_MOST_TOLERANCE, least + scores.mean() + error))

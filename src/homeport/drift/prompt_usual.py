"""What usual days of prompts look like, and how much a day has moved beyond that, by view: from 0 to 1.

As in `drift.scoring`, a view has moved by how far its distance is beyond that of its own worst usual day, over their
spread; the tolerance is learned from the same score of each usual day among the others, and days that hang together
with those beside them count as fewer.

numpy is imported where it is needed: a process that answers requests never does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from homeport.drift.prompt_views import SPREADS, Album, distances
from homeport.stats.arrays import Array

LEAST_TOLERANCE = 0.02
_FLOOR = 0.4
_MOST_TOLERANCE = 0.5
_DEVIATIONS = 2.5
_WORST = 30
"""Of so many usual days one may have been worse than what counts as the edge."""
_LEAST_DAYS = 4
_STRANGE = 0.02
"""The share of usual prompts that count as unfamiliar."""


@dataclass(frozen=True)
class Usual:
    """What is usual.

    Attributes:
        numbers: the batches it was learned from.
        strange: a prompt that is not as near to those of other days as this is unfamiliar.
        between: mean kernel of two different ones.
        distances: of each from the others, by batch and view.
        edge, spread, tolerance: by view.
    """

    numbers: tuple[int, ...]
    strange: float
    between: float
    distances: "Array"
    edge: "Array"
    spread: "Array"
    tolerance: "Array"


@dataclass(frozen=True)
class Moved:
    """A batch beside what is usual, by view: its distance, and its score from 0 to 1."""

    distances: "Array"
    scores: "Array"


def learn(album: Album, numbers: Sequence[int]) -> Usual:
    """What is usual, from batches that are presumed to be; at least three of them."""
    import numpy as np

    rest = {one: [other for other in numbers if other != one] for one in numbers}
    near = np.concatenate([album.nearness(one, rest[one]) for one in numbers])
    strange = float(np.quantile(near, _STRANGE))
    kernels, count = album.kernels(numbers, numbers), len(numbers)
    without = (kernels.sum() - 2 * kernels.sum(axis=1)) / ((count - 1) * (count - 2))
    found = np.stack(
        [distances(album, one, rest[one], strange, float(mean)) for one, mean in zip(numbers, without, strict=True)]
    )
    edge, second, spread = _edges(found)
    scores = np.clip((found - second) / spread, 0, 1) ** 2
    return Usual(
        numbers=tuple(numbers),
        strange=strange,
        between=float(kernels.sum() / (count * (count - 1))),
        distances=found,
        edge=edge,
        spread=spread,
        tolerance=_tolerance(scores, _days(found)),
    )


def judge(album: Album, number: int, usual: Usual) -> Moved:
    """A batch beside what is usual."""
    import numpy as np

    found = distances(album, number, usual.numbers, usual.strange, usual.between)
    return Moved(distances=found, scores=np.clip((found - usual.edge) / usual.spread, 0, 1) ** 2)


def _edges(found: "Array") -> "tuple[Array, Array, Array]":
    """By view: the distance beyond which a batch has moved, the same for one of the usual ones that were beyond it,
    and by how much more it has moved in full."""
    import numpy as np

    descending = -np.sort(-found, axis=0)
    last = len(found) - 1
    place = min(len(found) // _WORST, last)
    edge, second = descending[place], descending[min(place + 1, last)]
    least = np.array(list(SPREADS.values()))
    return edge, second, np.maximum(least, 2 * (edge - descending[last // 2]))


def _days(found: "Array") -> "Array":
    """By view, how many days the usual ones are worth: fewer where each is like the one before (AR(1))."""
    import numpy as np

    count = len(found)
    rest = found - found.mean(axis=0)
    own = (rest * rest).sum(axis=0)
    likeness = (rest[1:] * rest[:-1]).sum(axis=0) / np.where(own > 0, own, 1) - 1 / math.sqrt(count)
    likeness = np.clip(likeness, 0, 0.8)
    days: Array = np.maximum(_LEAST_DAYS, count * (1 - likeness) / (1 + likeness))
    return days


def _tolerance(scores: "Array", days: "Array") -> "Array":
    """By view an upper bound of the mean: wider the fewer days there are, and the more they differ from each other."""
    import numpy as np

    error = scores.std(axis=0, ddof=1) / np.sqrt(days) * _DEVIATIONS * (1 + 3 / days)
    bound: Array = np.maximum(LEAST_TOLERANCE, _FLOOR / days) + scores.mean(axis=0) + error
    return np.minimum(_MOST_TOLERANCE, bound)

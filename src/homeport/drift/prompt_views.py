"""How far a batch of prompts is from usual ones, seen in seven ways.

Each view is a distance that is 0 where nothing differs by more than chance makes of so few prompts. What is usual is
what the usual batches are from each other, each left out in turn: days differ by weekday and by who asks, and that is
part of it.

numpy is imported where it is needed: a process that answers requests never does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeport.drift.prompt_batches import Batch
from homeport.drift.prompt_pairs import Itself, Pair, itself, pair
from homeport.stats.arrays import Array, Flags

SPREADS: Mapping[str, float] = {
    "topic": 0.25,
    "unfamiliar": 0.1,
    "length": 0.5,
    "language": 0.15,
    "vocabulary": 0.25,
    "format": 0.15,
    "unknown words": 0.12,
}
"""The views, and how far beyond the edge of what is usual a batch has moved in full: at least so far.

`topic` and `vocabulary` are distances of means, where a share p of something quite different comes to about 0.7 p, so
a third of the traffic; `length` is in doublings; the others are shares."""

VIEWS = tuple(SPREADS)
NEAREST_DAYS = 3
"""A prompt is familiar if on so many other days somebody asked what is near."""

_STEP = 0.5
_BINS = 44
_MEAN_OF_NORMAL = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class Seen:
    """A batch with all that is known of it by itself.

    Attributes:
        lengths: share of its prompts that are at most so long, by half octaves.
        languages, forms: share of its prompts of each.
    """

    batch: Batch
    itself: Itself
    lengths: "Array"
    languages: Mapping[str, float]
    forms: Mapping[str, float]


class Album:
    """Batches, and how alike any two of them are; each two are compared once.

    Args:
        width: the bandwidth of the kernel.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self._seen: dict[int, Seen] = {}
        self._pairs: dict[tuple[int, int], Pair] = {}

    def add(self, number: int, batch: Batch) -> None:
        """Compare a batch with all that are here."""
        own = itself(batch, self.width)
        for other, seen in self._seen.items():
            there = pair(batch, own, seen.batch, seen.itself, self.width)
            self._pairs[number, other], self._pairs[other, number] = there
        self._seen[number] = Seen(
            batch=batch,
            itself=own,
            lengths=_cumulated(batch),
            languages=shares(batch.languages),
            forms=shares(batch.forms),
        )

    def drop(self, number: int) -> None:
        """Forget a batch."""
        del self._seen[number]
        self._pairs = {key: one for key, one in self._pairs.items() if number not in key}

    def seen(self, number: int) -> Seen:
        return self._seen[number]

    def kernels(self, ones: Sequence[int], others: Sequence[int]) -> "Array":
        """Mean kernels of batches, 0 of one with itself."""
        import numpy as np

        rows = [[self._pairs[one, other].kernel if one != other else 0.0 for other in others] for one in ones]
        return np.array(rows)

    def nearness(self, number: int, usual: Sequence[int]) -> "Array":
        """Of each prompt of a batch, the mean cosine with what is nearest on the three days that have it nearest."""
        import numpy as np

        there = np.stack([self._pairs[number, other].nearness for other in usual])
        kept = min(NEAREST_DAYS, len(usual))
        nearest: Array = np.partition(there, len(usual) - kept, axis=0)[len(usual) - kept :].mean(axis=0)
        return nearest

    def known(self, number: int, usual: Sequence[int]) -> "Flags":
        """Which of the words of a batch somebody used on one of the usual days."""
        import numpy as np

        known = np.zeros(len(self._seen[number].batch.words), dtype=bool)
        for other in usual:
            known |= self._pairs[number, other].known
        return known


def distances(album: Album, number: int, usual: Sequence[int], strange: float, between: float) -> "Array":
    """How far a batch is from usual ones, by view.

    Args:
        strange: a prompt that is not as near as this is unfamiliar.
        between: mean kernel of two different usual batches.
    """
    import numpy as np

    seen, others = album.seen(number), [album.seen(other) for other in usual]
    one, known = seen.itself, album.known(number, usual)
    beside = float(album.kernels([number], usual).mean())
    unfamiliar = float((album.nearness(number, usual) < strange).mean())
    return np.array(
        [
            math.sqrt(max(0.0, one.kernel - 2 * beside + between - one.chance)),
            _beyond_chance(unfamiliar, len(seen.batch)),
            _of_lengths(seen, others),
            _of_shares(seen.languages, [other.languages for other in others], len(seen.batch)),
            _of_words(one, [other.itself for other in others]),
            _of_shares(seen.forms, [other.forms for other in others], len(seen.batch)),
            1 - float(known.mean()) if len(known) else 0.0,
        ]
    )


def _cumulated(batch: Batch) -> "Array":
    import numpy as np

    counts = np.bincount(np.minimum((batch.octaves / _STEP).astype(int), _BINS - 1), minlength=_BINS)
    shares: Array = counts.cumsum() / len(batch)
    return shares


def _of_lengths(seen: Seen, others: Sequence[Seen]) -> float:
    """The first distance of Wasserstein, in doublings."""
    import numpy as np

    usual = np.mean([other.lengths for other in others], axis=0)
    chance = _MEAN_OF_NORMAL * np.sqrt(np.maximum(usual * (1 - usual), 0) / len(seen.batch))
    return max(0.0, float((np.abs(seen.lengths - usual) - chance).sum()) * _STEP)


def _of_shares(found: Mapping[str, float], others: Sequence[Mapping[str, float]], prompts: int) -> float:
    """Total variation of shares, less what is chance."""
    usual = mean_shares(others)
    chance = sum(math.sqrt(max(0.0, share * (1 - share)) / prompts) for share in usual.values())
    apart = sum(abs(found.get(name, 0.0) - usual.get(name, 0.0)) for name in {*found, *usual})
    return max(0.0, apart - _MEAN_OF_NORMAL * chance) / 2


def shares(names: Sequence[str]) -> dict[str, float]:
    """How often each name is there."""
    return {name: names.count(name) / len(names) for name in sorted(set(names))}


def mean_shares(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of several, each counting as much as the others."""
    mean: dict[str, float] = {}
    for one in found:
        for name, share in one.items():
            mean[name] = mean.get(name, 0.0) + share / len(found)
    return mean


def _of_words(one: Itself, others: Sequence[Itself]) -> float:
    """As `_topic`, of the words' vectors."""
    import numpy as np

    means = np.stack([other.words for other in others])
    total = means.sum(axis=0)
    count = len(others)
    between = (float(total @ total) - float((means * means).sum())) / (count * (count - 1))
    square = one.word_product - 2 * float(one.words @ total) / count + between - one.word_chance
    return math.sqrt(max(0.0, square))


def _beyond_chance(share: float, prompts: int) -> float:
    return max(0.0, share - math.sqrt(share * (1 - share) / prompts))

"""How alike batches of prompts are, two by two: what every distance between a day and other days is made of.

A text that is in both batches is not compared with itself: that somebody asked the very same again says nothing of
whether what is new is alike.

numpy is imported where it is needed: a process that answers requests never does.
"""

from dataclasses import dataclass

from homeport.drift.prompt_batches import Batch
from homeport.stats.arrays import Array, Flags, Numbers, Vectors, Words

WORD_BUCKETS = 2_048


@dataclass(frozen=True)
class Itself:
    """A batch by itself.

    Attributes:
        kernel: mean kernel of two different prompts.
        chance: deviation of that mean which so few prompts make by chance.
        words: mean over prompts of their words' unit vectors.
        word_product, word_chance: as `kernel` and `chance`, of these vectors.
        vocabulary, uses: different words, ascending, and how many prompts have each.
    """

    kernel: float
    chance: float
    words: "Array"
    word_product: float
    word_chance: float
    vocabulary: "Words"
    uses: "Numbers"


@dataclass(frozen=True)
class Pair:
    """A batch beside another one.

    Attributes:
        kernel: mean kernel of a prompt of one and a prompt of the other.
        nearness: of each prompt, the greatest cosine with a different prompt of the other one; -1 for none.
        known: of each word of each prompt, whether a different prompt of the other one has it.
    """

    kernel: float
    nearness: "Vectors"
    known: "Flags"


def bandwidth(batches: list[Batch], most: int = 1_000) -> float:
    """The median distance of two prompts of different batches (Gretton et al. 2012), never below a tenth."""
    import numpy as np

    each = max(1, most // len(batches))
    rows = np.concatenate([batch.vectors[:each] for batch in batches])
    numbers = np.repeat(np.arange(len(batches)), [len(batch.vectors[:each]) for batch in batches])
    squares = 2 - 2 * (rows @ rows.T)[numbers[:, None] != numbers[None, :]]
    return max(0.1, float(np.sqrt(max(np.median(squares), 0.0)))) if len(squares) else 1.0


def itself(batch: Batch, width: float) -> Itself:
    """A batch by itself, with a Gaussian kernel of a bandwidth."""
    import numpy as np

    products = _word_vectors(batch)
    kernel, chance = _inner(_gaussian(batch.vectors @ batch.vectors.T, width))
    word_product, word_chance = _inner(products @ products.T)
    vocabulary, uses = np.unique(batch.words, return_counts=True)
    return Itself(
        kernel=kernel,
        chance=chance,
        words=products.mean(axis=0),
        word_product=word_product,
        word_chance=word_chance,
        vocabulary=vocabulary,
        uses=uses.astype(np.int64),
    )


def pair(one: Batch, own: Itself, other: Batch, others: Itself, width: float) -> tuple[Pair, Pair]:
    """The first beside the second, and the second beside the first."""
    import numpy as np

    products = one.vectors @ other.vectors.T
    kernel = float(_gaussian(products, width).mean())
    apart = np.where(one.digests[:, None] == other.digests[None, :], -1.0, products)
    return (
        Pair(kernel=kernel, nearness=apart.max(axis=1), known=_known(one, others, np.isin(one.digests, other.digests))),
        Pair(kernel=kernel, nearness=apart.max(axis=0), known=_known(other, own, np.isin(other.digests, one.digests))),
    )


def _known(batch: Batch, other: Itself, same: "Flags") -> "Flags":
    """Which words other texts have too; `same`: which prompts are among those texts themselves."""
    import numpy as np

    if not len(other.vocabulary):
        return np.zeros(len(batch.words), dtype=bool)
    place = np.minimum(np.searchsorted(other.vocabulary, batch.words), len(other.vocabulary) - 1)
    uses = np.where(other.vocabulary[place] == batch.words, other.uses[place], 0)
    known: Flags = uses > same[batch.owner]
    return known


def _gaussian(products: "Vectors", width: float) -> "Vectors":
    import numpy as np

    kernel: Vectors = np.exp((products - 1) / np.float32(width * width))
    return kernel


def _inner(kernel: "Vectors") -> tuple[float, float]:
    """Mean over different rows, and the deviation of an estimate of a squared distance by chance alone."""
    import numpy as np

    count = len(kernel)
    apart = ~np.eye(count, dtype=bool)
    rows = np.where(apart, kernel, 0).sum(axis=1, dtype=float) / max(count - 1, 1)
    mean = float(rows.mean())
    rest = kernel - rows[:, None] - rows[None, :] + mean
    return mean, float(np.sqrt(2 * (rest[apart] ** 2).mean() / (count * (count - 1)))) if count > 1 else 0.0


def _word_vectors(batch: Batch) -> "Vectors":
    """Of each prompt, its words in buckets, as a vector of unit length."""
    import numpy as np

    vectors = np.zeros((len(batch), WORD_BUCKETS), dtype=np.float32)
    np.add.at(vectors, (batch.owner, batch.words % WORD_BUCKETS), 1)
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)

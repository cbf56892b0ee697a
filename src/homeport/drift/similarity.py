"""How alike the answers of a probe are in one batch and in another: what every distance is made of.

An answer is a vector of unit length: at each level of `traits` one coordinate, so the product of two answers is the
share of levels at which they agree. A batch is the mean of its answers; products of batches give their squared
distance, which is that of maximum mean discrepancy (Gretton et al., "A kernel two-sample test", JMLR 13, 2012).

numpy and scipy are imported where they are needed: a process that answers requests never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from homeport.drift.traits import LEVELS
from homeport.stats.arrays import Array, Numbers, Vectors

WINDOW = 96
"""Batches are compared with so many before them, at most."""

_BLOCK = 128


@dataclass(frozen=True)
class Features:
    """The answers to one probe, as entries of sparse vectors.

    Attributes:
        batch, column, value: of each entry, the number of its batch, its coordinate and what it is there.
        rows: answers in each batch.
        unit: the squared length of an answer's vector.
    """

    batch: "Numbers"
    column: "Numbers"
    value: "Array"
    rows: "Numbers"
    unit: float


@dataclass(frozen=True)
class Similarity:
    """Products of batches, by probe.

    Attributes:
        rows: answers, by probe and batch.
        own: mean product of two different answers in a batch, by probe and batch; of the only one with itself.
        band: products with the batch so many places before, by probe, batch and places; 0 where either has no answer.
    """

    rows: "Numbers"
    own: "Array"
    band: "Vectors"

    def between(self, batches: "Numbers", others: "Numbers") -> "Array":
        """Products by probe, batch and other; every two at most `WINDOW` places apart."""
        import numpy as np

        later, apart = np.maximum(batches[:, None], others), np.abs(batches[:, None] - others)
        products: Array = self.band[:, later, apart].astype(float)
        return products


def text_features(batch: "Numbers", output: "Numbers", columns: "Numbers", batches: int) -> Features:
    """Features of texts.

    Args:
        batch, output: of each answer, the numbers of its batch and of its text.
        columns: by text and level, what is equal for texts that are equal at the level.
        batches: how many there are.
    """
    import numpy as np

    return Features(
        batch=np.repeat(batch, LEVELS),
        column=columns[output].reshape(-1),
        value=np.full(len(batch) * LEVELS, LEVELS**-0.5),
        rows=np.bincount(batch, minlength=batches),
        unit=1.0,
    )


def compare(probes: Sequence[Features], batches: int) -> Similarity:
    """Products of all batches that are near enough to each other."""
    import numpy as np

    rows = np.array([probe.rows for probe in probes]).reshape(len(probes), batches)
    own = np.zeros((len(probes), batches))
    band = np.zeros((len(probes), batches, WINDOW), np.float32)
    for number, probe in enumerate(probes):
        own[number] = _fill(probe, band[number])
    return Similarity(rows=rows, own=own, band=band)


def _fill(probe: Features, band: "Vectors") -> "Array":
    """Write a probe's band; return its products within batches."""
    import numpy as np
    from scipy.sparse import csr_array

    batches = len(probe.rows)
    width = int(probe.column.max(initial=0)) + 1
    sums = csr_array((probe.value, (probe.batch, probe.column)), shape=(batches, width))
    count = np.maximum(probe.rows, 1)
    means = sums.multiply(1 / count[:, None]).tocsr()
    places = np.arange(WINDOW)
    for start in range(0, batches, _BLOCK):
        end, first = min(start + _BLOCK, batches), max(0, start - WINDOW + 1)
        block = (means[start:end] @ means[first:end].T).toarray()
        before = np.arange(start, end)[:, None] - places - first
        band[start:end] = np.where(before >= 0, block[np.arange(end - start)[:, None], np.maximum(before, 0)], 0)
    squares = np.asarray(sums.multiply(sums).sum(axis=1)).reshape(-1)
    pairs = np.maximum(count * (count - 1), 1)
    within: Array = np.where(probe.rows > 1, (squares - count * probe.unit) / pairs, squares)
    return within

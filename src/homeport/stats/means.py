"""Intervals of weighted means, many samples at once.

Arrays have the shape (..., n): the last axis is of the rows of a sample, those before are of samples, such as the
draws of a simulation; one sample has the shape (n,). Intervals are of 95 %.

Sources: Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 22, 1927), with the
effective size of a sample in place of its size, as Franco, Little, Louis and Slud, "Comparative study of confidence
intervals for proportions in complex sample surveys" (JSSAM 7, 2019); Kish, "Survey Sampling" (1965), for that size.

numpy is imported where it is needed: a process that answers requests never does.
"""

import msgspec

from homeport.stats.arrays import Array, Flags

LEAST_ROWS = 4
"""Of fewer rows no interval is told: it is as wide as it can be."""

NORMAL = 1.959963984540054
"""Deviations of the normal distribution, either way, for 95 %."""

_EXPANSION = (
    (NORMAL**3 + NORMAL) / 4,
    (5 * NORMAL**5 + 16 * NORMAL**3 + 3 * NORMAL) / 96,
    (3 * NORMAL**7 + 19 * NORMAL**5 + 17 * NORMAL**3 - 15 * NORMAL) / 384,
    (79 * NORMAL**9 + 776 * NORMAL**7 + 1482 * NORMAL**5 - 1920 * NORMAL**3 - 945 * NORMAL) / 92160,
)


class MeanInterval(msgspec.Struct, frozen=True):
    """Means with their intervals: three arrays of the shape (...), one number for each sample."""

    value: "Array"
    low: "Array"
    high: "Array"

    @property
    def width(self) -> "Array":
        return self.high - self.low


def student(freedom: "Array") -> "Array":
    """The 97.5 % quantile of Student's t: within .002 of itself for 3 degrees of freedom or more.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5.
    """
    inverse = 1 / freedom
    quantile = NORMAL + inverse * 0
    for place, term in enumerate(_EXPANSION, 1):
        quantile = quantile + term * inverse**place
    return quantile


def freedom_of(influence: "Array", least: "Array") -> "Array":
    """Degrees of freedom of a variance that is the sum of squares of the influences of rows, (..., n) to (...).

    A variance is known the better, the less the squares differ: the kurtosis says by how much (Satterthwaite,
    "An approximate distribution of estimates of variance components", Biometrics Bulletin 2, 1946). Of yes and no
    that are balanced all squares are alike, and nothing is lost by estimating it: Wilson's interval has no quantile of
    Student's.

    Args:
        least: (...), what normal scores have; rows with few large influences do not get fewer.
    """
    import numpy as np

    squares = influence**2
    total = squares.sum(axis=-1)
    known = total > 0
    rows = influence.shape[-1]
    excess = rows * (squares**2).sum(axis=-1) / np.where(known, total, 1.0) ** 2 - 1
    freedom: Array = np.maximum(least, 2 * rows / np.maximum(excess, 1e-6))
    return np.where(known, freedom, least)


def effective_rows(weights: "Array") -> "Array":
    """How many rows of equal weight say as much, by Kish; (..., n) to (...)."""
    total: Array = weights.sum(axis=-1) ** 2 / (weights**2).sum(axis=-1)
    return total


def effective_size(mean: "Array", variance: "Array", rows: "Array") -> "Array":
    """How many yes or no of equal weight would tell a mean between 0 and 1 as precisely.

    Args:
        variance: of the mean.
        rows: effective rows, which stand for it where all rows are alike and the variance is 0.
    """
    import numpy as np

    known = varies(mean, variance) & (mean > 0) & (mean < 1)
    size: Array = np.where(known, mean * (1 - mean) / np.where(known, variance, 1.0), rows)
    return size


def varies(mean: "Array", variance: "Array") -> "Flags":
    """Whether a variance is more than what rounding leaves of equal numbers."""
    more: Flags = variance > 1e-20 * mean**2
    return more


def bounded(value: "Array", size: "Array", freedom: "Array") -> MeanInterval:
    """Wilson's interval of means between 0 and 1, with Student's quantile; it holds near 0 and 1 too."""
    import numpy as np

    share = np.clip(value, 0.0, 1.0)
    quantile = student(freedom)
    weight = quantile**2 / size
    middle = (share + weight / 2) / (1 + weight)
    reach = quantile / (1 + weight) * np.sqrt(share * (1 - share) / size + weight / (4 * size))
    # Rounding may not put the share outside of its own interval.
    low, high = np.clip(middle - reach, 0.0, share), np.clip(middle + reach, share, 1.0)
    return MeanInterval(share, low, high)


def unbounded(value: "Array", variance: "Array", freedom: "Array") -> MeanInterval:
    """Student's interval of means of any size."""
    import numpy as np

    reach = student(freedom) * np.sqrt(variance)
    return MeanInterval(value, value - reach, value + reach)


def choose(mask: "Flags", first: MeanInterval, second: MeanInterval) -> MeanInterval:
    """For each sample the first where the mask is true, else the second."""
    import numpy as np

    return MeanInterval(
        np.where(mask, first.value, second.value),
        np.where(mask, first.low, second.low),
        np.where(mask, first.high, second.high),
    )

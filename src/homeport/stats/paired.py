"""Two scores of the same cases: by how much they differ, with an interval.

Sources: the adjusted interval of a difference of paired proportions is Bonett and Price's ("Adjusted Wald confidence
interval for a difference of binomial proportions based on paired data", J. Educ. Behav. Stat. 37, 2012): two imagined
cases are added, one that each side won. Written with sums it holds for any scores from 0 to 1, and for means of
several answers to a case: the cases, not the answers, are what was drawn, so they are the clusters. The test of
discordant pairs is McNemar's (Psychometrika 12, 1947), exact.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist

import msgspec

from homeport.stats.proportions import at_most

_NORMAL = NormalDist()


class Interval(msgspec.Struct, frozen=True):
    """An estimate, and between which bounds the truth is with the stated probability."""

    value: float
    low: float
    high: float


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed of the scores b of the baseline and c of the candidate, one pair a case.

    Attributes:
        cases: how many pairs.
        b, c, bb, cc, bc: sums over the pairs: of the scores, of their squares, of their products.
        widest: the largest difference that was seen.
    """

    cases: int
    b: float
    c: float
    bb: float
    cc: float
    bc: float
    widest: float

    @property
    def baseline(self) -> float:
        """The mean score; nan where there is no case."""
        return self.b / self.cases if self.cases else math.nan

    @property
    def candidate(self) -> float:
        return self.c / self.cases if self.cases else math.nan


class Spread(msgspec.Struct, frozen=True):
    """A mean over cases, and what one case adds to its uncertainty.

    Attributes:
        mean: with the two imagined cases.
        deviation: of one case.
        cases: with the two imagined ones.
    """

    mean: float
    deviation: float
    cases: int

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.deviation / math.sqrt(self.cases)

    def quantile(self, tail: float) -> float:
        """How many standard errors leave so much beyond them on one side (Student's t)."""
        return student(tail, self.cases - 1)


def pairs_of(scores: Iterable[tuple[float, float]]) -> Pairs:
    """Sums of pairs (baseline, candidate), each from 0 to 1."""
    rows = list(scores)
    return Pairs(
        cases=len(rows),
        b=math.fsum(b for b, _ in rows),
        c=math.fsum(c for _, c in rows),
        bb=math.fsum(b * b for b, _ in rows),
        cc=math.fsum(c * c for _, c in rows),
        bc=math.fsum(b * c for b, c in rows),
        widest=max((abs(c - b) for b, c in rows), default=0.0),
    )


def binary_pairs(both: int, lost: int, won: int, neither: int) -> Pairs:
    """Of right and wrong answers: right in both, in the baseline alone, in the candidate alone, in neither."""
    b, c = both + lost, both + won
    widest = 1.0 if lost or won else 0.0
    return Pairs(cases=b + won + neither, b=b, c=c, bb=b, cc=c, bc=both, widest=widest)


def spread(pairs: Pairs, weight: float = 1.0, shift: float = 0.0) -> Spread:
    """Of candidate - weight x baseline + shift, over the pairs and two imagined ones.

    The imagined ones are as far apart as the farthest pair that was seen; 1 where none differs. Without them no
    difference in a few cases would pass for certainty.
    """
    far = pairs.widest or 1.0
    count = pairs.cases + 2
    b, c = pairs.b + far, pairs.c + far
    bb, cc = pairs.bb + far * far, pairs.cc + far * far
    mean = (c - weight * b) / count
    square = (cc - 2 * weight * pairs.bc + weight * weight * bb) / count
    variance = max(0.0, square - mean * mean) * count / (count - 1)
    return Spread(mean + shift, math.sqrt(variance), count)


def difference(pairs: Pairs, coverage: float = 0.95) -> Interval:
    """How much more the candidate scores on average, from -1 to 1; nan and (-1, 1) where there is no case."""
    if not pairs.cases:
        return Interval(math.nan, -1.0, 1.0)
    found = spread(pairs)
    reach = found.quantile((1 - coverage) / 2) * found.error
    value = (pairs.c - pairs.b) / pairs.cases
    low, high = found.mean - reach, found.mean + reach
    return Interval(value, max(-1.0, min(low, value)), min(1.0, max(high, value)))


def mean_interval(scores: Iterable[float], coverage: float = 0.95) -> Interval:
    """The mean of scores from 0 to 1, one a case; two imagined cases, of 0 and of 1, are added to the interval.

    Source: as Agresti and Coull (Am. Stat. 52, 1998) do for proportions, with the variance that was seen.
    """
    rows = list(scores)
    if not rows:
        return Interval(math.nan, 0.0, 1.0)
    value, count = math.fsum(rows) / len(rows), len(rows) + 2
    mean = (math.fsum(rows) + 1) / count
    variance = (math.fsum((score - mean) ** 2 for score in rows) + mean**2 + (1 - mean) ** 2) / (count - 1)
    reach = student((1 - coverage) / 2, count - 1) * math.sqrt(variance / count)
    return Interval(value, max(0.0, min(mean - reach, value)), min(1.0, max(mean + reach, value)))


def mcnemar(lost: int, won: int) -> float:
    """How likely so uneven a split of the discordant pairs is, or one more uneven, if neither side is better."""
    return min(1.0, 2 * at_most(min(lost, won), lost + won, 0.5)) if lost + won else 1.0


def student(tail: float, freedom: int) -> float:
    """The quantile of Student's t that leaves `tail` above it, to about 0.01 from 3 degrees of freedom on.

    Source: the expansion by the normal quantile, Abramowitz and Stegun, "Handbook of mathematical functions" (1964),
    26.7.5.
    """
    z = _NORMAL.inv_cdf(1 - tail)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def normal_share(deviations: float) -> float:
    """The share of a normal distribution below so many deviations."""
    return _NORMAL.cdf(deviations)

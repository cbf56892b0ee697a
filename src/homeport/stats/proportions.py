"""Intervals of shares."""

import math

_NEAR = 1e-9


def wilson(hits: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """Between which bounds a share is; (0, 1) where nothing was counted.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 22, 1927).

    Args:
        z: deviations of the normal distribution; 1.96 for 95 %.
    """
    if not of:
        return 0.0, 1.0
    share, weight = hits / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / of + weight / (4 * of))
    low = 0.0 if hits == 0 else max(0.0, middle - reach)
    return low, 1.0 if hits == of else min(1.0, middle + reach)


def upper_bound(hits: int, of: int, tail: float = 0.05) -> float:
    """The largest share under which so few hits are not too unlikely; 1 where nothing was counted.

    Source: the one-sided interval of Clopper and Pearson (Biometrika 26, 1934): exact, never too narrow.

    Args:
        tail: the probability that the true share is above the bound.
    """
    if hits >= of:
        return 1.0
    low, high = hits / of, 1.0
    while high - low > _NEAR:
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(hits, of, middle) > tail else (low, middle)
    return high


def at_most(hits: int, of: int, share: float) -> float:
    """The probability of so many hits or fewer, if each of `of` is one with probability `share`, by itself.

    Args:
        share: between 0 and 1, both excluded.
    """
    odds = math.log(share) - math.log1p(-share)
    term = of * math.log1p(-share)
    terms = [term]
    for count in range(min(hits, of)):
        term += math.log((of - count) / (count + 1)) + odds
        terms.append(term)
    return min(1.0, math.fsum(map(math.exp, terms)))

"""Intervals of shares."""

import math


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

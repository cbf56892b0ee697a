"""Promises about a mean loss that hold for any data: which settings may be used, and how many labels that takes.

Source: Learn then Test, Angelopoulos, Bates, Candes, Jordan and Lei (arXiv 2110.01052), with tests in a fixed
sequence. A test's p-value is that of a bet: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting" (arXiv 2010.09686), which knows when losses are rare and does not pay for their range.

NumPy is loaded when it is used: a gateway never tests.
"""

import math
from collections.abc import Iterable, Sequence

LEAST_LABELS = 500
"""Below so many, what could be promised is worth nothing."""

_BOLDEST = 0.75
_HALVES = 2.2
"""Half of the labels are for the test, the others for what it is a test of; bets must first learn how high to go."""


def p_value(losses: Sequence[float], most: float, confidence: float) -> float:
    """How surprising such losses were if their mean were above `most`; it holds for any number of them.

    Args:
        losses: from -1 (something was gained) to 1, drawn independently, in an order that does not depend on them.
        confidence: with which the result is to be used; it tunes the bets and changes no truth.
    """
    import numpy as np

    x = (np.asarray(losses, float) + 1) / 2
    bound = (most + 1) / 2
    if not len(x) or bound >= 1:
        return 0.0 if bound >= 1 else 1.0
    place = np.arange(1, len(x) + 1)
    mean = (0.5 + x.cumsum()) / (place + 1)
    variance = (0.25 + ((x - mean) ** 2).cumsum()) / (place + 1)
    before = np.r_[0.25, variance[:-1]]
    bets = np.minimum(np.sqrt(-2 * math.log(1 - confidence) / (len(x) * before)), _BOLDEST / (1 - bound))
    wealth = np.cumsum(np.log1p(-bets * (x - bound)))
    return float(min(1.0, np.exp(-max(float(wealth.max()), 0.0))))


def last_safe(sequence: Iterable[Sequence[float]], most: float, confidence: float) -> int:
    """The place of the last setting of which it can be said that its mean loss is at most `most`; -1 of none.

    Settings are tested one after the other, until one fails, so that together they are wrong no more often than one.

    Args:
        sequence: the losses with each setting, the safest first; the order may not depend on these losses.
        confidence: the probability that what is said is true.
    """
    safe = -1
    for place, losses in enumerate(sequence):
        if p_value(losses, most, confidence) > 1 - confidence:
            break
        safe = place
    return safe


def labels_needed(most: float, confidence: float) -> int:
    """About how many labels it takes to promise a mean loss so small where hardly anything is lost; at least 500.

    Args:
        most: above 0.
    """
    bound = (most + 1) / 2
    won = math.log1p(_BOLDEST / (1 - bound) * (bound - 0.5)) if most < 1 else math.inf
    return max(LEAST_LABELS, math.ceil(_HALVES * -math.log(1 - confidence) / won))

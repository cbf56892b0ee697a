"""Whole numbers that add up: the method of largest remainders (Hamilton; Balinski and Young, "Fair Representation")."""

from collections.abc import Sequence
from fractions import Fraction


def apportion(shares: Sequence[Fraction]) -> list[int]:
    """Round each share down or up so that the sum is the sum of the shares, which is a whole number.

    Equal remainders are given to the first ones.

    Raises:
        ValueError: the sum of the shares is not a whole number.
    """
    total = sum(shares, Fraction(0))
    if total.denominator != 1:
        raise ValueError("shares that do not add up to a whole number cannot be apportioned")
    down = [share.numerator // share.denominator for share in shares]
    left = int(total) - sum(down)
    ranked = sorted(range(len(shares)), key=lambda place: down[place] - shares[place])
    for place in ranked[:left]:
        down[place] += 1
    return down

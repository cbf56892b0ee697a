"""Whole numbers that add up: the method of largest remainders (Hamilton; Balinski and Young, "Fair Representation")."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm


def apportion(shares: Sequence[Fraction]) -> list[int]:
    """Round each share down or up so that the sum is the sum of the shares, which is a whole number.

    Equal remainders are given to the first ones.

    Raises:
        ValueError: the sum of the shares is not a whole number.
    """
    common = lcm(*(share.denominator for share in shares))
    return apportion_parts([share.numerator * (common // share.denominator) for share in shares], common)


def apportion_parts(parts: Sequence[int], whole: int) -> list[int]:
    """The same for shares that are so many parts of a whole each: `parts[i] / whole`, and `whole` is above 0.

    Raises:
        ValueError: the sum of the parts is not a multiple of the whole.
    """
    left, rest = divmod(sum(parts), whole)
    if rest:
        raise ValueError("shares that do not add up to a whole number cannot be apportioned")
    rounded = [part // whole for part in parts]
    left -= sum(rounded)
    for place in sorted(range(len(parts)), key=lambda place: -(parts[place] % whole))[:left]:
        rounded[place] += 1
    return rounded

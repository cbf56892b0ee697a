"""Words and their neighbours as numbers: hashed, so that nothing but weights need be kept.

Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (ICML 2009), without the signs.
"""

import math
import re
from array import array
from collections import Counter
from itertools import pairwise
from operator import mul
from zlib import crc32

MOST_TOKENS = 256
"""Of a text that are read."""

_MIX = 37
"""Odd, so that no bit of the word before is lost; small, so that numbers stay below 30 bits, where Python is quick."""

# Of lower-case UTF-8: words of letters that are one or two bytes long, single digits, and each other character.
_TOKEN = re.compile(
    rb"(?:[a-z']|[\xc3-\xdf][\x80-\xbf])+|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[^\s\x80-\xff]"
)
_LOGS = (0.0, *(1.0 + math.log(count) for count in range(1, 3 * MOST_TOKENS)))


def grams(lower: str, dimension: int) -> tuple[list[int], list[float]]:
    """The words, digits and signs of a text, and each two and three that are neighbours: places, and a value for each.

    A value is 1 + log(how often); all together have the Euclidean length 1, or there are none.

    Args:
        lower: the text, in lower case.
        dimension: places are below it; a power of 2, and at most 2^22.
    """
    counts, values, length = _counted(lower, dimension, MOST_TOKENS)
    return list(counts), [value / length for value in values]


def weigh(lower: str, weights: "array[float]", most: int = MOST_TOKENS) -> float:
    """The sum of values times the weights of their places; there are so many places as weights.

    Args:
        most: tokens that are read.
    """
    counts, values, length = _counted(lower, len(weights), most)
    return sum(map(mul, values, map(weights.__getitem__, counts))) / length if counts else 0.0


def _counted(lower: str, dimension: int, most: int) -> tuple[Counter[int], list[float], float]:
    last = dimension - 1
    tokens = _TOKEN.findall(lower.encode("utf-8", "replace"))[:most]
    words = [crc32(token) & last for token in tokens]
    pairs = [(first * _MIX + second) & last for first, second in pairwise(words)]
    threes = [(pair * _MIX + third) & last for pair, third in zip(pairs, words[2:], strict=False)]
    counts = Counter(words + pairs + threes)
    values = list(map(_LOGS.__getitem__, counts.values()))
    return counts, values, math.sqrt(sum(map(mul, values, values)))

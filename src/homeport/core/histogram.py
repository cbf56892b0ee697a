"""Log-linear histograms of integers: small, mergeable, and exact to 1.6 %.

Each power of two is cut into 32 buckets of the same width, as in HdrHistogram (Gil Tene,
https://hdrhistogram.github.io/HdrHistogram/), so a bucket's middle is at most 1/64 from any value in it.
Values below 32 have a bucket each. Counts of equal buckets add up, over hours, keys and databases.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain

import msgspec

_BITS = 5
_PER_OCTAVE = 1 << _BITS

_decoder = msgspec.json.Decoder(list[int])

Counts = Mapping[int, int]
"""Bucket -> how many values are in it."""


def bucket(value: int) -> int:
    """The bucket of a value; a negative value's is the negative of its absolute value's."""
    size = abs(value)
    shift = max(0, size.bit_length() - _BITS - 1)
    place = shift * _PER_OCTAVE + (size >> shift)
    return -place if value < 0 else place


def middle(place: int) -> int:
    """The value in the middle of a bucket, rounded down; of a bucket of one value, that value."""
    size = abs(place)
    shift = max(0, size // _PER_OCTAVE - 1)
    low = (size - shift * _PER_OCTAVE) << shift
    value = low + ((1 << shift) - 1) // 2
    return -value if place < 0 else value


def quantile(counts: Counts, percent: int) -> int | None:
    """The nearest-rank quantile: the middle of the bucket that holds it. None where nothing was counted."""
    return quantiles(counts, (percent,))[0]


def quantiles(counts: Counts, percents: Sequence[int]) -> list[int | None]:
    """Several quantiles, ascending, in one walk."""
    places, total = sorted(counts), sum(counts.values())
    reached = list(accumulate(counts[place] for place in places))
    ranks = (max(1, -(-total * percent // 100)) for percent in percents)
    return [middle(places[bisect_left(reached, rank)]) if total else None for rank in ranks]


def packed(counts: Counts) -> str:
    """As text: bucket, count, bucket, count, ... with commas, ascending. Such texts can be joined with commas."""
    return ",".join(f"{place},{counts[place]}" for place in sorted(counts))


def read_packed(text: str) -> list[int]:
    """The numbers of what `packed` made, or of several of those joined with commas; "" has none."""
    return _decoder.decode(f"[{text}]")


def pairs(counts: Counts) -> list[int]:
    """Bucket, count, bucket, count, ... in no order."""
    return list(chain.from_iterable(counts.items()))


def merge(into: dict[int, int], more: Iterable[int]) -> None:
    """Add bucket, count, bucket, count, ... to counts."""
    numbers, known = iter(more), into.get
    for place, count in zip(numbers, numbers, strict=True):
        into[place] = known(place, 0) + count

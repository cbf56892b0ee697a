"""What two texts have in common, in runs of words."""

from collections import Counter
from collections.abc import Sequence

from homeport.evaluation.metrics.base import Sample, Score
from homeport.evaluation.metrics.texts import words

Gram = tuple[str, ...]


def grams(tokens: Sequence[str], length: int) -> Counter[Gram]:
    """How often each run of so many tokens is there."""
    return Counter(tuple(tokens[at : at + length]) for at in range(len(tokens) - length + 1))


def shared(one: Counter[Gram], other: Counter[Gram]) -> int:
    """Runs that both have, each as often as the one that has it less."""
    return sum(min(count, other[gram]) for gram, count in one.items() if gram in other)


def f_measure(common: int, said: int, wanted: int) -> float:
    """The harmonic mean of precision and recall, from 0 to 1; 0 where either text is empty."""
    return 2 * common / (said + wanted) if common else 0.0


def rouge_n(sample: Sample, length: int) -> Score:
    """ROUGE-N as F1, without stemming. Source: Lin, "ROUGE: a package for automatic evaluation of summaries" (2004)."""
    said, wanted = grams(words(sample.output or ""), length), grams(words(sample.reference or ""), length)
    return Score(f_measure(shared(said, wanted), said.total(), wanted.total()))


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, with the rows of the table as bits of one number.

    Source: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).
    """
    places: dict[str, int] = {}
    for at, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << at
    whole = (1 << len(one)) - 1
    row = whole
    for token in other:
        met = row & places.get(token, 0)
        row = ((row + met) | (row - met)) & whole
    return len(one) - row.bit_count()

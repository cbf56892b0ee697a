"""Batches of prompts: those of a day, or of as many days in a row as it takes to have enough of them.

numpy is imported where it is needed: a process that answers requests never does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from homeport.core.prompts import PromptFeatures
from homeport.stats.arrays import Array, Digests, Numbers, Vectors, Words

LEAST_PROMPTS = 10
"""A day with fewer different prompts is put together with the next ones."""

MOST_PROMPTS = 200
"""Of one batch; who draws them draws them by chance."""


@dataclass(frozen=True)
class Batch:
    """Different prompts of one or several days, a row each; a text that was asked ten times is one of them.

    Attributes:
        first, last: the first and the last of its days.
        vectors: embeddings of unit length, by prompt.
        words: hashes of the words of all prompts one after the other; `owner` is the row of each.
        octaves: log2 of the lengths.
    """

    first: str
    last: str
    ids: tuple[str, ...]
    digests: "Digests"
    vectors: "Vectors"
    words: "Words"
    owner: "Numbers"
    octaves: "Array"
    languages: tuple[str, ...]
    forms: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def batches_of(days: Iterable[tuple[str, Sequence[PromptFeatures]]]) -> Iterator[Batch]:
    """Days, the earliest first, as batches; the last ones are in none while they have too few prompts."""
    waiting: dict[bytes, PromptFeatures] = {}
    first = ""
    for day, prompts in days:
        first = first if waiting else day
        for prompt in prompts:
            waiting.setdefault(prompt.digest, prompt)
        if len(waiting) >= LEAST_PROMPTS:
            yield batch_of(first, day, waiting)
            waiting = {}


def batch_of(first: str, last: str, prompts: Mapping[bytes, PromptFeatures]) -> Batch:
    """A batch of prompts by their digests, of which the first `MOST_PROMPTS` are taken."""
    import numpy as np

    rows = list(prompts.values())[:MOST_PROMPTS]
    vectors = np.stack([np.frombuffer(row.vector, dtype="<f2") for row in rows]).astype(np.float32)
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    words = [np.frombuffer(row.words, dtype="<u4") for row in rows]
    return Batch(
        first=first,
        last=last,
        ids=tuple(row.id for row in rows),
        digests=np.array([int.from_bytes(row.digest, "little") for row in rows], dtype=np.uint64),
        vectors=(vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32),
        words=np.concatenate(words).astype(np.uint32),
        owner=np.repeat(np.arange(len(rows)), [len(one) for one in words]),
        octaves=np.array([row.octaves for row in rows]),
        languages=tuple(row.language for row in rows),
        forms=tuple(row.form for row in rows),
    )

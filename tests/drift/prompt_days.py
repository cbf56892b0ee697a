"""Days of prompts made of imagined words: what they speak of, how long they are, and how they are written."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from homeport.core.prompts import PromptFeatures
from homeport.drift.prompt_features import PromptReader
from homeport.evaluation.metrics.languages import language_of

LAW = (
    "clause", "party", "agreement", "notice", "breach", "liability", "term", "licence", "privacy", "consent", "fee",
    "refund", "court", "law",
)  # fmt: skip
CODE = (
    "function", "array", "index", "loop", "string", "return", "class", "test", "import", "stack", "queue", "pointer",
    "thread", "bug",
)  # fmt: skip
OTHER = (
    "river", "mountain", "bread", "garden", "music", "winter", "train", "letter", "window", "summer", "story",
    "kitchen", "road", "sea",
)  # fmt: skip
FILLER = (
    "the", "of", "and", "to", "in", "that", "is", "for", "with", "this", "it", "be", "on", "as", "you", "your", "we",
    "may", "not", "any",
)  # fmt: skip
FIRST = date(2026, 3, 2)

Ask = Callable[[random.Random], str]


class WordEmbedder:
    """A direction for each word, and their mean for a text."""

    name = "words"
    dimensions = 32

    def embed(self, texts: Sequence[str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        rows = np.stack([self._mean(text) for text in texts]) if texts else np.zeros((0, self.dimensions))
        return rows.astype(np.float32)

    def _mean(self, text: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        words = [word for word in text[:8_192].lower().split() if word not in FILLER] or [""]
        mean = np.mean(
            [
                np.random.default_rng(list(word.encode("utf-8", "replace"))).normal(size=self.dimensions)
                for word in words
            ],
            0,
        )
        return np.asarray(mean / (np.linalg.norm(mean) or 1.0))


def reader() -> PromptReader:
    return PromptReader(WordEmbedder(), language_of, b"key")


def about(words: Sequence[str], least: int = 12, most: int = 20) -> Ask:
    """Prompts of such words, half of them filler."""

    def ask(rng: random.Random) -> str:
        return " ".join(rng.choice(words if rng.random() < 0.5 else FILLER) for _ in range(rng.randint(least, most)))

    return ask


def name_of(day: int) -> str:
    return (FIRST + timedelta(days=day)).isoformat()


def days(
    count: int, ask: Callable[[int], Ask], each: int = 40, seed: int = 1
) -> Iterator[tuple[str, list[PromptFeatures]]]:
    """Days of so many prompts, each named `DAY-NUMBER`."""
    rng, read = random.Random(seed), reader()
    for day in range(count):
        texts = [(f"{day}-{number}", ask(day)(rng)) for number in range(each)]
        yield name_of(day), read.read(texts)


def mixed(usual: Ask, new: Ask, share: float) -> Ask:
    """What is new in a share of the prompts."""

    def ask(rng: random.Random) -> str:
        return (new if rng.random() < share else usual)(rng)

    return ask


def moving(usual: Ask, new: Ask, first: int, over: int = 7) -> Callable[[int], Ask]:
    """From a day on more and more is new, until all is."""
    return lambda day: mixed(usual, new, min(1.0, max(0, day - first + 1) / over))

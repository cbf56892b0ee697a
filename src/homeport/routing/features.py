"""Routing features: what a text looks like, in numbers.

To add one, add an entry to FEATURES: a name, and what it reads of a `Text`. Names are kept in fitted routers, so
an entry may be added at any time, and one that a router was fitted with must keep its name and meaning.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

MOST_CHARS = 1_024
"""Of a text that are read where nothing else is said, half from its beginning and half from its end; its length is
that of all."""

Feature = Callable[["Text"], float]

_WORD = re.compile(r"[A-Za-z']+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_UPPER = re.compile(r"[A-Z]+")
_DIGIT = re.compile(r"\d+")
_SIGN = re.compile(r"[^\w\s]+")
_OPERATOR = re.compile(r"[=+*/^<>]+")
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_LONG_WORD = 9

_NEGATIONS = ("not", "except", "never", "no", "neither", "false")
_CONDITIONS = ("if", "then", "given", "suppose", "let", "assume", "each", "every", "per", "total")
_JUDGEMENTS = ("following", "statement", "true", "best", "most", "likely")
_QUANTITIES = ("half", "twice", "third", "times", "percent", "fraction", "remaining", "left")


class Text:
    """A text as features read it. What several of them need is worked out once.

    Attributes:
        chars: of the whole text; `cut` is what is read of it.
    """

    def __init__(self, text: str, most: int = MOST_CHARS) -> None:
        half = most // 2
        self.chars = len(text)
        self.cut = text if len(text) <= most else f"{text[:half]}\n{text[-half:]}"

    @cached_property
    def lower(self) -> str:
        return self.cut.lower()

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self.lower)

    @cached_property
    def word_counts(self) -> Counter[str]:
        return Counter(self.words)

    @cached_property
    def numbers(self) -> list[str]:
        return _NUMBER.findall(self.cut)

    @cached_property
    def sentences(self) -> int:
        return len(_SENTENCE.findall(self.cut))

    def count(self, runs: re.Pattern[str]) -> int:
        """The characters in all runs that a pattern finds: quicker than to find each."""
        return len("".join(runs.findall(self.cut)))

    def share(self, runs: re.Pattern[str]) -> float:
        """The same, of all characters that are read."""
        return self.count(runs) / max(len(self.cut), 1)

    def said(self, words: tuple[str, ...]) -> int:
        """How often any of some words is there."""
        return sum(self.word_counts[word] for word in words)

    def phrased(self, *phrases: str) -> int:
        return sum(self.lower.count(phrase) for phrase in phrases)

    def a_word(self, amount: float) -> float:
        return amount / max(len(self.words), 1)


FEATURES: Mapping[str, Feature] = {
    "length": lambda text: math.log1p(text.chars),
    "size": lambda text: text.chars / 1_000,
    "words": lambda text: math.log1p(len(text.words)),
    "lines": lambda text: 1 + text.cut.count("\n"),
    "word_length": lambda text: text.a_word(sum(map(len, text.words))),
    "distinct_words": lambda text: text.a_word(len(text.word_counts)),
    "long_words": lambda text: text.a_word(sum(len(word) > _LONG_WORD for word in text.words)),
    "sentences": lambda text: text.sentences,
    "sentence_length": lambda text: len(text.words) / max(text.sentences, 1),
    "questions": lambda text: text.cut.count("?"),
    "commas": lambda text: text.cut.count(","),
    "capitals": lambda text: text.share(_UPPER),
    "punctuation": lambda text: text.share(_SIGN),
    "digits": lambda text: text.share(_DIGIT),
    "numbers": lambda text: len(text.numbers),
    "many_numbers": lambda text: math.log1p(len(text.numbers)),
    "distinct_numbers": lambda text: len(set(text.numbers)),
    "longest_number": lambda text: max(map(len, text.numbers), default=0),
    "operators": lambda text: text.count(_OPERATOR),
    "slashes": lambda text: text.cut.count("/"),
    "per_cents": lambda text: text.cut.count("%"),
    "dollars": lambda text: "$" in text.cut,
    "backslashes": lambda text: "\\" in text.cut,
    "underscores": lambda text: "_" in text.cut,
    "negations": lambda text: text.said(_NEGATIONS),
    "conditions": lambda text: text.said(_CONDITIONS) + text.phrased("how many", "how much"),
    "judgements": lambda text: text.said(_JUDGEMENTS),
    "quantities": lambda text: text.said(_QUANTITIES) + text.phrased("more than", "less than"),
}

LENGTH = ("length",)
SHAPE = ("length", "words", "lines", "word_length", "distinct_words", "sentences", "sentence_length")
"""What a text looks like from afar."""


def measure(text: Text, names: tuple[str, ...]) -> list[float]:
    """Features of a text. Raises `KeyError` for a name that is not in FEATURES."""
    return [float(FEATURES[name](text)) for name in names]

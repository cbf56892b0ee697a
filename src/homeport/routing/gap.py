"""The gap model: by how much would the strongest model answer a request better than the weakest?

A ridge regression on the difference of two models' correctness, of which one, both or none may be right. Predicting
the difference, and not whether the weak model fails, keeps the strong one away from what neither can do.
Everything here is plain Python: a process that answers requests loads no numerical library for it.
"""

import math
import sys
from array import array
from functools import cached_property
from pathlib import Path

import msgspec

from homeport.core.errors import StorageError
from homeport.core.routing import Prompt
from homeport.routing.features import FEATURES, MOST_CHARS, Text, measure
from homeport.routing.grams import MOST_TOKENS, weigh

FORMAT = 1

_EARLIER = 0.9
"""What earlier turns keep of their distance from an average request."""

_LATEST = 2
FAR = 4.0
"""Deviations from which on a feature counts as far."""
_MOST_DIMENSION = 1 << 22
_SHIPPED = "gap.json"


class Weighted(msgspec.Struct, frozen=True, kw_only=True):
    """A feature: where and how widely it was spread in the rows, and its weight once that is taken out."""

    name: str
    mean: float
    deviation: float
    weight: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The probability that a model's or a tier's answer is right: logistic in the score."""

    name: str
    intercept: float
    slope: float

    def at(self, score: float) -> float:
        power = max(-500.0, min(500.0, self.intercept + self.slope * score))
        return 1.0 / (1.0 + math.exp(-power))


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A request's score, higher for those that gain more by a strong model, and what moved it, most first.

    Attributes:
        contributions: features by name, all words together as `words_said`; never a word of the text.
    """

    score: float
    contributions: tuple[tuple[str, float], ...] = ()


class GapModel(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A fitted model.

    Attributes:
        about: what it was fitted on and how, for a person.
        base: the score of an average request.
        words: weights of words as little-endian 32-bit floats, by the places that `grams` gives; empty for none.
        success: of each model or tier of the rows, weakest first.
        spread: evenly spaced quantiles of the scores of rows, by fits that had not seen them; empty where unknown.
    """

    about: str
    base: float
    features: tuple[Weighted, ...] = ()
    words: bytes = b""
    success: tuple[Curve, ...] = ()
    spread: tuple[float, ...] = ()
    format: int = FORMAT

    @classmethod
    def decode(cls, data: bytes) -> "GapModel":
        """Raises `StorageError`: router_part_invalid, where the bytes are no model of this version of Homeport's."""
        try:
            model = msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _invalid(str(error)) from error
        if model.format != FORMAT:
            raise _invalid(f"its format is {model.format}, this version knows {FORMAT}")
        if unknown := [feature.name for feature in model.features if feature.name not in FEATURES]:
            raise _invalid(f"this version has no feature {unknown[0][:64]!r}")
        if any(feature.deviation <= 0 for feature in model.features):
            raise _invalid("a feature that never varies was weighed")
        if list(model.spread) != sorted(model.spread):
            raise _invalid("its quantiles fall")
        size = len(model.words)
        if size and (size % 4 or (size // 4) & (size // 4 - 1) or size > 4 * _MOST_DIMENSION):
            raise _invalid("its words have no place for each")
        if not all(map(math.isfinite, model._weights)):
            raise _invalid("a weight is not finite")
        return model

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    def score(self, prompt: Prompt) -> Scored:
        """The score of a conversation: its latest user's turn, or an earlier one that asked for more.

        Read are the user's first turn, which says what it is about, and the latest two: `MOST_CHARS` characters of
        the last, half as many of the others. An earlier turn counts a tenth less, so "commit it" after a hard task
        is not an easy request. What the application itself says each time (the system prompt) tells its requests
        not apart and is read only where nobody else speaks.
        """
        *earlier, latest = _texts(prompt)
        best = self.score_text(latest)
        for text in earlier:
            found = self._score(text, _EARLIER, 2)
            best = found if found.score > best.score else best
        return best

    def score_text(self, text: str) -> Scored:
        """The score of one text."""
        return self._score(text, 1.0, 1)

    def _score(self, text: str, share: float, part: int) -> Scored:
        """Of its distance from an average request only a share, read from the `part`th part of what may be read."""
        read = Text(text, MOST_CHARS // part)
        moved = [
            (feature.name, share * feature.weight * squash((value - feature.mean) / feature.deviation))
            for feature, value in zip(self.features, measure(read, self._names), strict=True)
        ]
        if self.words:
            moved.append(("words_said", share * weigh(read.lower, self._weights, MOST_TOKENS // part)))
        total = sum(amount for _, amount in moved)
        moved.sort(key=lambda pair: -abs(pair[1]))
        return Scored(score=self.base + total, contributions=tuple(moved))

    def chances(self, score: float) -> dict[str, float]:
        """The probability that an answer is right, by model or tier; empty where the rows named none."""
        return {curve.name: curve.at(score) for curve in self.success}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def _weights(self) -> "array[float]":
        weights = array("f", self.words)
        if sys.byteorder == "big":
            weights.byteswap()
        return weights


def squash(deviations: float) -> float:
    """What is far from everything seen counts as far, not as endless; the order is kept."""
    if abs(deviations) <= FAR:
        return deviations
    return math.copysign(FAR + math.log1p(abs(deviations) - FAR), deviations)


def gap_model(part: bytes | None) -> GapModel:
    """The model of a version's part; None: the one that comes with Homeport. Raises as `GapModel.decode`."""
    return GapModel.decode(Path(__file__).with_name(_SHIPPED).read_bytes() if part is None else part)


def _texts(prompt: Prompt) -> list[str]:
    """What is scored of a conversation, the latest last; at least one text."""
    said = [turn.text for turn in prompt.turns if turn.role == "user"]
    if not said:
        return [" ".join(turn.text for turn in prompt.turns)]
    return [*said[:1], *said[1:][-_LATEST:]]


def _invalid(why: str) -> StorageError:
    return StorageError(
        f"the router's gap model cannot be read: {why}",
        code="router_part_invalid",
        hint="fit it again (homeport route fit), or go back: homeport route rollback",
    )

"""A router whose scores a test sets."""

from collections.abc import Mapping

import msgspec

from homeport.core.routing import Prompt
from homeport.routing.policies.base import Router

SKETCH = tuple(place / 100 for place in range(101))


class FixedScore(msgspec.Struct, frozen=True):
    score: float
    contributions: tuple[tuple[str, float], ...] = ()


class LengthScorer:
    """A prompt of 100 characters or more is as hard as can be; an empty one is not hard at all."""

    def score(self, prompt: Prompt) -> FixedScore:
        score = min(prompt.chars / 100, 1.0)
        return FixedScore(score, (("length", score),))

    def chances(self, score: float) -> Mapping[str, float]:
        return {"weak": 1 - score, "strong": 0.9}


def router(**more: object) -> Router:
    return msgspec.structs.replace(Router(version=3, scorer=LengthScorer(), sketch=SKETCH), **more)

"""Shares of the conversations by weight, as for a canary: each conversation stays where its draw put it."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.routing import Decision, Explanation, Question
from homeport.core.types import Target
from homeport.routing.policies.base import GENERATING, PolicySetup, in_order, led_by, option_error, read_options

_Weight = Annotated[float, Meta(ge=0, le=1_000_000)]


class WeightedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        weights: by tier or model; what has none is asked only when those that have one fail.
    """

    weights: Mapping[str, _Weight]


class Weighted:
    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Of those that are eligible, each is chosen with its share of their weights."""
        weighed = {name: weight for name, weight in self._present(eligible).items() if weight}
        if not weighed or question.inference.surface not in GENERATING:
            return in_order("weighted", question, eligible)
        total, drawn = sum(weighed.values()), question.draw
        chosen, reached = next(reversed(weighed)), 0.0
        for name, weight in weighed.items():
            reached += weight / total
            if drawn < reached:
                chosen = name
                break
        first = [target for target in eligible if self._weighed_by(target) == chosen]
        tier = first[0].tier
        return Decision(
            candidates=led_by(eligible, first),
            reason=f"weighted:{chosen}",
            propensity=sum(weight for name, weight in weighed.items() if _tier(name, eligible) == tier) / total,
            explanation=Explanation(policy="weighted"),
        )

    def _present(self, eligible: tuple[Target, ...]) -> dict[str, float]:
        """The weights of what can be chosen."""
        names = dict.fromkeys(self._weighed_by(target) for target in eligible)
        return {name: self._weights[name] for name in names if name is not None}

    def _weighed_by(self, target: Target) -> str | None:
        """The name that gives a target its weight: its own wins over its tier's."""
        return next((name for name in (target.name, target.tier) if name in self._weights), None)


def _tier(name: str, eligible: tuple[Target, ...]) -> str:
    return next(target.tier for target in eligible if name in (target.name, target.tier))


def create(setup: PolicySetup) -> Weighted:
    options = read_options(setup, WeightedOptions)
    if not any(options.weights.values()):
        raise option_error("weights: at least one weight is above 0")
    return Weighted(options.weights)

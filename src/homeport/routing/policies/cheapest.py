"""The cheapest model that may answer first, by what the request is expected to cost there."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.routing import Decision, Explanation, Question
from homeport.core.types import Target
from homeport.routing.policies.base import (
    GENERATING,
    PolicySetup,
    explore,
    in_order,
    led_by,
    read_options,
    tiers_of,
)


class CheapestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        switch_margin: a conversation moves only where that saves more than this share of what it costs now.
        explore: the share of conversations that go to any tier, to learn.
    """

    switch_margin: Annotated[float, Meta(ge=0, le=1)] = 0.2
    explore: Annotated[float, Meta(ge=0, le=0.5)] = 0.0


class Cheapest:
    def __init__(self, options: CheapestOptions) -> None:
        self._options = options

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Models without a price come last. Whoever answered the conversation before has its beginning cached."""
        if question.inference.surface not in GENERATING or len(eligible) == 1:
            return in_order("cheapest", question, eligible)
        costs = {id(target): question.cost(target) for target in eligible}
        ordered = sorted(eligible, key=lambda target: (costs[id(target)] is None, costs[id(target)] or 0))
        best, why = ordered[0].tier, "cheapest"
        before, after = _least(costs, eligible, question.session), costs[id(ordered[0])]
        if before is not None and after is not None and best != question.session:
            stays = before - after <= self._options.switch_margin * before
            best, why = (question.session, "session") if stays else (best, why)
        tiers = tiers_of(eligible)
        pick = explore(best, tiers, self._options.explore, question.draw)
        return Decision(
            candidates=led_by(tuple(ordered), [target for target in ordered if target.tier == pick.choice]),
            reason=f"{'explore' if pick.explored else why}:{pick.choice}",
            propensity=pick.propensity,
            explanation=Explanation(policy="cheapest", explored=pick.explored),
        )


def _least(costs: Mapping[int, int | None], eligible: tuple[Target, ...], tier: str) -> int | None:
    known = [costs[id(target)] for target in eligible if target.tier == tier]
    return min((cost for cost in known if cost is not None), default=None)


def create(setup: PolicySetup) -> Cheapest:
    return Cheapest(read_options(setup, CheapestOptions))

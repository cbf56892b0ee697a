"""The model that begins to answer soonest, by what was seen of late and by its load."""

from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.routing import Decision, Explanation, Question
from homeport.core.types import Target
from homeport.routing.policies.base import GENERATING, PolicySetup, in_order, led_by, read_options

_HEAVY_TOKENS = 8_192
"""With so many tokens in work a model is taken to be half as quick."""


class LatencyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        switch_margin: a conversation moves only to a model that is quicker by more than this share.
        try_unknown: the share of conversations that go to a model that too little is known of.
    """

    switch_margin: Annotated[float, Meta(ge=0, le=1)] = 0.2
    try_unknown: Annotated[float, Meta(ge=0, le=0.5)] = 0.05


class Latency:
    def __init__(self, options: LatencyOptions) -> None:
        self._options = options

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Known models by their time, unknown ones behind them in the configured order.

        A share of conversations tries the unknown ones first, so that they become known.
        """
        if question.inference.surface not in GENERATING or len(eligible) == 1:
            return in_order("latency", question, eligible)
        times = _times(question, eligible)
        known = sorted((target for target in eligible if target.name in times), key=lambda one: times[one.name])
        unknown = [target for target in eligible if target.name not in times]
        if not known:
            return in_order("latency", question, eligible)
        share = self._options.try_unknown if unknown else 0.0
        tries = question.draw < share
        best, why = self._stay(question, known, times)
        if tries:
            best, why = unknown[_place(question.draw / share, len(unknown))], "explore"
        ordered = led_by((*known, *unknown), [target for target in eligible if target.name == best.name])
        chance = share * sum(target.tier == best.tier for target in unknown) / max(1, len(unknown))
        kept, _ = self._stay(question, known, times)
        return Decision(
            candidates=ordered,
            reason=f"{why}:{best.tier}",
            propensity=chance + (1 - share if kept.tier == best.tier else 0.0),
            explanation=Explanation(policy="latency", explored=tries),
        )

    def _stay(self, question: Question, known: list[Target], times: dict[str, float]) -> tuple[Target, str]:
        """The quickest, unless the conversation is elsewhere and would gain too little."""
        before = next((target for target in known if target.tier == question.session), None)
        if before is None or before.tier == known[0].tier:
            return known[0], "latency"
        gain = times[before.name] - times[known[0].name]
        stays = gain <= self._options.switch_margin * times[before.name]
        return (before, "session") if stays else (known[0], "latency")


def _times(question: Question, eligible: tuple[Target, ...]) -> dict[str, float]:
    """Seconds to the first token by model; of replicas the quickest, for balancing chooses among them."""
    found: dict[str, float] = {}
    for target in eligible:
        seconds = question.first_token_s(target)
        if seconds is not None:
            expected = seconds * (1 + question.load(target) / _HEAVY_TOKENS)
            found[target.name] = min(expected, found.get(target.name, expected))
    return found


def _place(share: float, count: int) -> int:
    return min(int(share * count), count - 1)


def create(setup: PolicySetup) -> Latency:
    return Latency(read_options(setup, LatencyOptions))

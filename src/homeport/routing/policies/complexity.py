"""The tier that a request is worth, by the score of a fitted model.

Two ways to say what it is worth: shares of the traffic that each tier should get, held whatever comes, or what a
good answer is worth in dollars, which is weighed against what each tier costs.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.money import parse_usd
from homeport.core.routing import Decision, Explanation, Question
from homeport.core.types import Target
from homeport.routing.policies.base import (
    GENERATING,
    Memory,
    PolicySetup,
    Router,
    Scored,
    explore,
    in_order,
    led_by,
    option_error,
    read_options,
    tiers_of,
)
from homeport.routing.thresholds import Controller, Held

_FEATURES = 6
_SPLITS = {2: (0.7, 0.3), 3: (0.7, 0.22, 0.08)}
_Share = Annotated[float, Meta(ge=0, le=1)]


class ComplexityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        split: the share of requests that each tier should answer. Left out: what the router's version was
            calibrated for, else 70 % / 22 % / 8 % of three tiers, 70 % / 30 % of two.
        hold: the split is held on the traffic there is, by thresholds that move slowly.
        value_usd: what a good answer is worth; then no split is held.
        switch_margin: a conversation changes its tier only where its score is beyond the threshold by this
            share of all scores; with `value_usd`, where it gains more than this share of the value.
        explore: the share of conversations that go to any tier, to learn.
    """

    split: Mapping[str, _Share] = {}
    hold: bool = True
    value_usd: str | int | None = None
    switch_margin: Annotated[float, Meta(ge=0, le=1)] = 0.1
    explore: Annotated[float, Meta(ge=0, le=0.5)] = 0.0


class Complexity:
    """Scores a request and chooses where to begin.

    Args:
        split: shares of the tiers, the weakest first.

    The thresholds in force move when `decided` is told of a request, never by a question.
    """

    def __init__(
        self,
        name: str,
        options: ComplexityOptions,
        router: Router,
        split: Mapping[str, float],
        *,
        cascade: bool,
        memory: Memory | None = None,
    ) -> None:
        self._name = name
        self._options = options
        self._router = router
        self._ladder = tuple(split)
        self._split = split
        self._cascade = cascade
        self._value = None if options.value_usd is None else _value(options.value_usd)
        self._controller = Controller(tuple(split.values()), router.sketch)
        self._used = tuple(tier for tier, share in split.items() if share)
        self._memory = memory
        self._own = self._controller.start()
        same = repr((router.version, router.sketch, tuple(split.items())))
        self._meaning = hashlib.blake2b(same.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    @property
    def ladder(self) -> tuple[str, ...]:
        """The tiers, the weakest first."""
        return self._ladder

    @property
    def split(self) -> Mapping[str, float]:
        """The share that each tier is to have, the weakest first; empty where a good answer's value decides."""
        return {} if self._value is not None else self._split

    @property
    def cuts(self) -> Mapping[str, float]:
        """The score above which each tier but the first begins, as the thresholds stand."""
        return (
            {}
            if self._value is not None
            else dict(zip(self._ladder[1:], self._controller.cuts(self.held), strict=False))
        )

    @property
    def held(self) -> Held:
        """The thresholds in force."""
        shared = self._memory.read(self._meaning) if self._memory is not None else None
        usable = shared is not None and len(shared) == len(self._own.ranks)
        return Held(shared) if shared is not None and usable else self._own

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Where to begin; behind it the stronger tiers, then the weaker ones."""
        tiers = tuple(tier for tier in self._ladder if any(target.tier == tier for target in eligible))
        if len(tiers) < 2 or question.inference.surface not in GENERATING:
            return in_order(self._name, question, eligible)
        scored = self._router.scorer.score(question.prompt)
        success = self.success(scored.score, tiers, eligible)
        wanted = self._at(self._controller.tier(self.held, scored.score))
        if self._value is not None:
            gains = self._gains(question, eligible, success)
            wanted = max(gains, key=lambda tier: gains[tier])
        chosen, why = _nearest(wanted, self._ladder, tiers), self._name
        if question.session in tiers and chosen != question.session:
            chosen, why = self._stay(question, eligible, scored.score, success, chosen)
        pick = explore(chosen, tiers, self._options.explore, question.draw)
        top = pick.choice == tiers[-1]
        return Decision(
            candidates=self._from(pick.choice, eligible),
            reason=f"{'explore' if pick.explored else why}:{pick.choice}",
            propensity=pick.propensity,
            cascade=self._cascade and not top,
            explanation=self._explanation(scored, success, explored=pick.explored),
        )

    def decided(self, question: Question, eligible: tuple[Target, ...], decision: Decision) -> None:
        """Move the thresholds by one request, where the whole ladder was open to it."""
        scored = decision.explanation is not None and question.inference.surface in GENERATING
        if not scored or not self._options.hold or self._value is not None:
            return
        if set(self._ladder) <= {target.tier for target in eligible}:
            self._own = self._controller.after(self.held, self._ladder.index(decision.candidates[0].tier))
            if self._memory is not None:
                self._memory.write(self._meaning, self._own.ranks)

    def resume(self, former: object) -> None:
        """Go on with the thresholds of a policy that this one takes the place of, where they mean the same."""
        if isinstance(former, Complexity) and former._meaning == self._meaning:
            self._own = former.held

    def _at(self, place: int) -> str:
        """The tier at a place of the ladder, or the nearest weaker one that is to have a share at all."""
        weaker = [tier for tier in self._ladder[: place + 1] if tier in self._used]
        return weaker[-1] if weaker else self._used[0]

    def _gains(self, question: Question, eligible: tuple[Target, ...], success: Mapping[str, float]) -> dict[str, int]:
        """By tier: the value of a good answer, as likely as it is there, less what it costs."""
        assert self._value is not None
        gains = {}
        for tier, chance in success.items():
            [target, *_] = [target for target in eligible if target.tier == tier]
            cost = question.cost(target)
            # What has no price might cost anything: it is not worth more than nothing.
            gains[tier] = round(chance * self._value) - (self._value if cost is None else cost)
        return gains

    def _stay(
        self, question: Question, eligible: tuple[Target, ...], score: float, success: Mapping[str, float], chosen: str
    ) -> tuple[str, str]:
        """Where a conversation that is at another tier goes: it moves only beyond the margin, and never down out of
        a cascade, where it may have been escalated."""
        open_ = tiers_of(eligible)
        here, there = self._ladder.index(question.session), self._ladder.index(chosen)
        if self._cascade and there < here:
            return question.session, "session"
        margin = self._options.switch_margin
        if self._value is not None:
            gains = self._gains(question, eligible, success)
            moves = gains[chosen] - gains[question.session] > margin * self._value
            return (chosen, self._name) if moves else (question.session, "session")
        step = margin if there > here else -margin
        beyond = self._controller.tier(Held(tuple(cut + step for cut in self.held.ranks)), score)
        if (there - here) * (beyond - here) <= 0:
            return question.session, "session"
        found = _nearest(self._at(beyond), self._ladder, tuple(tier for tier in self._ladder if tier in open_))
        return (found, self._name) if found != question.session else (found, "session")

    def success(self, score: float, tiers: tuple[str, ...], eligible: tuple[Target, ...]) -> dict[str, float]:
        """The chance of a good answer by tier: told under its name or its first model's, else by its place."""
        chances = self._router.scorer.chances(score)
        if not chances:
            return {}
        ranked = list(chances.values())
        found = {}
        for tier in tiers:
            named = [chances[name] for name in (tier, *_models(tier, eligible)) if name in chances]
            found[tier] = named[0] if named else _between(ranked, self._ladder.index(tier), len(self._ladder))
        return found

    def _from(self, tier: str, eligible: tuple[Target, ...]) -> tuple[Target, ...]:
        start = self._ladder.index(tier)
        rising = [target for name in self._ladder[start:] for target in eligible if target.tier == name]
        if self._cascade and len(tiers_of(rising)) > 1:
            # Behind the last tier of a cascade stands nobody whose answer would have to be looked at.
            return tuple(rising)
        falling = [target for name in reversed(self._ladder[:start]) for target in eligible if target.tier == name]
        return led_by(eligible, [*rising, *falling])

    def _explanation(self, scored: Scored, success: Mapping[str, float], *, explored: bool) -> Explanation:
        return Explanation(
            policy=self._name,
            version=self._router.version,
            score=scored.score,
            thresholds=self.cuts,
            features=scored.contributions[:_FEATURES],
            success=success,
            explored=explored,
        )


def make(name: str, setup: PolicySetup, options: ComplexityOptions, *, cascade: bool) -> Complexity:
    """A policy of this kind. Raises ConfigError."""
    if setup.router is None:
        raise option_error(f"the {name} policy needs a router, and none is loaded", "homeport route versions")
    if options.value_usd is not None and options.split:
        raise option_error("write split or value_usd, not both")
    if options.value_usd is not None and not setup.router.scorer.chances(0.0):
        raise option_error("value_usd: the router's version tells no chances of good answers", "homeport route fit")
    if strange := sorted(set(options.split) - set(setup.tiers)):
        raise option_error(f"split: there is no tier {strange[0][:64]!r}", f"use: {', '.join(setup.tiers)}")
    measured = tuple(setup.models.get(name, name) for name in setup.router.tiers)
    calibrated = sorted(measured) == sorted(setup.tiers)
    ladder = measured if calibrated else setup.tiers
    if len(ladder) < 2:
        raise option_error(f"the {name} policy chooses between tiers, and there is one", "use the policy static")
    shares = setup.router.shares if calibrated and setup.router.shares else _ordinary(len(ladder))
    split = dict(zip(ladder, shares, strict=True))
    if options.split:
        split = {tier: options.split.get(tier, 0.0) for tier in ladder}
    if abs((total := math.fsum(split.values())) - 1) > 1e-6:
        raise option_error(f"split: the shares add up to {total:.6g}, not to 1")
    return Complexity(name, options, setup.router, split, cascade=cascade, memory=setup.memory)


def create(setup: PolicySetup) -> Complexity:
    return make("complexity", setup, read_options(setup, ComplexityOptions), cascade=False)


def _value(text: str | int) -> int:
    try:
        value = parse_usd(text)
    except ValueError as error:
        raise option_error(f"value_usd: {error}") from None
    if value <= 0:
        raise option_error("value_usd: a good answer is worth more than nothing")
    return value


def _ordinary(tiers: int) -> tuple[float, ...]:
    """The split of so many tiers where nobody says another."""
    first, rest = _SPLITS[2]
    return _SPLITS.get(tiers, (first, *(rest / (tiers - 1) for _ in range(tiers - 1))))


def _nearest(wanted: str, ladder: tuple[str, ...], tiers: tuple[str, ...]) -> str:
    """The wanted tier where it is open, else the next stronger one, else the next weaker one."""
    at = ladder.index(wanted)
    rising = [tier for tier in ladder[at:] if tier in tiers]
    return rising[0] if rising else [tier for tier in ladder[:at] if tier in tiers][-1]


def _models(tier: str, eligible: tuple[Target, ...]) -> list[str]:
    return [target.name for target in eligible if target.tier == tier]


def _between(ranked: list[float], at: int, count: int) -> float:
    """The chance at a place of the ladder, between those of the models that were measured."""
    place = at / (count - 1) * (len(ranked) - 1)
    low = min(int(place), len(ranked) - 1)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])

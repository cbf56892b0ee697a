"""Why a request goes where it goes, in one plain structure: for a dry run, a trace, a terminal.

No text of the request is in it: recognizers are told by their names, features by theirs.
"""

from collections.abc import Sequence

import msgspec

from homeport.core.money import Nano, format_usd
from homeport.core.privacy import Assessment
from homeport.core.routing import Decision, Explanation, Question, Removed
from homeport.core.types import DataClass, Target


class ToldTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may answer. `cost_usd` is expected, null where it has no price; `closed` says why it cannot now."""

    model: str
    tier: str
    upstream: str
    local: bool
    cost_usd: str | None
    closed: str


class ToldRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may not answer, and the stable code of why."""

    model: str
    tier: str
    upstream: str
    why: str


class ToldTier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier: the probability that its answer is good, the score that it begins at, and what it is expected to cost."""

    tier: str
    success: float | None
    threshold: float | None
    cost_usd: str | None


class ToldFeature(msgspec.Struct, frozen=True, kw_only=True):
    """By how much a feature moved the score."""

    name: str
    amount: float


class ToldPrivacy(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done with the content: the action, why, and which recognizers found something; never what."""

    data_class: DataClass
    action: str
    classes: tuple[str, ...]
    recognizers: tuple[str, ...]
    reason: str


class ToldRouter(msgspec.Struct, frozen=True, kw_only=True):
    """The router that scored: its version, the score, and what moved it most."""

    version: int
    score: float
    features: tuple[ToldFeature, ...]


class ToldCounterfactual(msgspec.Struct, frozen=True, kw_only=True):
    """What the strongest tier would cost."""

    tier: str
    model: str
    cost_usd: str | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What would answer a request, and why.

    Attributes:
        reason: as `x-homeport-reason` says it.
        propensity: the probability with which the tier was chosen.
        cascade: the answer would be looked at, and the next tier asked where it does not do.
        session: the tier that has answered the conversation until now, or "".
        candidates: in the order in which they would be asked.
    """

    tier: str
    model: str
    reason: str
    cost_usd: str | None
    policy: str
    propensity: float
    explored: bool
    cascade: bool
    session: str
    candidates: tuple[ToldTarget, ...]
    removed: tuple[ToldRemoved, ...]
    tiers: tuple[ToldTier, ...]
    privacy: ToldPrivacy
    router: ToldRouter | None
    counterfactual: ToldCounterfactual | None


def explain(
    question: Question,
    decision: Decision,
    *,
    policy: str,
    offered: Sequence[Target],
    removed: Sequence[Removed],
    assessment: Assessment,
    catalogue: Sequence[Target],
) -> Told:
    """Put a decision into words.

    Args:
        policy: its name, where the decision does not say it.
        offered: what the policy could choose from, in the order of the configuration.
        assessment: of the content.
        catalogue: every target, in the order of the configuration: the last tier is taken to be the strongest.
    """
    first, why = decision.candidates[0], decision.explanation
    return Told(
        tier=first.tier,
        model=first.name,
        reason=decision.reason,
        cost_usd=_usd(question.cost(first)),
        policy=why.policy if why else policy,
        propensity=decision.propensity,
        explored=bool(why and why.explored),
        cascade=decision.cascade,
        session=question.session,
        candidates=tuple(_candidate(question, target) for target in decision.candidates),
        removed=tuple(
            ToldRemoved(model=one.target.name, tier=one.target.tier, upstream=one.target.upstream, why=one.why)
            for one in removed
        ),
        tiers=_tiers(question, offered, why),
        privacy=ToldPrivacy(
            data_class=assessment.data_class,
            action=assessment.action,
            classes=assessment.classes,
            recognizers=assessment.found,
            reason=assessment.reason,
        ),
        router=_router(why),
        counterfactual=_counterfactual(question, (*offered, *(one.target for one in removed)), catalogue),
    )


def _candidate(question: Question, target: Target) -> ToldTarget:
    return ToldTarget(
        model=target.name,
        tier=target.tier,
        upstream=target.upstream,
        local=target.local,
        cost_usd=_usd(question.cost(target)),
        closed=question.closed(target),
    )


def _tiers(question: Question, offered: Sequence[Target], why: Explanation | None) -> tuple[ToldTier, ...]:
    firsts = {target.tier: target for target in reversed(offered)}
    names = dict.fromkeys(target.tier for target in offered)
    return tuple(
        ToldTier(
            tier=name,
            success=why.success.get(name) if why else None,
            threshold=why.thresholds.get(name) if why else None,
            cost_usd=_usd(question.cost(firsts[name])),
        )
        for name in names
    )


def _router(why: Explanation | None) -> ToldRouter | None:
    if why is None or why.score is None:
        return None
    features = tuple(ToldFeature(name=name, amount=amount) for name, amount in why.features)
    return ToldRouter(version=why.version, score=why.score, features=features)


def _counterfactual(
    question: Question, known: Sequence[Target], catalogue: Sequence[Target]
) -> ToldCounterfactual | None:
    """The strongest that has a price, of those that the caller may name."""
    named = {id(target) for target in known}
    for tier in reversed(dict.fromkeys(target.tier for target in catalogue)):
        for target in catalogue:
            if target.tier == tier and id(target) in named and (cost := question.cost(target)) is not None:
                return ToldCounterfactual(tier=tier, model=target.name, cost_usd=_usd(cost))
    return None


def _usd(cost: Nano | None) -> str | None:
    return None if cost is None else format_usd(cost)

"""Where requests went, and where they should have gone: the figures of the page Routing."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine, func, select

from homeport.console.figures.windows import Window
from homeport.ledger.reports import Spend, breakdown
from homeport.storage.tables import decisions

_MOST_TOLD = 50
_CHOSEN = frozenset({"explore", "session"})
"""Words of a reason that are the policy's own, beside its name."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy that is in effect wants.

    Attributes:
        policy: its name.
        split: the share of each tier, the weakest first; empty where no split is held.
        cuts: the score above which each tier begins.
        version: of the router.
    """

    policy: str
    split: Mapping[str, float] = {}
    cuts: Mapping[str, float] = {}
    version: int = 0


class TierShare(msgspec.Struct, frozen=True, kw_only=True):
    """One tier. `decided`: requests that the policy sent there, of those it decided; `answered`: by whom at last."""

    tier: str
    decided: int
    share: float | None
    wanted: float | None
    answered: Spend | None


class Escalated(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of a tier that were not good enough, by the code of why."""

    tier: str
    why: str
    requests: int


class RoutingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a window; `escalations` and `explored` of its last day."""

    window: Window
    wanted: Wanted
    tiers: Sequence[TierShare]
    routes: Sequence[Spend]
    escalations: Sequence[Escalated]
    explored: int
    scored: int


def routing_figures(engine: Engine, window: Window, wanted: Wanted) -> RoutingFigures:
    """The figures of a window."""
    since, until = window.since_ns, window.until_ns
    found = breakdown(engine, by=("route", "tier"), since_ns=since, until_ns=until, spread=False).groups
    routes, answered = found["route"], {row.group: row for row in found["tier"]}
    day = _decided(engine, window.last_day_ns, until)
    return RoutingFigures(
        window=window,
        wanted=wanted,
        tiers=tier_shares(routes, answered, wanted),
        routes=routes,
        escalations=day.escalations,
        explored=day.explored,
        scored=day.scored,
    )


def tier_shares(routes: Sequence[Spend], answered: Mapping[str, Spend], wanted: Wanted) -> Sequence[TierShare]:
    """Each tier, those of the split first. A request that named its model, or met a limit, was not decided."""
    decided: dict[str, int] = {}
    for row in routes:
        kind, _, tier = row.group.partition(":")
        if tier and (kind == wanted.policy or kind in _CHOSEN):
            decided[tier] = decided.get(tier, 0) + row.requests
    total = sum(decided.values())
    names = dict.fromkeys((*wanted.split, *decided, *(tier for tier in answered if tier)))
    return [
        TierShare(
            tier=name,
            decided=decided.get(name, 0),
            share=decided.get(name, 0) / total if total else None,
            wanted=wanted.split.get(name),
            answered=answered.get(name),
        )
        for name in names
    ]


class _Day(msgspec.Struct, frozen=True, kw_only=True):
    """What the decisions of a day tell."""

    escalations: Sequence[Escalated]
    explored: int
    scored: int


def _decided(engine: Engine, since: int, until: int) -> _Day:
    """In one look: a row of `decisions` has what a router is fitted on, and takes longer to read than it looks."""
    table = decisions.c
    is_scored = table.score.is_not(None).label("scored")
    kinds = (table.decided, table.escalation, table.explored, is_scored)
    query = select(*kinds, func.count()).where(table.started_at >= since, table.started_at < until)
    with engine.connect() as connection:
        rows = connection.execute(query.group_by(*kinds)).all()
    found: dict[tuple[str, str], int] = {}
    for decided, why, _, _, count in rows:
        if why:
            found[decided, why] = found.get((decided, why), 0) + int(count)
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return _Day(
        escalations=[Escalated(tier=tier, why=why, requests=count) for (tier, why), count in ranked[:_MOST_TOLD]],
        explored=sum(int(count) for *_, explored, scored, count in rows if explored and scored),
        scored=sum(int(count) for *_, scored, count in rows if scored),
    )

"""Where requests went, and where they should have gone: the figures of the page Routing."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine, func, select

from homeport.console.figures.windows import Window
from homeport.ledger.reports import Spend, spend
from homeport.storage.rollups import DAY
from homeport.storage.tables import decisions

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
    routes = spend(engine, by="route", since_ns=since, until_ns=until)
    answered = {row.group: row for row in spend(engine, by="tier", since_ns=since, until_ns=until)}
    explored, scored = _scored(engine, max(since, until - DAY), until)
    return RoutingFigures(
        window=window,
        wanted=wanted,
        tiers=tier_shares(routes, answered, wanted),
        routes=routes,
        escalations=_escalations(engine, max(since, until - DAY), until),
        explored=explored,
        scored=scored,
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


def _escalations(engine: Engine, since: int, until: int) -> Sequence[Escalated]:
    columns = (decisions.c.decided, decisions.c.escalation)
    query = (
        select(*columns, func.count().label("requests"))
        .where(decisions.c.started_at >= since, decisions.c.started_at < until, decisions.c.escalation != "")
        .group_by(*columns)
        .order_by(func.count().desc(), *columns)
        .limit(50)
    )
    with engine.connect() as connection:
        return [Escalated(tier=tier, why=why, requests=int(count)) for tier, why, count in connection.execute(query)]


def _scored(engine: Engine, since: int, until: int) -> tuple[int, int]:
    """Decisions that explored, and all that a score decided."""
    query = (
        select(decisions.c.explored, func.count())
        .where(decisions.c.started_at >= since, decisions.c.started_at < until, decisions.c.score.is_not(None))
        .group_by(decisions.c.explored)
    )
    with engine.connect() as connection:
        found = {bool(explored): int(count) for explored, count in connection.execute(query)}
    return found.get(True, 0), sum(found.values())

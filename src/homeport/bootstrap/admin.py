"""What the admin API of a gateway process is made of."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from homeport.api.admin import AdminPaths, House, Resource
from homeport.api.alerts import AlertActions
from homeport.api.auth import StoredKeyRing
from homeport.api.budgets import BudgetActions
from homeport.api.holders import HolderActions
from homeport.api.incidents import IncidentActions
from homeport.bootstrap.storage import budget_registry, holder_registry, incident_registry, key_registry
from homeport.config.home import Home
from homeport.config.redact import digest_of, shown
from homeport.config.schema import Settings
from homeport.core.ports import Clock, Health
from homeport.core.types import Target
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.gate import Standing
from homeport.storage.audit import Recorder


def build_admin(
    settings: Settings,
    home: Home,
    engine: Engine,
    keys: StoredKeyRing,
    clock: Clock,
    targets: Callable[[], Sequence[Mapping[str, Any]]],
    reload: Callable[[], Awaitable[str]] | None = None,
    resources: Sequence[Resource] = (),
) -> AdminPaths:
    """The admin API over a gateway's own parts."""
    return AdminPaths(
        keys=keys,
        registry=key_registry(engine, settings, home),
        refresh=keys.refresh,
        house=House(config=lambda: shown(settings), digest=lambda: digest_of(settings), targets=targets, reload=reload),
        clock=clock,
        record=recorder(engine),
        recorded=(BudgetActions(budget_registry(engine)), IncidentActions(incident_registry(engine))),
        resources=(
            HolderActions(holder_registry(engine, home)),
            AlertActions(engine),
            *resources,
        ),
    )


def recorder(engine: Engine) -> Recorder:
    """What writes into the audit log."""
    return Recorder(engine, time.time_ns)


def target_states(
    targets: Sequence[Target],
    health: Health,
    deployments: Deployments,
    now: int,
    gate: Callable[[Target], Standing | None],
) -> Sequence[Mapping[str, Any]]:
    """Each target, and whether it can be called now; `now` is of the monotonic clock, in nanoseconds."""
    return [
        {**_state(target, health.ready(target.upstream), deployments, now), **_gate(gate(target))} for target in targets
    ]


def _gate(standing: Standing | None) -> Mapping[str, Any]:
    """Of an own engine: how many it works on at once, and who waits."""
    if standing is None:
        return {}
    return {"places": standing.places, "in_use": standing.in_use, "waiting": standing.waiting}


def _state(target: Target, ready: bool, deployments: Deployments, now: int) -> Mapping[str, Any]:
    deployment = deployments.of(target)
    return {
        "model": target.name,
        "tier": target.tier,
        "upstream": target.upstream,
        "origin": target.origin,
        "local": target.local,
        "simulated": target.simulated,
        "ready": ready,
        "closed_by": deployment.closed(now),
        "retry_after_seconds": deployment.wait_s(now),
        "outstanding_tokens": deployment.outstanding,
    }


def tier_states(targets: Sequence[Target], health: Health, deployments: Deployments, now: int) -> Mapping[str, bool]:
    """Each tier, and whether one of its targets answers, as far as is known: it is up, and was not failing lately."""
    tiers: dict[str, bool] = {}
    for target in targets:
        deployment = deployments.of(target)
        failing = deployment.breaker.is_open or deployment.closed(now)
        tiers[target.tier] = tiers.get(target.tier, False) or (health.ready(target.upstream) and not failing)
    return tiers

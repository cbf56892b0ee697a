"""The audit of models beside the jobs worker: what is due is asked through the gateway."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.bootstrap.probing import Address, Prober, address_of
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.drift.asking import Respondent
from homeport.drift.baselines import Archive, Baseline, archives
from homeport.jobs.paired_check import Hints
from homeport.jobs.probing import EVERY_S, ModelAuditor, Often, round_of
from homeport.jobs.schedule import pause
from homeport.storage.quality_days import RouteName
from homeport.transport.pool import PooledTransport

_AUTO = "auto"


async def watch_models(settings: Settings, home: Home, engine: Engine, hints: Hints, stop: asyncio.Event) -> None:
    """Ask audited models their probes until told to stop; returns at once where nobody wants it.

    Args:
        hints: is told of routes whose inputs are to be asked again.
    """
    wanted = settings.drift
    if not wanted.enabled:
        return
    clock, transport, doors = SystemClock(), PooledTransport(), dict[Address, Prober]()

    def respondent(baseline: Baseline) -> Respondent:
        address = address_of(settings, home, baseline.name, baseline.via)
        return doors.setdefault(address, Prober(transport, address))

    def audited() -> Sequence[tuple[Archive, Baseline]]:
        return [(one, baseline) for one in archives(home.drift) if (baseline := one.read()) is not None]

    often = Often(batches=wanted.batches_a_day, looks=wanted.looks_a_day, alpha=wanted.alpha)
    auditor = ModelAuditor(engine, audited, respondent, lambda name: routes_to(settings, name), often, hints)
    try:
        while not stop.is_set():
            await round_of(auditor, clock.wall_ns(), asyncio.to_thread)
            await pause(stop, EVERY_S)
    finally:
        await transport.close()


def routes_to(settings: Settings, name: str) -> tuple[RouteName, ...]:
    """The routes that a model, a tier, an alias or `auto` may take."""
    meant = settings.resolved_aliases().get(name, name)
    routes = (
        RouteName(active.tier, active.target.public_name)
        for active in settings.active_targets()
        if meant in (_AUTO, active.tier, active.target.public_name)
    )
    return tuple(dict.fromkeys(routes))

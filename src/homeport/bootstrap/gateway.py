"""A gateway process."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from homeport.api.app import App
from homeport.bootstrap.admin import build_admin, target_states
from homeport.bootstrap.engines import read_endpoints
from homeport.bootstrap.storage import key_ring, open_storage, refresh_keys
from homeport.bootstrap.upstreams import build_targets, build_upstreams
from homeport.config.home import Home
from homeport.config.resilience import BreakerSettings
from homeport.config.schema import Settings
from homeport.core import discovery
from homeport.core.errors import StorageError
from homeport.core.ports import Policy
from homeport.core.types import Target
from homeport.engines.health import HealthMonitor
from homeport.ledger.pricing import RateCard
from homeport.pipeline.admission import Admission
from homeport.pipeline.breaker import BreakerPolicy
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.dispatch import Dispatcher, Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.pipeline import Pipeline, Stages
from homeport.pipeline.retry import RetryPolicy
from homeport.privacy.recognize import load_recognizers
from homeport.providers import moderation
from homeport.routing.eligibility import Catalogue
from homeport.storage.journal import Journal
from homeport.storage.ratelimits import SharedLimiter
from homeport.storage.standings import read_standings
from homeport.telemetry.metrics import Metrics
from homeport.transport.pool import PooledTransport
from homeport.transport.probe import HttpProbe

POLICIES = "homeport.routing.policies"


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway process: the ASGI application and what runs beside it."""

    app: App
    background: Callable[[], contextlib.AbstractAsyncContextManager[None]]


def load_policy(settings: Settings) -> Policy:
    """The routing policy of the configuration. Raises ConfigError."""
    policy: Policy = discovery.load(POLICIES, settings.routing.policy).create(settings.routing.options)
    return policy


def build_gateway(settings: Settings, home: Home) -> Gateway:
    """Everything a gateway process needs, ready to run inside an event loop."""
    clock = SystemClock()
    transport, probe = PooledTransport(), HttpProbe()
    metrics = Metrics(lambda: read_standings(home.slo, clock.wall_ns()))
    endpoints = read_endpoints(home)
    targets = build_targets(settings, endpoints)
    health = HealthMonitor(
        endpoints,
        lambda endpoint: probe.answers(endpoint.health_url, endpoint.api_key),
        lambda name, ready: metrics.upstream_ready.labels(name).set(ready),
    )
    upstreams = build_upstreams(settings, endpoints, transport) | {
        moderation.NAME: moderation.LocalModeration(load_recognizers())
    }
    engine = open_storage(settings, home)
    keys = key_ring(engine, home)
    journal = Journal(home.journal, max_bytes=settings.storage.journal_max_bytes)
    limiter = SharedLimiter(home.limits)
    admission = Admission(settings.server.max_in_flight)
    deployments = Deployments(_breaker_policy(settings.breaker))
    catalogue = Catalogue((*targets, moderation.TARGET), settings.resolved_aliases())
    stages = Stages(
        keys=keys,
        admission=admission,
        limiter=limiter,
        recorder=journal,
        catalogue=catalogue,
        policy=load_policy(settings),
        dispatcher=Dispatcher(
            upstreams=upstreams,
            health=health,
            deployments=deployments,
            pricing=RateCard(),
            clock=clock,
            resilience=_resilience(settings),
            dice=random.Random(),  # noqa: S311  it spreads load and retries, and protects nothing
        ),
        pricing=RateCard(),
        longest_s=settings.timeouts.total,
        observers=(metrics,),
        clock=clock,
    )
    app = App(
        pipeline=Pipeline(stages),
        keys=keys,
        catalogue=catalogue,
        metrics=metrics,
        readiness=lambda: _readiness(health, targets, journal),
        clock=clock,
        max_body=settings.server.max_body_bytes,
        families=(
            build_admin(
                settings,
                home,
                engine,
                keys,
                clock,
                lambda: target_states(targets, health, deployments, clock.monotonic_ns()),
            ),
        ),
    )

    @contextlib.asynccontextmanager
    async def background() -> AsyncIterator[None]:
        tasks = [asyncio.create_task(health.run()), asyncio.create_task(refresh_keys(keys, admission.reserve))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for upstream in upstreams.values():
                await upstream.close()
            await transport.close()
            await probe.close()
            journal.close()
            limiter.close()

    return Gateway(app=app, background=background)


def _breaker_policy(breaker: BreakerSettings) -> BreakerPolicy:
    return BreakerPolicy(failures=breaker.failures, window=breaker.window, pause=breaker.pause_seconds)


def _resilience(settings: Settings) -> Resilience:
    retries, hedging = settings.retries, settings.hedging
    retry = RetryPolicy(
        rounds=retries.rounds,
        base=retries.base_seconds,
        longest_wait=retries.longest_wait_seconds,
        budget=retries.budget,
    )
    return Resilience(retry=retry, hedge=HedgePolicy(quantile=hedging.quantile, budget=hedging.budget))


def _readiness(
    health: HealthMonitor, targets: tuple[Target, ...], journal: Journal
) -> tuple[bool, Mapping[str, object]]:
    """Ready once every engine has answered, and as long as some target can and there is room for its record.

    An engine that restarts later does not make the gateway unready: other tiers stand behind it.
    """
    tiers: dict[str, bool] = {}
    for target in targets:
        tiers[target.tier] = tiers.get(target.tier, False) or health.ready(target.upstream)
    try:
        journal.check_room()
        recording = "ok"
    except StorageError as error:
        recording = error.code
    ready = health.all_were_ready() and any(tiers.values()) and recording == "ok"
    return ready, {"engines": health.states(), "tiers": tiers, "journal": recording}

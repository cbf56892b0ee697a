"""The request path of one process, and what it stands on."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from homeport.api.auth import read_pepper
from homeport.api.dialects import dialects
from homeport.bootstrap.admin import target_states, tier_states
from homeport.bootstrap.beside import beside
from homeport.bootstrap.cache import Background, Cache
from homeport.bootstrap.capture import Scribe
from homeport.bootstrap.cascade import build_cascade, build_judge
from homeport.bootstrap.gates import engine_gates, gate_figures
from homeport.bootstrap.money import Money
from homeport.bootstrap.pager import Pager
from homeport.bootstrap.prices import tell_unpriced
from homeport.bootstrap.privacy import build_privacy
from homeport.bootstrap.retired import Retired, close_all
from homeport.bootstrap.router import LoadedRouter, shipped_router
from homeport.bootstrap.upstreams import Transports, build_targets, build_upstreams
from homeport.bootstrap.whereabouts import Whereabouts
from homeport.config.home import Home
from homeport.config.resilience import BreakerSettings
from homeport.config.schema import Settings
from homeport.config.telemetry import TraceSettings
from homeport.core import discovery
from homeport.core.errors import StorageError
from homeport.core.ports import KeyRing, Learner, Policy, TokenCounter, Upstream
from homeport.core.types import Surface, Target
from homeport.engines.base import Endpoint
from homeport.engines.health import HealthMonitor
from homeport.ledger.loops.guard import LoopGuard
from homeport.ledger.pricing import RateCard
from homeport.pipeline.admission import Admission
from homeport.pipeline.aside import Till
from homeport.pipeline.breaker import BreakerPolicy
from homeport.pipeline.caching import CacheStage
from homeport.pipeline.counting import TokenCounting
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.dispatch import Dispatcher, Resilience
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gates import Gates
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.hindsight import LookBack
from homeport.pipeline.loops import LoopStage
from homeport.pipeline.occupancy import Occupancy
from homeport.pipeline.pipeline import Pipeline, Stages
from homeport.pipeline.preview import Preview
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.routing import RouteStage, ServedFacts
from homeport.pipeline.salting import Salter
from homeport.pipeline.sessions import Sessions
from homeport.pipeline.taint import Conversations
from homeport.pipeline.trail import TracePolicy, Tracer
from homeport.pipeline.versions import Versions
from homeport.privacy.recognize import load_recognizers
from homeport.providers import moderation
from homeport.routing.eligibility import Catalogue
from homeport.routing.policies.base import Memory, PolicySetup, Router
from homeport.routing.traces import trace
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.held import HeldNumbers
from homeport.storage.journal import Journal
from homeport.storage.ratelimits import SharedLimiter
from homeport.storage.sessions import SessionTable
from homeport.storage.taints import TaintStore
from homeport.telemetry.metrics import Metrics
from homeport.transport.http import Transport
from homeport.transport.probe import HttpProbe

POLICIES = "homeport.routing.policies"
_ENGINES_SECONDS = 15.0


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def load_policy(settings: Settings, router: Router | None = None, memory: Memory | None = None) -> Policy:
    """The routing policy of the configuration. Raises ConfigError.

    Args:
        router: left out, the one that comes with Homeport.
        memory: of what the policy learns; left out, its own.
    """
    setup = PolicySetup(
        options=settings.routing.options,
        tiers=tuple(tier.name for tier in settings.tiers),
        models={target.public_name: tier.name for tier in settings.tiers for target in tier.targets},
        router=router or shipped_router(),
        memory=memory,
    )
    policy: Policy = discovery.load(POLICIES, settings.routing.policy).create(setup)
    return policy


class RequestPath:
    """The same for every process that answers requests: a gateway, and the worker that runs batches.

    Args:
        keys: how this process finds who is asking.
        engine: the database that budgets are in.

    Attributes:
        catalogue, admission, limiter, counting, preview, classes, cache: for what stands beside the path.
        router: the version that scoring policies go by.
    """

    def __init__(self, settings: Settings, home: Home, keys: KeyRing, metrics: Metrics, engine: Engine) -> None:
        self._clock = SystemClock()
        self._money = Money(engine, home, self._clock)
        self._keys = keys
        self._metrics = metrics
        self._whereabouts = Whereabouts(home)
        self._transports = Transports()
        probe = HttpProbe(self._transports.direct)
        self._health = HealthMonitor(
            self._whereabouts.placement.endpoints,
            lambda endpoint: probe.answers(endpoint.health_url, endpoint.api_key),
            metrics.show_upstream,
        )
        self._journal = Journal(home.journal, max_bytes=settings.storage.journal_max_bytes)
        self.limiter = SharedLimiter(home.limits)
        self._sessions = SessionTable(home.sessions, self._clock.wall_ns)
        self._versions = SessionTable(home.versions, self._clock.wall_ns)
        pepper = read_pepper(home.pepper)
        self._salter = Salter(pepper)
        self._taints = TaintStore(
            home.taints,
            secret=pepper,
            days=settings.privacy.taint_days,
            wall_ns=self._clock.wall_ns,
        )
        self._pager = Pager(engine)
        self._scribe = Scribe(settings, home)
        background = Background(
            ask=self.run,
            count=metrics.count_errand,
            page=self._pager.page,
            chat=dialects()[Surface.CHAT],
            meter=metrics.cache,
        )
        entries = DatabaseEntryStore(engine, self._clock.wall_ns)
        self.cache = Cache(pepper, entries, self._clock, background, home.root)
        self._held = HeldNumbers(home.thresholds)
        self._accepts = HeldNumbers(home.accepts)
        self._deployments = Deployments(_breaker_policy(settings.breaker))
        self.admission = Admission(_places(settings))
        self._gates = Gates(self._clock, metrics.gates.waited)
        metrics.gates.figures = lambda: gate_figures(self._gates)
        self._loops = LoopGuard(settings.loops)
        metrics.cache.held = self.cache.held
        metrics.in_flight.set_function(lambda: self.admission.in_flight)
        metrics.upstream_connections.set_function(lambda: self._transports.direct.connections)
        self._unpriced: set[str] = set()
        self._retired = Retired()
        self._use = Occupancy()
        self._moderation = moderation.LocalModeration(load_recognizers)
        self._upstreams: Mapping[str, Upstream] = {}
        self._policy: Policy | None = None
        self.router = LoadedRouter(home, self._clock.wall_ns)
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Take the next requests by these settings; what is known of upstreams and of load stays.

        Raises:
            ConfigError: nothing has changed.
        """
        told, placement = self._whereabouts.look()
        targets = build_targets(settings, placement.endpoints)
        upstreams = build_upstreams(settings, placement.endpoints, self._transports)
        privacy = build_privacy(settings.privacy, self._clock, Conversations(self._taints))
        local = {moderation.NAME: self._moderation}
        catalogue = Catalogue((*targets, moderation.TARGET), settings.resolved_aliases())
        policy = load_policy(settings, self.router.router, self._held)
        caching = self.cache.stage(settings.cache, RateCard())
        # Nothing was changed until here, and from here on nothing fails.
        self._taints.days = settings.privacy.taint_days
        self._deployments.adopt(_breaker_policy(settings.breaker))
        self._journal.max_bytes = settings.storage.journal_max_bytes
        self._loops.settings = settings.loops
        self.admission.resize(_places(settings))
        self._gates.adopt(engine_gates(settings, targets, {one.upstream: one.pool for one in targets if one.pool}))
        tell_unpriced(targets, self._unpriced)
        let_go = self._whereabouts.go_by(told, placement)
        self._health.adopt(placement.endpoints)
        self._deployments.forget(targets)
        if self._upstreams:
            self._retired.add(self._upstreams.values(), self._use, let_go)
            self._use = Occupancy()
        self._targets, self._upstreams, self.catalogue = targets, {**upstreams, **local}, catalogue
        facts = ServedFacts(pricing=RateCard(), deployments=self._deployments, health=self._health, clock=self._clock)
        if isinstance(policy, Learner):
            policy.resume(self._policy)
        self._policy = policy
        self._routing = RouteStage(
            catalogue,
            policy,
            facts,
            Sessions(self._sessions, (tier.name for tier in settings.tiers)),
            Versions(self._versions, targets, placement.former, self._whereabouts.turned),
        )
        self._privacy = privacy
        self.classes = privacy.classes
        self.pipeline = self._assemble(settings, caching)
        self.counting = TokenCounting(
            keys=self._keys,
            admission=self.admission,
            routing=self._routing,
            privacy=self._privacy,
            counters={name: one for name, one in self._upstreams.items() if isinstance(one, TokenCounter)},
            longest_s=settings.longest_seconds(),
            use=self._use,
        )

    def reserve(self, percents: Mapping[str, int]) -> None:
        """Keep so many per cent of the places for each key id from now on: of the house, and of each engine."""
        self.admission.reserve(percents)
        self._gates.reserve(percents)

    async def follow_engines(self, renew: Callable[[], Awaitable[None]]) -> None:
        """As `Whereabouts.follow`; `renew` adopts the settings that are in effect once more."""
        await self._whereabouts.follow(self._busy_draining, renew)

    def _busy_draining(self) -> list[str]:
        draining = (target for target in self._targets if target.draining)
        return [target.upstream for target in draining if self._deployments.of(target).outstanding]

    async def run(self, exchange: Exchange) -> None:
        """Answer a request by the settings that are in effect now."""
        await self.pipeline.run(exchange)

    def costs_differ(self, settings: Settings) -> bool:
        """Whether a target of the settings that are in effect costs something else now than when they were adopted.

        Raises:
            ConfigError: a price cannot be worked out any more.
        """
        return build_targets(settings, self._whereabouts.placement.endpoints) != self._targets

    def _assemble(self, settings: Settings, caching: CacheStage | None) -> Pipeline:
        dispatcher = Dispatcher(
            upstreams=self._upstreams,
            health=self._health,
            deployments=self._deployments,
            pricing=RateCard(),
            clock=self._clock,
            resilience=_resilience(settings),
            dice=random.Random(),  # noqa: S311  it spreads load and retries, and protects nothing
            salter=self._salter,
            gates=self._gates,
        )
        stages = Stages(
            keys=self._keys,
            admission=self.admission,
            limiter=self.limiter,
            recorder=self._journal,
            routing=self._routing,
            dispatcher=dispatcher,
            pricing=RateCard(),
            longest_s=settings.longest_seconds(),
            loops=LoopStage(self._loops, self._clock, asyncio.sleep, self._metrics.count_loop, self._pager.page),
            privacy=self._privacy,
            observers=(self._metrics,),
            clock=self._clock,
            spending=self._money.spending(settings.budgets),
            cascade=build_cascade(
                settings,
                build_judge(
                    settings,
                    self.router.calibration,
                    self._targets,
                    version=self.router.router.version,
                    memory=self._accepts,
                ),
                till=Till(dispatcher, RateCard()),
                clock=self._clock,
            ),
            cache=caching,
            capture=self._scribe.stage(settings),
            tracer=_tracer(settings.telemetry.traces),
            holder=self._money.holder,
            use=self._use,
            hindsight=LookBack(self._targets, RateCard(), learn=settings.routing.learn.enabled, features=trace),
        )
        self.preview = Preview(stages, settings.routing.policy)
        return Pipeline(stages)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the engines and the budgets; in the end close everything."""
        watching = beside(self._health.run, self._pager.run, self._scribe.run)
        try:
            async with watching, self._money.running(), self.cache.running():
                yield
        finally:
            await self._retired.close()
            await close_all(self._upstreams.values())
            await self._transports.close()
            self._journal.close()
            self.limiter.close()
            self._sessions.close()
            self._versions.close()
            self._whereabouts.close()
            self._held.close()
            self._accepts.close()
            self._money.close()

    async def wait_for_engines(self) -> None:
        """Until each engine was asked whether it is there, so that none is passed over for want of an answer."""
        await asyncio.gather(
            *(self._health.wait_ready(name, _ENGINES_SECONDS) for name in self._whereabouts.placement.endpoints)
        )

    @property
    def targets(self) -> Sequence[Target]:
        """The models that can be called now, in the order of the configuration."""
        return self._targets

    @property
    def policy(self) -> Policy:
        """What decides now."""
        assert self._policy is not None
        return self._policy

    def engine_of(self, origin: str, revision: str) -> Endpoint | None:
        """A child of an engine or of its pool, one of this revision before others; None where none runs."""
        found = [one for name, one in self._whereabouts.placement.endpoints.items() if origin in (name, one.pool)]
        return next((one for one in found if one.revision == revision), next(iter(found), None))

    @property
    def transport(self) -> Transport:
        """How engines are reached."""
        return self._transports.direct

    def endpoints(self) -> Mapping[str, Endpoint]:
        """The own engines that requests go by now."""
        return self._whereabouts.placement.endpoints

    def target_states(self) -> Sequence[Mapping[str, Any]]:
        """Each target, and whether it can be called now."""
        return target_states(
            self._targets, self._health, self._deployments, self._clock.monotonic_ns(), self._gates.standing
        )

    def readiness(self) -> tuple[bool, Mapping[str, object]]:
        """Ready once every engine has answered, and as long as some target can and there is room for its record.

        An engine that restarts later does not make the gateway unready: other tiers stand behind it. Nor do
        APIs that fail: their callers are told so at once, which a gateway taken out of service could not do.
        """
        tiers = tier_states(self._targets, self._health, self._deployments, self._clock.monotonic_ns())
        reachable = any(self._health.ready(target.upstream) for target in self._targets)
        try:
            self._journal.check_room()
            recording = "ok"
        except StorageError as error:
            recording = error.code
        ready = self._health.all_were_ready() and reachable and recording == "ok"
        return ready, {"engines": self._health.states(), "tiers": tiers, "journal": recording}


def _tracer(traces: TraceSettings) -> Tracer | None:
    """What notes the traces of requests; None where no spans are sent."""
    if not traces.enabled:
        return None
    policy = TracePolicy(ratio=traces.sample_ratio, follow_caller=traces.follow_caller, to_remote=traces.tell_remote)
    return Tracer(policy, random.Random())  # noqa: S311  ids need be different, not secret


def _places(settings: Settings) -> int:
    """The share of one process of the requests that may be in progress at once."""
    return -(-settings.server.max_in_flight // settings.server.workers)


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

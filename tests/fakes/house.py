"""The real request path with a scripted world around it."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from homeport.api.app import App
from homeport.api.count_tokens import CountTokens
from homeport.api.engine_metrics import EngineMetrics
from homeport.api.openai import OpenAIDialect
from homeport.api.purposes import Purposes
from homeport.api.route import RoutePath
from homeport.api.routes import Paths
from homeport.bootstrap.cache import Background, Cache
from homeport.config.cache import CacheSettings
from homeport.config.loops import LoopSettings
from homeport.config.privacy import PrivacySettings
from homeport.core.alerts import CacheSwitchedOff, LoopStopped
from homeport.core.budgets import Budget
from homeport.core.caching import EntryStore
from homeport.core.events import RequestFinished
from homeport.core.money import Nano, PicoRate
from homeport.core.ports import Clock, Judge, KeyRing, Limiter, Policy, Taints, TokenCounter, Upstream
from homeport.core.types import DataClass, Key, MachinePrice, Price, Surface, Target, TokenPrice
from homeport.ledger.budgets import BudgetBook
from homeport.ledger.loops.guard import LoopGuard
from homeport.ledger.pricing import RateCard
from homeport.ledger.wallet import Wallet
from homeport.pipeline.admission import Admission
from homeport.pipeline.aside import Till
from homeport.pipeline.breaker import BreakerPolicy
from homeport.pipeline.cascade import Cascade, CascadePolicy
from homeport.pipeline.counting import TokenCounting
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.dispatch import Dispatcher, Resilience
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gates import EngineGate, Gates
from homeport.pipeline.loops import LoopStage
from homeport.pipeline.occupancy import Occupancy
from homeport.pipeline.pipeline import Pipeline, Stages
from homeport.pipeline.preview import Preview
from homeport.pipeline.privacy import PrivacyStage
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.routing import RouteStage, ServedFacts
from homeport.pipeline.salting import Salter
from homeport.pipeline.sessions import Sessions
from homeport.pipeline.spending import Histories, Spending, SpendingRules
from homeport.pipeline.taint import Conversations
from homeport.pipeline.trail import TracePolicy, Tracer
from homeport.privacy.classes import Classes
from homeport.privacy.classify import Classifier
from homeport.privacy.recognize import Recognizers, load_recognizers
from homeport.protocols.answers.readings import readings
from homeport.routing.cascade import CascadeJudge
from homeport.routing.eligibility import Catalogue
from homeport.routing.policies.static import Static
from homeport.telemetry.metrics import Metrics
from tests.fakes.bank import MemoryBank, MemoryNotes
from tests.fakes.clock import ManualClock
from tests.fakes.health import SetHealth
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.limiter import NoLimits
from tests.fakes.recorder import MemoryRecorder, Observed
from tests.fakes.sessions import MemorySessions
from tests.fakes.taints import MemoryTaints
from tests.fakes.upstream import ScriptedUpstream
from tests.fakes.wire import Caller

PROMPT = "Which clause ends the contract?"
CHAT: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": PROMPT}]}
STREAM: dict[str, Any] = {**CHAT, "stream": True}
EMBED: dict[str, Any] = {"model": "auto", "input": PROMPT}

PEPPER = b"p" * 32
OPEN, PRIVATE, NARROW = "hp-open-token", "hp-private-token", "hp-narrow-token"
KEYS = {
    OPEN: Key(id="key_open", name="open"),
    PRIVATE: Key(id="key_private", name="private", data_class=DataClass.PRIVATE),
    NARROW: Key(id="key_narrow", name="narrow", tiers=frozenset({"home"})),
}

API_PRICE = TokenPrice(
    source="list", input=PicoRate(1_000_000), cached_input=PicoRate(250_000), output=PicoRate(4_000_000)
)
OWN_PRICE = MachinePrice(source="hourly:own", hourly=Nano(360_000_000), slots=2)
ALL = frozenset(Surface)
NO_RETRIES = Resilience(retry=RetryPolicy(rounds=1))


def target(name: str, *, tier: str = "", local: bool = False, price: Price | None = None, **more: Any) -> Target:
    """A target of the upstream `at-NAME`."""
    fields: dict[str, Any] = {"tier": tier or name, "upstream": f"at-{name}", "model": f"{name}-1", "surfaces": ALL}
    return Target(name=name, local=local, price=price, **{**fields, **more})


OWN = target("own", tier="home", local=True, price=OWN_PRICE)
MID = target("mid", price=API_PRICE)
TOP = target("top", price=API_PRICE)


class House:
    """Everything a request meets, real but for its edges.

    Args:
        targets: in order of preference; each has its scripted upstream in `upstreams`, by target name.
        counters: what counts the tokens of a target's prompts, by target name.
        budgets: in force; leased from `bank`.
        judge: of cascades; by default the real one, without calibration.
        looks: how they look at streams.
        entries: where kept answers outlive the house.
        gates: in front of own engines, by upstream.
        traces: None where no spans are sent.
    """

    def __init__(
        self,
        *targets: Target,
        aliases: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        keys: KeyRing | None = None,
        health: SetHealth | None = None,
        limiter: Limiter | None = None,
        families: Sequence[Paths] = (),
        max_in_flight: int = 8,
        max_body: int = 100_000,
        resilience: Resilience | None = None,
        counters: Mapping[str, TokenCounter] | None = None,
        budgets: Sequence[Budget] = (),
        rules: SpendingRules | None = None,
        judge: Judge | None = None,
        looks: CascadePolicy | None = None,
        privacy: PrivacySettings | None = None,
        salter: Salter | None = Salter(b"pepper"),  # noqa: B008  it never changes
        cache: CacheSettings | None = None,
        entries: EntryStore | None = None,
        gates: Mapping[str, EngineGate] | None = None,
        traces: TracePolicy | None = None,
    ) -> None:
        self.log: list[str] = []
        self.clock = ManualClock()
        self.recorder = MemoryRecorder(self.log)
        self.observed = Observed()
        self.health = health or SetHealth()
        self.keys = keys or FixedKeyRing(KEYS)
        self.metrics = Metrics()
        self.admission = Admission(max_in_flight)
        self.metrics.in_flight.set_function(lambda: self.admission.in_flight)
        self.use = Occupancy()
        self.ready = True
        self.deployments = Deployments(BreakerPolicy())
        self.slept: list[float] = []
        self.paged: list[LoopStopped] = []
        self.switched_off: list[CacheSwitchedOff] = []
        self.early_ns = 0
        placed = targets or (OWN, MID)
        self.upstreams = {target.name: ScriptedUpstream() for target in placed}
        self._by_upstream: dict[str, Upstream] = {target.upstream: self.upstreams[target.name] for target in placed}
        catalogue = Catalogue(placed, aliases or {})
        self.book = BudgetBook(budgets)
        self.bank, self.notes = MemoryBank(), MemoryNotes()
        self.wallet = Wallet(self.bank, holder="this", notes=self.notes, clock=self.clock)
        self.spending = Spending(
            book=lambda: self.book,
            wallet=self.wallet,
            histories=Histories(),
            clock=self.clock,
            rules=rules or SpendingRules(patience=0.2),
            sleep=self._sleep,
        )
        facts = ServedFacts(pricing=RateCard(), deployments=self.deployments, health=self.health, clock=self.clock)
        self.sessions = MemorySessions()
        self.policy = policy or Static()
        routing = RouteStage(catalogue, self.policy, facts, Sessions(self.sessions, {target.tier for target in placed}))
        self.gates = Gates(self.clock, self.metrics.gates.waited)
        self.gates.adopt(gates or {})
        dispatcher = Dispatcher(
            upstreams=self._by_upstream,
            health=self.health,
            deployments=self.deployments,
            pricing=RateCard(),
            clock=self.clock,
            resilience=resilience or NO_RETRIES,
            dice=random.Random(1),
            sleep=self._sleep,
            salter=salter,
            gates=self.gates,
        )
        background = Background(
            ask=self._ask,
            count=self.metrics.count_errand,
            page=self.switched_off.append,
            chat=OpenAIDialect(),
            meter=self.metrics.cache,
        )
        self.cache = Cache(b"a secret of the house's own", entries, self.clock, background)
        self.metrics.cache.held = self.cache.held
        self.taints = MemoryTaints()
        self.privacy = privacy_stage(privacy, self.clock, taints=self.taints)
        stages = Stages(
            privacy=self.privacy,
            keys=self.keys,
            admission=self.admission,
            limiter=limiter or NoLimits(),
            recorder=self.recorder,
            routing=routing,
            dispatcher=dispatcher,
            cascade=Cascade(
                till=Till(dispatcher, RateCard()),
                judge=judge or CascadeJudge(targets=placed),
                readings=readings(),
                clock=self.clock,
                policy=looks,
            ),
            cache=self.cache.stage(cache or CacheSettings(), RateCard()),
            pricing=RateCard(),
            longest_s=600.0,
            observers=(self.metrics, self.observed),
            clock=self.clock,
            spending=self.spending,
            holder="this",
            tracer=None if traces is None else Tracer(traces, random.Random(7)),
            use=self.use,
            loops=LoopStage(
                LoopGuard(LoopSettings()), self.clock, self._sleep, self.metrics.count_loop, self.paged.append
            ),
        )
        self.catalogue = catalogue
        self.pipeline = Pipeline(stages)
        counting = TokenCounting(
            keys=self.keys,
            admission=self.admission,
            routing=routing,
            privacy=self.privacy,
            counters={f"at-{name}": counter for name, counter in (counters or {}).items()},
            longest_s=600.0,
        )
        self.app = App(
            pipeline=self.pipeline,
            keys=self.keys,
            catalogue=catalogue,
            metrics=self.metrics,
            readiness=lambda: (self.ready, {"engines": {}}),
            clock=self.clock,
            max_body=max_body,
            families=(
                *families,
                CountTokens(counting),
                RoutePath(Preview(stages, "static")),
                EngineMetrics(dict, self._no_page),
            ),
            purpose_of=Purposes(PEPPER).of,
        )

    async def _no_page(self, url: str, api_key: str) -> bytes:
        raise AssertionError("the house starts no engines")

    async def _ask(self, exchange: Exchange) -> None:
        await self.pipeline.run(exchange)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(round(seconds * 1e9) - self.early_ns)

    def serve(self, name: str, upstream: Upstream) -> None:
        """Put a real upstream in the place of a scripted one."""
        self._by_upstream[name] = upstream

    def caller(
        self,
        body: Mapping[str, Any] | bytes = CHAT,
        *,
        surface: str = "chat/completions",
        token: str | None = OPEN,
        headers: Iterable[tuple[str, str]] = (),
        more: bool = False,
    ) -> Caller:
        """A request that was not sent yet."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = [("authorization", f"Bearer {token}")] if token is not None else []
        return Caller(f"/v1/{surface}", headers=[*bearer, *headers], body=[sent], more=more, log=self.log)

    async def ask(self, body: Mapping[str, Any] | bytes = CHAT, **request: Any) -> Caller:
        """Send a request and wait for the end of its answer."""
        return await self.caller(body, **request).call(self.app)

    async def get(self, path: str, *, token: str | None = OPEN, method: str = "GET") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        return await Caller(path, method=method, headers=headers).call(self.app)

    async def balanced(self) -> None:
        """Nothing is reserved any more, and what was settled is what the records say, in every account."""
        await self.wallet.close()
        assert set(self.notes.amounts.values()) <= {0}
        billed = sum(event.cost for event in self.recorder.events if not event.local)
        for name, leases in self.bank.leases.items():
            assert self.bank.spent[name] == billed
            assert set(leases.values()) == {0}

    @property
    def event(self) -> RequestFinished:
        """The only record there is; observers were told the same."""
        assert len(self.recorder.events) == 1, f"{len(self.recorder.events)} records instead of one"
        assert self.observed.events == self.recorder.events
        return self.recorder.events[0]

    def calls(self) -> list[str]:
        """The names of the targets that were called; each is called with what it knows."""
        return [name for name, upstream in self.upstreams.items() for _ in upstream.calls]


def privacy_stage(
    settings: PrivacySettings | None,
    clock: Clock,
    recognizers: Recognizers | None = None,
    taints: Taints | None = None,
) -> PrivacyStage:
    """What a configuration makes of requests; `recognizers` in the place of those that it names."""
    classes = Classes(settings)
    found = recognizers or load_recognizers(classes.recognizers)
    classifier = Classifier(found, clock.monotonic_ns, (settings or PrivacySettings()).timeout_seconds)
    return PrivacyStage(classes, classifier, Conversations(taints))


def seen(upstream: ScriptedUpstream) -> dict[str, Any]:
    """The fields of the only request that an upstream got."""
    [call] = upstream.calls
    return {name: msgspec.json.decode(raw) for name, raw in call.fields.items()}

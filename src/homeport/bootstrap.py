"""The composition root: the only file that knows every adapter and puts them together."""

import asyncio
import contextlib
import logging
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.app import App
from homeport.api.auth import StoredKeyRing, digest, new_token, read_pepper, write_secret
from homeport.config.home import Home
from homeport.config.schema import EngineSettings, ProviderSettings, Settings
from homeport.core import discovery
from homeport.core.errors import ConfigError, StorageError
from homeport.core.ports import Policy, Upstream
from homeport.core.types import Key, MachinePrice, Price, Target
from homeport.engines.base import Endpoint, EngineSetup, Launch
from homeport.engines.health import HealthMonitor
from homeport.ledger.pricing import RateCard, api_price
from homeport.packages.base import PackageSpec, Progress, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.verify import verify
from homeport.pipeline.admission import Admission
from homeport.pipeline.dispatch import Dispatcher
from homeport.pipeline.pipeline import Pipeline, Stages
from homeport.providers.base import ProviderSetup
from homeport.routing.eligibility import Catalogue
from homeport.storage.db import open_database, sqlite_url, upgrade
from homeport.storage.journal import Journal
from homeport.storage.keys import add_key, list_keys
from homeport.telemetry.metrics import Metrics
from homeport.transport.fallback import AiohttpTransport
from homeport.transport.probe import HttpProbe

logger = logging.getLogger(__name__)

PROVIDERS = "homeport.providers"
ENGINES = "homeport.engines"
POLICIES = "homeport.routing.policies"

_KEY_REFRESH_SECONDS = 1.0
_RESTART_WAIT_SECONDS = 15.0


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway process: the ASGI application and what runs beside it."""

    app: App
    background: Callable[[], contextlib.AbstractAsyncContextManager[None]]


class PlannedEngine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that `homeport up` will start, or only watch when its launch has no command."""

    name: str
    package: str | None
    launch: Launch


def open_storage(settings: Settings, home: Home) -> Engine:
    """The database, at the newest schema. Raises StorageError."""
    engine = open_database(settings.storage.url or sqlite_url(home.database))
    upgrade(engine)
    return engine


def make_key(engine: Engine, home: Home, key: Key) -> str:
    """Store a key under a new id and return its token; only its hash is kept."""
    key_id, token = new_token()
    stored = msgspec.structs.replace(key, id=key_id)
    add_key(engine, stored, digest(read_pepper(home.pepper), token), time.time_ns())
    return token


def ensure_local_key(engine: Engine, home: Home) -> None:
    """The key file of this machine's user (mode 0600); a new key when it is missing or no longer live."""
    if home.local_key.exists():
        if _key_ring(engine, home).find(home.local_key.read_text().strip()) is not None:
            return
        home.local_key.unlink()
    token = make_key(engine, home, Key(id="", name="local"))
    with contextlib.suppress(FileExistsError):
        write_secret(home.local_key, f"{token}\n".encode())


def package_spec(settings: Settings, name: str) -> PackageSpec:
    """What the configuration says of a package. Raises ConfigError for an unknown one."""
    if name not in settings.packages:
        raise ConfigError(
            f"no package is called {name!r}",
            code="package_unknown",
            hint=f"the packages are: {', '.join(settings.packages) or '(none)'}",
        )
    package = settings.packages[name]
    return PackageSpec(name=name, source=package.source, sha256=package.sha256, file=package.file or None)


def needed_packages(settings: Settings) -> tuple[str, ...]:
    """The packages of the engines that a target uses."""
    engines = [settings.engines[active.target.engine] for active in settings.active_targets() if active.target.engine]
    return tuple(dict.fromkeys(engine.package for engine in engines if engine.package))


def pull_package(settings: Settings, home: Home, name: str, progress: Progress) -> StoredPackage:
    return pull(Store(home.packages), package_spec(settings, name), progress)


def verify_package(home: Home, name: str, progress: Progress | None = None) -> StoredPackage:
    return verify(Store(home.packages), name, progress=progress)


def plan_engines(settings: Settings, home: Home) -> tuple[PlannedEngine, ...]:
    """Render every engine that a target uses; its package must have been pulled."""
    used = dict.fromkeys(active.target.engine for active in settings.active_targets() if active.target.engine)
    return tuple(_plan_engine(name, settings.engines[name], home) for name in used)


def try_engine(settings: Settings, name: str) -> None:
    """Render an engine's launch, as `homeport up` will, without its weights. Raises ConfigError."""
    engine = settings.engines[name]
    _render(name, engine, Path(engine.package) if engine.package else None, port=0)


def try_provider(settings: Settings, name: str) -> None:
    """Connect a provider's adapter, as the gateway will; nothing is sent. Raises ConfigError."""
    _connect(name, settings.providers[name], settings, AiohttpTransport())


def load_policy(settings: Settings) -> Policy:
    """The routing policy of the configuration. Raises ConfigError."""
    policy: Policy = discovery.load(POLICIES, settings.routing.policy).create(settings.routing.options)
    return policy


def write_endpoints(home: Home, engines: tuple[PlannedEngine, ...]) -> None:
    """Tell the gateway processes where the engines are (the file holds their tokens)."""
    home.engines.unlink(missing_ok=True)
    endpoints = {engine.name: engine.launch.endpoint for engine in engines}
    write_secret(home.engines, msgspec.json.encode(endpoints))


def read_endpoints(home: Home) -> dict[str, Endpoint]:
    """Where `homeport up` put the engines; empty while it does not run."""
    try:
        return msgspec.json.decode(home.engines.read_bytes(), type=dict[str, Endpoint])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise StorageError(
            f"{home.engines} cannot be read", code="run_state_invalid", hint="stop homeport and start it again"
        ) from error


def build_gateway(settings: Settings, home: Home) -> Gateway:
    """Everything a gateway process needs, ready to run inside an event loop."""
    clock = SystemClock()
    transport, probe, metrics = AiohttpTransport(), HttpProbe(), Metrics()
    endpoints = read_endpoints(home)
    targets = build_targets(settings, endpoints)
    health = HealthMonitor(
        endpoints,
        lambda endpoint: probe.answers(endpoint.health_url, endpoint.api_key),
        lambda name, ready: metrics.upstream_ready.labels(name).set(ready),
    )
    upstreams = _build_upstreams(settings, endpoints, transport)
    keys = _key_ring(open_storage(settings, home), home)
    journal = Journal(home.journal, max_bytes=settings.storage.journal_max_bytes)
    catalogue = Catalogue(targets, settings.resolved_aliases())
    stages = Stages(
        keys=keys,
        admission=Admission(settings.server.max_in_flight),
        recorder=journal,
        catalogue=catalogue,
        policy=load_policy(settings),
        dispatcher=Dispatcher(upstreams, health, clock, _RESTART_WAIT_SECONDS),
        pricing=RateCard(),
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
    )

    @contextlib.asynccontextmanager
    async def background() -> AsyncIterator[None]:
        tasks = [asyncio.create_task(health.run()), asyncio.create_task(_refresh_keys(keys))]
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

    return Gateway(app=app, background=background)


def build_targets(settings: Settings, endpoints: Mapping[str, Endpoint]) -> tuple[Target, ...]:
    """The models that can be called now, with their prices, in the order of the configuration.

    A target of an engine that nobody started is left out.
    """
    targets = []
    for active in settings.active_targets():
        target, engine = active.target, active.target.engine
        if engine is not None and engine not in endpoints:
            continue
        surfaces = target.served_surfaces
        if engine is not None:
            endpoint = endpoints[engine]
            surfaces &= endpoint.surfaces
            hourly = settings.engines[engine].hourly_cost
            price: Price | None = MachinePrice(source=f"hourly:{engine}", hourly=hourly, slots=endpoint.slots)
        else:
            price = api_price(target.price, datetime.now(UTC)) if target.price else None
        targets.append(
            Target(
                name=target.public_name,
                tier=active.tier,
                upstream=target.upstream,
                model=target.model,
                local=engine is not None,
                surfaces=surfaces,
                price=price,
                simulated=settings.is_simulated(target),
            )
        )
    return tuple(targets)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def worker_argv(*arguments: str) -> tuple[str, ...]:
    """The command of another process of this same program."""
    return (sys.executable, "-m", "homeport.cli.main", *arguments)


def _plan_engine(name: str, engine: EngineSettings, home: Home) -> PlannedEngine:
    launch = _render(name, engine, _weights(home, engine.package), free_port())
    return PlannedEngine(name=name, package=engine.package, launch=launch)


def _render(name: str, engine: EngineSettings, weights: Path | None, port: int) -> Launch:
    setup = EngineSetup(
        name=name,
        profile=engine.profile,
        weights=weights,
        url=engine.url or "",
        api_key=engine.api_key.get_secret_value(),
        port=port,
        token=secrets.token_urlsafe(32),
    )
    launch: Launch = discovery.load(ENGINES, engine.engine).render(setup)
    return launch


def _weights(home: Home, package: str | None) -> Path | None:
    if package is None:
        return None
    stored = Store(home.packages).get(package)
    return stored.weights if stored else None


def _key_ring(engine: Engine, home: Home) -> StoredKeyRing:
    ring = StoredKeyRing(lambda: list_keys(engine), read_pepper(home.pepper), time.time)
    ring.refresh()
    return ring


async def _refresh_keys(keys: StoredKeyRing) -> None:
    while True:
        await asyncio.sleep(_KEY_REFRESH_SECONDS)
        try:
            await asyncio.to_thread(keys.refresh)
        except SQLAlchemyError as error:
            logger.error("keys could not be refreshed, the old ones stay: %s", error.__class__.__name__)


def _build_upstreams(
    settings: Settings, endpoints: Mapping[str, Endpoint], transport: AiohttpTransport
) -> dict[str, Upstream]:
    used = {active.target.upstream for active in settings.active_targets()}
    remote = {
        name: _connect(name, provider, settings, transport)
        for name, provider in settings.providers.items()
        if name in used
    }
    return remote | {name: _connect_engine(name, endpoint, settings, transport) for name, endpoint in endpoints.items()}


def _connect(name: str, provider: ProviderSettings, settings: Settings, transport: AiohttpTransport) -> Upstream:
    setup = ProviderSetup(
        name=name,
        base_url=provider.base_url or "",
        api_key=provider.api_key.get_secret_value() if provider.api_key else "",
        options=provider.options,
        timeouts=settings.timeouts.bounds(),
        transport=transport,
        seed=0,
    )
    upstream: Upstream = discovery.load(PROVIDERS, provider.provider).connect(setup)
    return upstream


def _connect_engine(name: str, endpoint: Endpoint, settings: Settings, transport: AiohttpTransport) -> Upstream:
    """Every engine speaks OpenAI's API, so the provider adapter for it serves."""
    setup = ProviderSetup(
        name=name,
        base_url=endpoint.url,
        api_key=endpoint.api_key,
        options={"deterministic_fields": dict(endpoint.deterministic_fields)},
        timeouts=settings.timeouts.bounds(),
        transport=transport,
        seed=0,
    )
    upstream: Upstream = discovery.load(PROVIDERS, "openai_compatible").connect(setup)
    return upstream


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

"""What the configuration would do with a request, told without a gateway: no engine runs, and nothing is sent."""

import asyncio

import msgspec
from sqlalchemy import Engine

from homeport.api.auth import read_pepper
from homeport.api.dialects import dialects
from homeport.bootstrap.cache import cache_secret
from homeport.bootstrap.engines import imagine_endpoints
from homeport.bootstrap.path import SystemClock, load_policy
from homeport.bootstrap.privacy import build_privacy
from homeport.bootstrap.router import LoadedRouter
from homeport.bootstrap.upstreams import build_targets
from homeport.cache.desk import Desk
from homeport.cache.keys import Keys
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.types import Key, Surface
from homeport.embeddings.choose import Model, open_embedder
from homeport.ledger.pricing import RateCard
from homeport.pipeline.breaker import BreakerPolicy
from homeport.pipeline.deployments import Deployments
from homeport.pipeline.routing import RouteStage, ServedFacts
from homeport.routing.eligibility import Catalogue
from homeport.routing.explain import Told, explain
from homeport.storage.cached import DatabaseEntryStore

_ANYONE = Key(id="offline", name="offline")


class _AllUp:
    """`Health` where nothing runs: what would be started is taken to be up."""

    def ready(self, upstream: str) -> bool:
        return True

    def report_failure(self, upstream: str) -> None:
        pass

    async def wait_ready(self, upstream: str, timeout: float) -> bool:
        return True


def try_routing(settings: Settings, home: Home) -> str:
    """What chooses; it is made with the router's version in use. Raises ConfigError."""
    router = LoadedRouter(home, SystemClock().wall_ns).router
    load_policy(settings, router)
    return f"the policy {settings.routing.policy} is set up well, router version {router.version}"


def try_privacy(settings: Settings) -> str:
    """What is looked for. Raises ConfigError."""
    classes = build_privacy(settings.privacy, SystemClock()).classes
    names = ", ".join(classes.names)
    looked_for = ", ".join(sorted(classes.recognizers)) or "nothing"
    return f"data classes {names}; looked for in requests: {looked_for}"


def try_cache(settings: Settings, home: Home) -> str:
    """What is cached. Raises ConfigError where the embedder cannot be used, for then no gateway starts."""
    cache = settings.cache
    if not cache.is_on:
        return "off"
    if not cache.is_semantic:
        return "the very same requests"
    return f"the very same requests, and by meaning with {open_embedder(Model(cache.embedder), home.root).name}"


class KeptAnswers(msgspec.Struct, frozen=True):
    """What the gateways of a database keep, for somebody who looks after it: nothing is in memory."""

    desk: Desk
    keys: Keys


def open_cache(engine: Engine, home: Home) -> KeptAnswers:
    store = DatabaseEntryStore(engine, SystemClock().wall_ns)
    return KeptAnswers(Desk(lambda: None, store), Keys(cache_secret(read_pepper(home.pepper))))


def explain_offline(settings: Settings, home: Home, body: bytes, data_class: str | None = None) -> Told:
    """Where a chat would go: by the configuration and the router's version in use, for a key that may do anything.

    Raises:
        ConfigError: the configuration cannot be used.
        RequestError: the gateway would refuse the request.
    """
    clock = SystemClock()
    targets = build_targets(settings, imagine_endpoints(settings))
    facts = ServedFacts(pricing=RateCard(), deployments=Deployments(BreakerPolicy()), health=_AllUp(), clock=clock)
    policy = load_policy(settings, LoadedRouter(home, clock.wall_ns).router)
    stage = RouteStage(Catalogue(targets, settings.resolved_aliases()), policy, facts)
    inference = dialects()[Surface.CHAT].decode(Surface.CHAT, body)
    privacy = build_privacy(settings.privacy, clock)
    assessment = asyncio.run(privacy.examine(_ANYONE, data_class, inference, _ANYONE.id))
    route = stage.consider(inference, _ANYONE, assessment.data_class)
    return explain(
        route.question,
        route.decision,
        policy="pinned" if route.pinned else settings.routing.policy,
        offered=route.offered,
        removed=route.removed,
        assessment=assessment,
        catalogue=targets,
    )

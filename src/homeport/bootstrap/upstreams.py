"""What requests can be sent to: the targets of the configuration, and the adapters that reach them."""

import importlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from homeport.bootstrap.revision import revision
from homeport.config.schema import ActiveTarget, ProviderSettings, Settings, TargetSettings
from homeport.core import discovery
from homeport.core.errors import ConfigError
from homeport.core.ports import Upstream
from homeport.core.types import MachinePrice, Price, Surface, Target
from homeport.engines.base import Endpoint
from homeport.engines.pool import pool_of, pool_slots
from homeport.ledger.price_book import PriceBook
from homeport.providers.base import ProviderModule, ProviderSetup
from homeport.transport.http import Transport
from homeport.transport.pool import PooledTransport

PROVIDERS = "homeport.providers"
_ENGINE_ADAPTER = "openai_compatible"
_OF_ANTHROPIC = (
    "a server that speaks Anthropic's Messages API is a provider of its own: `provider: anthropic` and its base_url"
)


class Transports:
    """The HTTP clients of a process: one for all that is reached directly, one for each proxy."""

    def __init__(self) -> None:
        self.direct = PooledTransport()
        self._by_proxy: dict[str, Transport] = {}

    def through(self, proxy: str | None) -> Transport:
        """The client for a provider behind `proxy`, or behind none."""
        if proxy is None:
            return self.direct
        if proxy not in self._by_proxy:
            # It stands on aiohttp, which is large, and few need it.
            fallback = importlib.import_module("homeport.transport.fallback")
            self._by_proxy[proxy] = fallback.AiohttpTransport(proxy=proxy)
        return self._by_proxy[proxy]

    async def close(self) -> None:
        for transport in (self.direct, *self._by_proxy.values()):
            await transport.close()


def try_provider(settings: Settings, name: str) -> None:
    """Connect a provider's adapter, as the gateway will; nothing is sent. Raises ConfigError."""
    _connect(name, settings.providers[name], Transports())
    try_surfaces(settings, name)


def try_surfaces(settings: Settings, upstream: str) -> None:
    """Whether an adapter has words for the `surfaces` that its targets are given. Raises ConfigError."""
    for target in (target for tier in settings.tiers for target in tier.targets if target.upstream == upstream):
        _check_surfaces(target, _adapter_of(settings, target))


def build_targets(settings: Settings, endpoints: Mapping[str, Endpoint]) -> tuple[Target, ...]:
    """The models that can be called now, with their prices, in the order of the configuration.

    A target of an engine that nobody started is left out.
    """
    book, now = PriceBook(settings), datetime.now(UTC)
    targets: list[Target] = []
    for active in settings.active_targets():
        adapter = _adapter_of(settings, active.target)
        _check_surfaces(active.target, adapter)
        if active.target.engine is None:
            price = book.of_target(active.target, now)
            targets.append(_remote(settings, active, adapter.SURFACES, price))
        else:
            targets += _replicas(settings, active, active.target.engine, endpoints)
    return tuple(targets)


def _remote(settings: Settings, active: ActiveTarget, understood: frozenset[Surface], price: Price | None) -> Target:
    target = active.target
    return Target(
        name=target.public_name,
        tier=active.tier,
        upstream=target.upstream,
        model=target.model,
        local=False,
        surfaces=understood if target.surfaces is None else frozenset(target.surfaces),
        timeouts=(target.timeouts or settings.timeouts).bounds(),
        price=price,
        simulated=settings.is_simulated(target),
        max_output_tokens=target.max_output_tokens,
        context_tokens=target.context_tokens,
        capabilities=None if target.capabilities is None else frozenset(target.capabilities),
        max_outstanding_tokens=target.max_outstanding_tokens,
        revision=_revision_of(settings.providers[target.upstream]),
    )


def _replicas(
    settings: Settings, active: ActiveTarget, engine: str, endpoints: Mapping[str, Endpoint]
) -> Iterator[Target]:
    """A target at each child of its engine; all of them share what its machines cost an hour."""
    target, pool = active.target, pool_of(engine, endpoints)
    hourly, slots = settings.engines[engine].hourly_bill, pool_slots(pool.values())
    for name, endpoint in pool.items():
        able = endpoint.capabilities if target.capabilities is None else frozenset(target.capabilities)
        yield Target(
            name=target.public_name,
            tier=active.tier,
            upstream=name,
            model=target.model,
            local=True,
            surfaces=endpoint.surfaces if target.surfaces is None else frozenset(target.surfaces),
            timeouts=(target.timeouts or settings.timeouts).bounds(),
            price=MachinePrice(source=f"hourly:{engine}", hourly=hourly, slots=slots),
            max_output_tokens=target.max_output_tokens,
            context_tokens=endpoint.context_tokens if target.context_tokens is None else target.context_tokens,
            capabilities=able,
            max_outstanding_tokens=target.max_outstanding_tokens,
            revision=endpoint.revision,
            salted_by=endpoint.salted_by,
            slots=endpoint.slots,
            pool=engine,
            draining=endpoint.draining,
        )


def build_upstreams(
    settings: Settings, endpoints: Mapping[str, Endpoint], transports: Transports
) -> dict[str, Upstream]:
    used = {active.target.upstream for active in settings.active_targets()}
    remote = {
        name: _connect(name, provider, transports) for name, provider in settings.providers.items() if name in used
    }
    return remote | {name: _connect_engine(name, endpoint, transports.direct) for name, endpoint in endpoints.items()}


def _revision_of(provider: ProviderSettings) -> str:
    return revision(provider.provider, provider.base_url or "", provider.options)


def _check_surfaces(target: TargetSettings, adapter: ProviderModule) -> None:
    """A third party's adapter that does not say what it has words for is taken at the configuration's word."""
    spoken: frozenset[Surface] = getattr(adapter, "SPOKEN", frozenset(Surface))
    if unknown := sorted(set(target.surfaces or ()) - spoken):
        known = f"use some of: {', '.join(sorted(spoken))}"
        raise ConfigError(
            f"{target.public_name!r} has {unknown[0].value!r} in its surfaces, and its adapter has no words for that",
            code="adapter_surface_unknown",
            hint=_OF_ANTHROPIC if unknown[0] == Surface.MESSAGES else known,
        )


def _connect(name: str, provider: ProviderSettings, transports: Transports) -> Upstream:
    setup = ProviderSetup(
        name=name,
        base_url=provider.base_url or "",
        api_key=provider.api_key.get_secret_value() if provider.api_key else "",
        options=provider.options,
        transport=transports.through(provider.proxy),
        seed=0,
    )
    return _adapter(provider.provider).connect(setup)


def _connect_engine(name: str, endpoint: Endpoint, transport: Transport) -> Upstream:
    """Every engine speaks OpenAI's API, so the provider adapter for it serves."""
    setup = ProviderSetup(
        name=name,
        base_url=endpoint.url,
        api_key=endpoint.api_key,
        options={"deterministic_fields": dict(endpoint.deterministic_fields)},
        transport=transport,
        seed=0,
    )
    return _adapter(_ENGINE_ADAPTER).connect(setup)


def _adapter_of(settings: Settings, target: TargetSettings) -> ProviderModule:
    return _adapter(settings.providers[target.upstream].provider if target.engine is None else _ENGINE_ADAPTER)


def _adapter(name: str) -> ProviderModule:
    module: ProviderModule = discovery.load(PROVIDERS, name)
    return module

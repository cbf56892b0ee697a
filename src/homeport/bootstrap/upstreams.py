"""What requests can be sent to: the targets of the configuration, and the adapters that reach them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from homeport.config.schema import ProviderSettings, Settings
from homeport.core import discovery
from homeport.core.ports import Upstream
from homeport.core.types import MachinePrice, Price, Target
from homeport.engines.base import Endpoint
from homeport.ledger.pricing import target_price
from homeport.providers.base import ProviderModule, ProviderSetup
from homeport.transport.fallback import AiohttpTransport
from homeport.transport.http import Transport

PROVIDERS = "homeport.providers"
_ENGINE_ADAPTER = "openai_compatible"


def try_provider(settings: Settings, name: str) -> None:
    """Connect a provider's adapter, as the gateway will; nothing is sent. Raises ConfigError."""
    _connect(name, settings.providers[name], settings, AiohttpTransport())


def build_targets(settings: Settings, endpoints: Mapping[str, Endpoint]) -> tuple[Target, ...]:
    """The models that can be called now, with their prices, in the order of the configuration.

    A target of an engine that nobody started is left out.
    """
    targets = []
    for active in settings.active_targets():
        target, engine = active.target, active.target.engine
        if engine is not None and engine not in endpoints:
            continue
        if engine is not None:
            endpoint = endpoints[engine]
            understood = endpoint.surfaces
            hourly = settings.engines[engine].hourly_cost
            price: Price | None = MachinePrice(source=f"hourly:{engine}", hourly=hourly, slots=endpoint.slots)
        else:
            adapter = settings.providers[target.upstream].provider
            understood = _adapter(adapter).SURFACES
            price = target_price(target.price, adapter, target.model, datetime.now(UTC))
        targets.append(
            Target(
                name=target.public_name,
                tier=active.tier,
                upstream=target.upstream,
                model=target.model,
                local=engine is not None,
                surfaces=frozenset(target.surfaces) if target.surfaces is not None else understood,
                timeouts=settings.timeouts.bounds(),
                price=price,
                simulated=settings.is_simulated(target),
            )
        )
    return tuple(targets)


def build_upstreams(settings: Settings, endpoints: Mapping[str, Endpoint], transport: Transport) -> dict[str, Upstream]:
    used = {active.target.upstream for active in settings.active_targets()}
    remote = {
        name: _connect(name, provider, settings, transport)
        for name, provider in settings.providers.items()
        if name in used
    }
    return remote | {name: _connect_engine(name, endpoint, settings, transport) for name, endpoint in endpoints.items()}


def _connect(name: str, provider: ProviderSettings, settings: Settings, transport: Transport) -> Upstream:
    setup = ProviderSetup(
        name=name,
        base_url=provider.base_url or "",
        api_key=provider.api_key.get_secret_value() if provider.api_key else "",
        options=provider.options,
        transport=transport,
        seed=0,
    )
    return _adapter(provider.provider).connect(setup)


def _connect_engine(name: str, endpoint: Endpoint, settings: Settings, transport: Transport) -> Upstream:
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


def _adapter(name: str) -> ProviderModule:
    module: ProviderModule = discovery.load(PROVIDERS, name)
    return module

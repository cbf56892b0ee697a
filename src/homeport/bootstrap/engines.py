"""The engines that the configuration names: how to start them, and where they are."""

import secrets
import socket
from pathlib import Path

from homeport.bootstrap.upstreams import try_surfaces
from homeport.config.home import Home
from homeport.config.schema import EngineSettings, Settings
from homeport.core import discovery
from homeport.engines.base import Endpoint, EngineSetup, Launch
from homeport.engines.recommended import recommended
from homeport.packages.base import StoredPackage
from homeport.packages.digest import Digest
from homeport.packages.layout import Store

ENGINES = "homeport.engines"


def try_engine(settings: Settings, name: str, home: Home) -> None:
    """Render an engine's launch, as `homeport up` will; of a package that was not pulled, nothing is known.

    Raises:
        ConfigError, PackageError: what keeps it from being started.
    """
    package = settings.engines[name].package
    _unstarted(name, settings.engines[name], Store(home.packages).get(package) if package else None)
    try_surfaces(settings, name)


def imagine_endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Every engine that a target uses, as it would be, were it started. Raises ConfigError."""
    used = dict.fromkeys(active.target.engine for active in settings.active_targets() if active.target.engine)
    return {name: _unstarted(name, settings.engines[name]) for name in used}


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def models_of(settings: Settings, engine: str) -> tuple[str, ...]:
    """The model names that targets ask an engine for."""
    targets = (target for tier in settings.tiers for target in tier.targets)
    return tuple(dict.fromkeys(target.model for target in targets if target.engine == engine))


def render_engine(
    name: str,
    engine: EngineSettings,
    package: StoredPackage | None,
    home: Home,
    port: int,
    models: tuple[str, ...] = (),
) -> Launch:
    """How an engine is started; nothing is. Raises ConfigError."""
    setup = EngineSetup(
        name=name,
        models=models,
        profile={**recommended(engine.engine, package), **engine.profile},
        package=package,
        derived=home.derived,
        url=engine.url or "",
        api_key=engine.api_key.get_secret_value(),
        port=port,
        token=secrets.token_urlsafe(32),
    )
    launch: Launch = discovery.load(ENGINES, engine.engine).render(setup)
    return launch


def imagined_package(name: str) -> StoredPackage:
    """A package that was not pulled, for a launch that is only tried."""
    return StoredPackage(
        name=name,
        version="",
        digest=Digest("sha256:" + "0" * 64),
        weights=Path(name),
        size=0,
        family="",
        quantization="",
        context_length=0,
        source="",
        source_sha256="",
        source_file="",
    )


def _unstarted(name: str, engine: EngineSettings, stored: StoredPackage | None = None) -> Endpoint:
    package = stored or (imagined_package(engine.package) if engine.package else None)
    return render_engine(name, engine, package, Home(Path()), port=0).endpoint

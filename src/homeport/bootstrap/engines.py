"""The engines that the configuration names: how to start them, and where they are."""

import secrets
import socket
from pathlib import Path

import msgspec

from homeport.api.auth import write_secret
from homeport.bootstrap.revision import revision
from homeport.bootstrap.upstreams import try_surfaces
from homeport.config.home import Home
from homeport.config.schema import EngineSettings, Settings
from homeport.core import discovery
from homeport.core.errors import StorageError
from homeport.engines.base import Endpoint, EngineSetup, Launch
from homeport.packages.layout import Store

ENGINES = "homeport.engines"


class PlannedEngine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that `homeport up` will start, or only watch when its launch has no command."""

    name: str
    package: str | None
    launch: Launch


def plan_engines(settings: Settings, home: Home) -> tuple[PlannedEngine, ...]:
    """Render every engine that a target uses; its package must have been pulled."""
    used = dict.fromkeys(active.target.engine for active in settings.active_targets() if active.target.engine)
    return tuple(_plan_engine(name, settings.engines[name], home) for name in used)


def try_engine(settings: Settings, name: str) -> None:
    """Render an engine's launch, as `homeport up` will, without its weights. Raises ConfigError."""
    _unstarted(name, settings.engines[name])
    try_surfaces(settings, name)


def imagine_endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Every engine that a target uses, as it would be, were it started. Raises ConfigError."""
    used = dict.fromkeys(active.target.engine for active in settings.active_targets() if active.target.engine)
    return {name: _unstarted(name, settings.engines[name]) for name in used}


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


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _plan_engine(name: str, engine: EngineSettings, home: Home) -> PlannedEngine:
    stored = Store(home.packages).get(engine.package) if engine.package is not None else None
    launch = _render(name, engine, stored.weights if stored else None, free_port())
    served = revision(engine.engine, stored.digest if stored else engine.url or "", engine.profile)
    endpoint = msgspec.structs.replace(launch.endpoint, revision=served)
    return PlannedEngine(name=name, package=engine.package, launch=msgspec.structs.replace(launch, endpoint=endpoint))


def _unstarted(name: str, engine: EngineSettings) -> Endpoint:
    return _render(name, engine, Path(engine.package) if engine.package else None, port=0).endpoint


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

"""Engines on trial: started for an evaluation on a port of their own, asked, and stopped again."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from homeport.bootstrap.engines import ENGINES, free_port, render_engine
from homeport.config.home import Home
from homeport.config.schema import EngineSettings, Settings
from homeport.core import discovery
from homeport.core.errors import ConfigError, EngineError
from homeport.engines.base import Endpoint, Launch
from homeport.engines.recommended import recommended
from homeport.engines.supervisor import Child, ChildSpec
from homeport.evaluation.results import Build
from homeport.packages.base import Progress, StoredPackage, step
from homeport.transport.http import Transport
from homeport.transport.pool import PooledTransport
from homeport.transport.probe import HttpProbe

_START_SECONDS = 600.0
_STARTS = 3
_PAUSE = 0.05
_PRECISION = "dtype"
_PATH = "python="


class TrialEngine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine as it was asked for.

    Attributes:
        name: as it was written, such as "vllm:bfloat16", without where its interpreter lies.
        model: the name its model answers to.
    """

    name: str
    model: str
    settings: EngineSettings

    def knows(self, option: str) -> bool:
        """Whether the adapter's profile has an option; one of others that says nothing of its profile has none."""
        profile = getattr(discovery.load(ENGINES, self.settings.engine), "Profile", None)
        return option in getattr(profile, "__struct_fields__", ())

    def with_options(self, options: Mapping[str, Any], suffix: str = "") -> "TrialEngine":
        """The same engine with other options of its profile."""
        profile = {**self.settings.profile, **options}
        changed = self.settings.model_copy(update={"profile": profile})
        return msgspec.structs.replace(self, name=self.name + suffix, settings=changed)

    def advised(self, package: StoredPackage) -> "TrialEngine":
        """The same engine with what a package recommends for it; what is said here counts before that.

        Raises:
            PackageError: package_profiles_invalid.
        """
        if self.settings.url:
            return self
        return self.with_options({**recommended(self.settings.engine, package), **self.settings.profile})


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that answers now."""

    build: Build
    endpoint: Endpoint
    model: str
    transport: Transport


def trial_engine(settings: Settings, written: str) -> TrialEngine:
    """What `--engine` means: an engine of the configuration or an adapter, and options after a colon.

    `vllm:bfloat16` is vllm with `dtype: bfloat16`, `llamacpp:slots=2,threads=1` llamacpp with those two.

    Raises:
        ConfigError: engine_unknown, or engine_option_invalid.
    """
    name, _, options = written.partition(":")
    told = _told(name, options)
    if name in settings.engines:
        engine = settings.engines[name]
        chosen = TrialEngine(name=told, model=_model_of(settings, name), settings=engine)
    elif name in discovery.discover(ENGINES) and name != "external":
        chosen = TrialEngine(name=told, model=name, settings=EngineSettings.model_construct(engine=name))
    else:
        known = (*settings.engines, *(one for one in discovery.discover(ENGINES) if one != "external"))
        raise ConfigError(
            f"there is no engine {name!r}",
            code="engine_unknown",
            hint=f"the engines are: {', '.join(dict.fromkeys(known))}",
        )
    return chosen.with_options(_options(written, options)) if options else chosen


@asynccontextmanager
async def on_trial(home: Home, engine: TrialEngine, package: StoredPackage, progress: Progress) -> AsyncIterator[Trial]:
    """Start an engine with a package, wait until it answers, and stop it in the end; an external one is only reached.

    Raises:
        ConfigError: an option of its profile is wrong.
        EngineError: it does not start, or does not answer in ten minutes.
    """
    given = None if engine.settings.url else package
    launch = render_engine(engine.model, engine.settings, given, home, free_port())
    transport = PooledTransport()
    with tempfile.TemporaryDirectory(prefix="homeport-") as logs:
        spec = ChildSpec(
            name=engine.name, argv=launch.argv, stdin=launch.stdin, log=Path(logs) / "engine.log", grace=5.0
        )
        child = Child(spec)
        running = asyncio.create_task(child.run()) if launch.argv else None
        try:
            with step(progress, f"Starting {engine.name}", None):
                await _ready(engine.name, launch, HttpProbe(transport), child, running)
            build = _build_of(engine, launch.endpoint)
            yield Trial(build=build, endpoint=launch.endpoint, model=engine.model, transport=transport)
        finally:
            await transport.close()
            await child.stop()
            if running is not None:
                await asyncio.gather(running, return_exceptions=True)


async def _ready(name: str, launch: Launch, probe: HttpProbe, child: Child, running: asyncio.Task[None] | None) -> None:
    endpoint = launch.endpoint
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await probe.answers(endpoint.health_url, endpoint.api_key):
                if running is not None and running.done():
                    running.result()
                if child.restarts >= _STARTS:
                    raise _not_started(name, "does not start", child)
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise _not_started(name, f"does not answer after {_START_SECONDS:.0f} s", child) from None


def _not_started(name: str, what: str, child: Child) -> EngineError:
    said = "\n  ".join(child.last_lines) or "(nothing)"
    return EngineError(f"{name} {what}; its last words:\n  {said}", hint="try it with homeport up, whose log is kept")


def _build_of(engine: TrialEngine, endpoint: Endpoint) -> Build:
    print_ = endpoint.fingerprint
    return Build(
        name=engine.name,
        engine=engine.settings.engine,
        build=print_.build if print_ else "",
        precision=str(engine.settings.profile.get(_PRECISION, "")),
        profile=print_.profile if print_ else "",
    )


def _model_of(settings: Settings, engine: str) -> str:
    """What an external server calls its model; what we start answers to its own name."""
    if not settings.engines[engine].url:
        return engine
    targets = [active.target.model for active in settings.active_targets() if active.target.engine == engine]
    if not targets:
        raise ConfigError(
            f"no target names the engine {engine}, so its model's name is not known",
            code="engine_option_invalid",
            hint=f"add a target with engine: {engine}",
        )
    return targets[0]


def _told(name: str, options: str) -> str:
    """What is shown and recorded: no path of this machine."""
    shown = ",".join(option for option in options.split(",") if not option.startswith(_PATH))
    return f"{name}:{shown}" if shown else name


def _options(written: str, options: str) -> dict[str, Any]:
    pairs = [option.partition("=") for option in options.split(",")]
    return {name if value or sep else _PRECISION: _value(written, value if sep else name) for name, sep, value in pairs}


def _value(written: str, value: str) -> Any:
    """As it would be read in homeport.yaml."""
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = None
    if not isinstance(read, str | int | float | bool):
        raise ConfigError(
            f"{written[:80]!r} has an option that cannot be read",
            code="engine_option_invalid",
            hint="write NAME:OPTION=VALUE,OPTION=VALUE, or NAME:bfloat16 for a precision",
        )
    return read

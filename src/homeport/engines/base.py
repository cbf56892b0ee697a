"""What an engine adapter offers. One conformance suite covers every adapter."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.types import Capability, Surface
from homeport.packages.base import FileRole, PackageFile, StoredPackage

TEXT_SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION})
ANY_SURFACE = TEXT_SURFACES | {Surface.EMBEDDING}


_CONTEXT = 4096
_KINDS = {FileRole.WEIGHTS: "weights", FileRole.ADAPTER: "adapters"}


class EngineSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter is given.

    Attributes:
        name: the engine's name in the configuration; also a model name it must answer to.
        models: other model names it must answer to: those that targets ask it for.
        profile: the adapter's own options.
        package: what to load; None for engines that are not given one.
        derived: a folder where an adapter may keep what it makes of a package, below the package's digest. It need
            not be there yet; what is in it may be removed whenever no engine runs.
        url: base URL including /v1 of a server that already runs, or "".
        api_key: key of that server, or "".
        port: a free loopback port for adapters that start a server; it stays the same over restarts.
        token: a secret that a started server must ask for, so that other users of this machine cannot use it.
    """

    name: str
    profile: Mapping[str, Any]
    models: tuple[str, ...] = ()
    package: StoredPackage | None
    derived: Path
    url: str
    api_key: str
    port: int
    token: str


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """What decides an engine's answers: two engines with one fingerprint load the same bytes in the same way.

    Attributes:
        engine: the adapter.
        build: name and version of the library that computes; "" where that is not known.
        package: digest of the package; "" where there is none.
        profile: 16 hexadecimal digits over every option, those that were left out included.
    """

    engine: str
    build: str = ""
    package: str = ""
    profile: str = ""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach an engine.

    Attributes:
        url: base URL including /v1.
        health_url: answers 200 when a request can be answered.
        surfaces: what it can answer.
        slots: how many requests it answers at once; its hourly cost is shared by them.
        context_tokens: of prompt and answer together; None where that is not known.
        capabilities: what its model can do; None where that is not known.
        deterministic_fields: request fields that make a seeded request at temperature 0 repeatable.
        revision: of the model that is served, see `Target`; whoever plans the engine says it, no adapter.
        fingerprint: what decides its answers; None where an adapter does not say.
        salted_by: it keeps prompts with different `cache_salt` apart, and is sent one for each `key` or `project`.
        pool: the engine's name in the configuration, whose replicas are several endpoints; who plans it says it.
        draining: it goes on with the conversations it has begun, and begins none.
        metrics_url: its page for Prometheus, "" where it has none.
    """

    url: str
    api_key: str
    health_url: str
    surfaces: frozenset[Surface]
    slots: int = 1
    context_tokens: int | None = None
    capabilities: frozenset[Capability] | None = None
    deterministic_fields: Mapping[str, Any] = {}
    revision: str = ""
    fingerprint: Fingerprint | None = None
    pool: str = ""
    draining: bool = False
    salted_by: str = ""
    metrics_url: str = ""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How to start an engine, and where it will be.

    Attributes:
        argv: the command of the child process; empty when there is nothing to start.
        stdin: what the child reads first. Its standard input then stays open, and end of file
            means that its supervisor is gone and it must exit.
    """

    endpoint: Endpoint
    argv: tuple[str, ...] = ()
    stdin: bytes = b""


def started_endpoint(
    setup: EngineSetup,
    fingerprint: Fingerprint,
    *,
    surfaces: frozenset[Surface] = TEXT_SURFACES,
    slots: int,
    context: int,
    capabilities: frozenset[Capability],
    measured: bool = False,
) -> Endpoint:
    """Of a server that is started here: on loopback, at its port, behind its token.

    Args:
        measured: it has a page for Prometheus.
    """
    host = f"http://127.0.0.1:{setup.port}"
    return Endpoint(
        url=f"{host}/v1",
        api_key=setup.token,
        health_url=f"{host}/health",
        surfaces=surfaces,
        slots=slots,
        context_tokens=context,
        capabilities=capabilities,
        fingerprint=fingerprint,
        metrics_url=f"{host}/metrics" if measured else "",
    )


def child_launch(endpoint: Endpoint, argv: tuple[str, ...], told: msgspec.Struct) -> Launch:
    """Of a child that reads what it is told as one line of JSON: a command line is open to every user of a machine."""
    return Launch(endpoint=endpoint, argv=argv, stdin=msgspec.json.encode(told) + b"\n")


class EngineModule(Protocol):
    """An adapter is a module with this function."""

    def render(self, setup: EngineSetup) -> Launch: ...


def package_of(setup: EngineSetup) -> StoredPackage:
    """The package of an engine that cannot do without one.

    Raises:
        ConfigError: engine_option_invalid; the configuration names none.
    """
    if setup.package is None:
        raise ConfigError(
            f"engines.{setup.name} needs weights",
            code="engine_option_invalid",
            hint=f"add engines.{setup.name}.package",
        )
    return setup.package


def refuse_slots(setup: EngineSetup, slots: int) -> None:
    """A deterministic profile answers one request at a time: a batch of several changes the order of the sums.

    Raises:
        ConfigError: engine_option_invalid; it is given more slots.
    """
    if slots != 1:
        raise ConfigError(
            f"engines.{setup.name}.profile is deterministic and has {slots} slots",
            code="engine_option_invalid",
            hint="set slots: 1, or deterministic: false",
        )


def names_of(setup: EngineSetup) -> tuple[str, ...]:
    """Every model name that an engine must answer to, its own first."""
    return tuple(dict.fromkeys((setup.name, *setup.models)))


def context_of(setup: EngineSetup, wanted: int | None) -> int:
    """Tokens of prompt and answer together: what is wanted, or a default that the model was trained for."""
    return wanted or min(_CONTEXT, package_of(setup).context_length or _CONTEXT)


def gguf_files(setup: EngineSetup, role: FileRole, otherwise: str) -> tuple[PackageFile, ...]:
    """Files of the package for what reads GGUF alone.

    Args:
        otherwise: what to do with safetensors.

    Raises:
        ConfigError: engine_package_unsuited; some are safetensors.
    """
    package = package_of(setup)
    files = package.find(role)
    if unread := [file.filepath for file in files if file.filepath.endswith(".safetensors")]:
        raise ConfigError(
            f"engines.{setup.name} takes {_KINDS[role]} in GGUF alone, and {unread[0]} of {package.name} is none",
            code="engine_package_unsuited",
            hint=otherwise,
        )
    return files


def fingerprint_of(engine: str, build: str, setup: EngineSetup, profile: msgspec.Struct) -> Fingerprint:
    """The fingerprint of an engine; where its interpreter lies does not count, `build` says what is in it."""
    options = {name: value for name, value in msgspec.to_builtins(profile).items() if name != "python"}
    told = msgspec.json.encode(options, order="deterministic")
    return Fingerprint(
        engine=engine,
        build=build,
        package=setup.package.digest if setup.package else "",
        profile=hashlib.sha256(told).hexdigest()[:16],
    )


def profile_of(setup: EngineSetup, kind: type[msgspec.Struct]) -> Any:
    """The profile as the adapter's own struct.

    Raises:
        ConfigError: an unknown option, or one of the wrong type.
    """
    unknown = set(setup.profile) - set(kind.__struct_fields__)
    if unknown:
        raise ConfigError(
            f"engines.{setup.name}.profile has no option {min(unknown)!r}",
            code="engine_option_invalid",
            hint=f"use: {', '.join(kind.__struct_fields__)}",
        )
    try:
        return msgspec.convert(dict(setup.profile), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"engines.{setup.name}.profile: {error}", code="engine_option_invalid", hint="see docs/reference/engines.md"
        ) from None

"""What an engine adapter offers. One conformance suite covers every adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.types import Capability, Surface

TEXT_SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION})
ANY_SURFACE = TEXT_SURFACES | {Surface.EMBEDDING}


class EngineSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter is given.

    Attributes:
        name: the engine's name in the configuration; also the model name it must answer to.
        profile: the adapter's own options.
        weights: the file to load; None for engines that are not given a package.
        url: base URL including /v1 of a server that already runs, or "".
        api_key: key of that server, or "".
        port: a free loopback port for adapters that start a server; it stays the same over restarts.
        token: a secret that a started server must ask for, so that other users of this machine cannot use it.
    """

    name: str
    profile: Mapping[str, Any]
    weights: Path | None
    url: str
    api_key: str
    port: int
    token: str


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
        salted_by: it keeps prompts with different `cache_salt` apart, and is sent one for each `key` or `project`.
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
    salted_by: str = ""


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


class EngineModule(Protocol):
    """An adapter is a module with this function."""

    def render(self, setup: EngineSetup) -> Launch: ...


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

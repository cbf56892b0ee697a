"""Whom `homeport eval run` asks: models of a gateway, a package on an engine, or recorded answers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from homeport import bootstrap
from homeport.cli.context import Context
from homeport.cli.gateway_client import GatewayClient
from homeport.core.errors import ConfigError
from homeport.evaluation.experiments import Respondent
from homeport.evaluation.recorded import read_recorded
from homeport.packages.base import Progress
from homeport.transport.pool import PooledTransport


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, as it was asked for.

    Attributes:
        models: of a gateway; with recorded answers, what they are called.
        key_from: the variable that has the key of `url`.
        fields: of every request to a gateway, but for the model.
        headers: likewise.
        seed: of the first epoch.
    """

    models: tuple[str, ...] = ()
    package: str = ""
    engine: str = ""
    answers: Path | None = None
    url: str = ""
    key_from: str = ""
    fields: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    seed: int | None = None

    @property
    def routes(self) -> tuple[str, ...]:
        """What each run is called by."""
        if self.package:
            return (f"{self.package} {self.engine}".strip(),)
        return self.models or ((self.answers.name,) if self.answers else ())

    def check(self) -> None:
        """Raises ConfigError, eval_source_unclear, where it names nobody, or two."""
        ways = [bool(self.package), self.answers is not None, bool(self.models) and self.answers is None]
        if ways.count(True) != 1 or (self.engine and not self.package) or len({*self.models}) < len(self.models):
            raise _unclear("name whom to ask, in one way, and each model once")
        if self.answers is not None and len(self.models) > 1:
            raise _unclear("recorded answers are of one model")


@asynccontextmanager
async def respondent(state: Context, source: Source, route: str, progress: Progress) -> AsyncIterator[Respondent]:
    """Whoever answers for a route, until it is left.

    Raises:
        HomeportError: gateway_not_running, or the package or its engine cannot be used.
        ConfigError: recorded_answers_invalid, eval_key_missing.
    """
    if source.answers is not None:
        yield read_recorded(source.answers)
    elif source.package:
        async with bootstrap.engine_respondent(
            state.settings, state.home, source.package, source.engine, progress
        ) as engine:
            yield engine
    else:
        url, key = _gateway(state, source)
        transport = PooledTransport()
        fields = {"model": route, **source.fields}
        try:
            yield bootstrap.GatewayRespondent(transport, url, key, fields, headers=source.headers, seed=source.seed)
        finally:
            await transport.close()


def _gateway(state: Context, source: Source) -> tuple[str, str]:
    """Where it is, and a key of it."""
    if not source.url:
        client = GatewayClient(state.home)
        client.readiness()
        return f"{client.url}/v1", client.key
    key = state.environment.variables.get(source.key_from, "")
    if not key.isprintable() or not key.isascii() or not key:
        raise ConfigError(
            f"the variable {ascii(source.key_from)[:64]} has no key",
            code="eval_key_missing",
            hint="set it to a key of the gateway at --url, or name another: --key-from NAME",
        )
    return source.url, key


def _unclear(what: str) -> ConfigError:
    return ConfigError(
        what, code="eval_source_unclear", hint="--model NAME, or --answers FILE, or --package NAME --engine NAME"
    )

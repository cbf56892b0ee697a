"""A whole gateway process inside the test's own: its application, its files, its clients; sockets are real."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from homeport import bootstrap
from homeport.api.app import App
from homeport.api.keys import KeyFields
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
from homeport.core.types import Scope
from tests.e2e.privacy.tap import Tap
from tests.fakes.engines import place
from tests.fakes.wire import Caller

OWN = ("own-a", "own-b")
REMOTE = ("mid", "frontier", "claude")
KEYS: Mapping[str, Mapping[str, Any]] = {
    "open": {},
    "private": {"data_class": "private"},
    "hipaa": {"data_class": "hipaa"},
    "forgotten": {"data_class": "forgotten"},
    "clinic": {"project": "acme/clinic/ward"},
}
"""Fields of each key by its name. No class is called `forgotten`."""

PRIVACY: Mapping[str, Any] = {
    "find": {"payment_card": "local_only", "email": "redact_and_restore"},
    "classes": {"hipaa": {"action": "local_only"}},
    "projects": {"acme/clinic": "hipaa"},
}
_TIMEOUTS = {"connect": 0.2, "first_token": 0.15, "between_tokens": 0.15, "total": 0.6}


class World:
    """Own engines and remote APIs, all simulated, with a gateway between them and the callers.

    Attributes:
        own, remote: the upstreams by name.
        tokens: of the keys, by the names that they were given; "admin" is the administrator's.

    Args:
        keys: the fields of each key by a name.
    """

    def __init__(self, root: Path, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self.home = Home(root / "home")
        self.home.create()
        self._file = root / "homeport.yaml"
        self._environment = Environment(home=self.home.root, config=self._file, variables={})
        self.own = {name: Tap() for name in OWN}
        self.remote = {name: Tap() for name in REMOTE}
        self._keys = {"admin": {"scopes": [Scope.ADMIN]}, **keys}
        self.tokens: dict[str, str] = {}
        self.app: App

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for upstream in (*self.own.values(), *self.remote.values()):
                await stack.enter_async_context(upstream)
            file = ConfigFile(self._environment, self._file, self.home.adopted)
            # The class is there when the key is made, and gone afterwards.
            self.write({"privacy": {**PRIVACY, "classes": {**PRIVACY["classes"], "forgotten": {"action": "allow"}}}})
            settings = file.read()
            place(settings, self.home)
            engine = stack.enter_context(_opened(bootstrap.open_storage(settings, self.home)))
            registry = bootstrap.key_registry(engine, settings, self.home)
            self.tokens = {
                name: registry.create(KeyFields(name=name, **fields)).token for name, fields in self._keys.items()
            }
            self.write({})
            settings = file.read()
            gateway = bootstrap.build_gateway(settings, self.home, file, 1)
            self.app = gateway.app
            async with gateway.background():
                await asyncio.sleep(0.3)
                yield

    def write(self, sections: Mapping[str, Any]) -> None:
        """Change homeport.yaml: these sections instead of the ordinary ones."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({**self._ordinary(), **sections}))
        draft.replace(self._file)

    async def reload(self, sections: Mapping[str, Any]) -> None:
        self.write(sections)
        caller = await self.ask("/admin/v1/reload", {}, key="admin")
        assert caller.status == 200, caller.body

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        key: str,
        headers: Mapping[str, str] | None = None,
        leave_after: float | None = None,
    ) -> Caller:
        """Send a request and wait for the end of its answer, or leave before it."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"authorization": f"Bearer {self.tokens[key]}", **(headers or {})}
        caller = Caller(path, headers=named.items(), body=[sent])
        task = caller.start(self.app)
        if leave_after is not None:
            await asyncio.wait([task], timeout=leave_after)
            caller.leave()
        with contextlib.suppress(ConnectionError):
            await task
        return caller

    async def quiet(self) -> None:
        """Until what earlier requests sent has arrived everywhere: some callers leave before."""
        before = -1
        while before != (now := sum(len(tap.received) for tap in self.remote.values())):
            before = now
            await asyncio.sleep(0.002)

    def received(self) -> bytes:
        """Every byte that any remote upstream has received since it was asked last."""
        got = b"".join(bytes(tap.received) for tap in self.remote.values())
        for tap in self.remote.values():
            tap.received.clear()
        return got

    def _ordinary(self) -> dict[str, Any]:
        openai = {"provider": "openai_compatible", "api_key": "remote"}
        price = "openai:gpt-4.1"
        return {
            "engines": {
                name: {"engine": "external", "url": f"{tap.url}/v1", "hourly_cost_usd": "0.1"}
                for name, tap in self.own.items()
            },
            "providers": {
                "mid": {**openai, "base_url": f"{self.remote['mid'].url}/v1"},
                "frontier": {**openai, "base_url": f"{self.remote['frontier'].url}/v1"},
                "claude": {"provider": "anthropic", "api_key": "remote", "base_url": f"{self.remote['claude'].url}/v1"},
            },
            "tiers": [
                {"name": "home", "targets": [{"model": "m", "name": "house", "engine": name} for name in OWN]},
                {"name": "mid", "targets": [{"model": "mid-1", "provider": "mid", "price": price}]},
                {
                    "name": "top",
                    "targets": [
                        {"model": "frontier", "provider": "frontier", "price": price},
                        {"model": "claude", "provider": "claude", "price": price},
                    ],
                },
            ],
            "privacy": PRIVACY,
            "timeouts": _TIMEOUTS,
            "retries": {"rounds": 2, "base_seconds": 0.001, "longest_wait_seconds": 0.01, "budget": 10},
            "breaker": {"failures": 4, "window": 8, "pause_seconds": 0.02},
        }


@contextlib.contextmanager
def _opened(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()

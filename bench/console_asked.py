"""How long a page of the console takes: of a gateway that has just been made, or of one that runs."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from tests.fakes.wire import Caller

from homeport import bootstrap
from homeport.api.server import collect_seldom
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment

Application = Any


class Took(msgspec.Struct, frozen=True):
    """One answer: milliseconds until its last byte, and of CPU time."""

    wall: float
    cpu: float


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A database, and the state folder of the gateways over it."""

    kind: str
    url: str
    root: str

    @property
    def home(self) -> Home:
        return Home(Path(self.root))

    @property
    def file(self) -> ConfigFile:
        home = self.home
        return ConfigFile(Environment(home=home.root, variables={}), home.config, home.adopted)

    def gateway(self) -> Application:
        file = self.file
        app = bootstrap.build_gateway(file.read(), self.home, file, 1).app
        collect_seldom()  # as a gateway process does before it serves
        return app


def cold(house: House, asked: Mapping[str, str], cookie: str, *, forget: bool = False) -> Mapping[str, Took]:
    """Each page once, of a gateway of its own, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_walk, house, asked, cookie, forget).result()


def _walk(house: House, asked: Mapping[str, str], cookie: str, forget: bool) -> Mapping[str, Took]:
    def gateway() -> Application:
        if forget:
            _forget(house.home)
        return house.gateway()

    async def all_of_them() -> Mapping[str, Took]:
        await _ask(house.gateway(), "/account", cookie)  # which imports what pages are made of
        return await each(gateway, asked, cookie)

    return asyncio.run(all_of_them())


async def each(gateway: Callable[[], Application], asked: Mapping[str, str], cookie: str) -> Mapping[str, Took]:
    """Each page once, of what `gateway` returns for it."""
    return {name: await _ask(gateway(), path, cookie) for name, path in asked.items()}


async def _ask(app: Application, path: str, cookie: str) -> Took:
    caller = Caller(f"/console{path}", method="GET", headers=[("host", "127.0.0.1:8080"), ("cookie", cookie)])
    begun, cpu = time.perf_counter(), time.process_time()
    await caller.call(app)
    took = Took((time.perf_counter() - begun) * 1e3, (time.process_time() - cpu) * 1e3)
    assert caller.status == 200, f"{path}: {caller.status}"
    return took


def _forget(home: Home) -> None:
    """Let the system drop what it has of the database in memory."""
    for path in (home.database, home.database.with_name(f"{home.database.name}-wal")):
        if path.exists():
            with path.open("rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

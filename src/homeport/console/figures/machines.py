"""Models, the engines and APIs behind them, and their packages: the figures of the page Models & engines."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, func, select

from homeport.storage.tables import requests

RATE_NS = 300 * 10**9
"""The time that rates are taken over."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What one model of an engine or a provider did in the last five minutes.

    Attributes:
        written, read: tokens a second, of all its answers together.
        each: tokens a second that one answer was written at, its prompt included; None where nothing was answered.
    """

    requests: int
    written: float
    read: float
    each: float | None


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One child of an engine, as `homeport engine list` tells it."""

    engine: str
    replica: str
    state: str
    version: str
    digest: str
    revision: str
    pid: int | None


class SuiteRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a package's own suite: cases that passed, and answers that are those of the first run (None: it is)."""

    build: str
    passed: int
    of: int
    same: int | None


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a package in the store.

    Attributes:
        signers: the keys that the section `trust` knows and whose signature holds.
        doubt: why it would not be used, or what it is warned of; "" for nothing.
        tests: what it carries of its own suites, an engine each: whether engines are on a par with it.
    """

    name: str
    version: str
    digest: str
    in_use: bool
    family: str
    quantization: str
    size: int
    licenses: tuple[str, ...]
    signers: tuple[str, ...]
    doubt: str
    tests: tuple[SuiteRun, ...] = ()


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    """What `homeport up` says of its engines; `why` it says nothing, or ""."""

    replicas: tuple[Replica, ...] = ()
    packages: tuple[Package, ...] = ()
    why: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Each engine once, in the order in which it is told."""
        return tuple(dict.fromkeys(replica.engine for replica in self.replicas))


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """The page. `targets`: as `GET /admin/v1/targets` tells them; `rates` by engine or provider, and model."""

    targets: Sequence[Mapping[str, Any]]
    rates: Mapping[tuple[str, str], Rates]
    engines: Engines


def rates(engine: Engine, now: int) -> Mapping[tuple[str, str], Rates]:
    """Of the last `RATE_NS` before a time (nanoseconds since the epoch), by engine or provider and its model's name."""
    table = requests.c
    sums = [
        func.coalesce(func.sum(column), 0) for column in (table.output_tokens, table.input_tokens, table.latency_ns)
    ]
    query = (
        select(table.upstream, table.target, func.count(), *sums)
        .where(table.started_at >= now - RATE_NS, table.upstream != "", table.cache.in_(("", "miss")))
        .group_by(table.upstream, table.target)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return {(str(row[0]), str(row[1])): _rates(*(int(value) for value in row[2:])) for row in rows}


def _rates(count: int, written: int, read: int, took_ns: int) -> Rates:
    seconds = RATE_NS / 1e9
    return Rates(
        requests=count,
        written=written / seconds,
        read=read / seconds,
        each=written * 1e9 / took_ns if took_ns and written else None,
    )

"""`/admin/v1/cache`: what is kept, what it saved, taking entries out, switching partitions on again."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.api.bodies import read
from homeport.api.cache import ID
from homeport.cache.desk import Desk
from homeport.cache.guard import Terms
from homeport.cache.library import Library
from homeport.core.caching import Kind, Purge
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.money import format_usd
from homeport.core.types import Key
from homeport.storage.cached_figures import (
    Amount,
    Answered,
    CacheFigures,
    PartitionFigures,
    answered,
    cache_figures,
    is_off,
)

_DAY = 86_400 * 10**9
_NS = 10**9
_HEX = re.compile("[0-9a-f]{32}")

Id = Annotated[str, Meta(pattern=ID)]
Name = Annotated[str, Meta(min_length=1, max_length=160)]


class PurgeFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken out: the entries to which all that is said applies.

    Attributes:
        all: every entry; needed where nothing else is said, and refused beside anything else.
        id, partition, prompt: in hexadecimal, as `POST /v1/cache/explain` tells them.
        system: a system prompt, in the place of `prompt`.
        model: a public name, or the name that it has upstream.
        key: the id of the key for which they were made.
    """

    all: bool = False
    id: Id | None = None
    partition: Id | None = None
    prompt: Id | None = None
    system: Annotated[str, Meta(min_length=1, max_length=1_000_000)] | None = None
    tag: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    model: Name | None = None
    key: Name | None = None

    def purge(self, prompt_of: Callable[[str], bytes]) -> Purge:
        """Raises `InvalidRequest` where it is not clear what is meant."""
        prompt = _bytes(self.prompt) if self.system is None else prompt_of(self.system)
        if self.system is not None and self.prompt is not None:
            raise InvalidRequest("say either a prompt or a system prompt", param="system")
        purge = Purge(
            id=_bytes(self.id),
            partition=_bytes(self.partition),
            tag=self.tag,
            model=self.model,
            key_id=self.key,
            prompt=prompt,
        )
        if self.all == (purge != Purge()):
            raise InvalidRequest(
                "it is not clear what is to be taken out",
                code="cache_purge_unclear",
                hint='name what goes, such as {"tag": "..."}, or say {"all": true} and nothing else',
                param="all",
            )
        return purge


class Purged(Struct, frozen=True, kw_only=True):
    """How many entries were taken out."""

    purged: int


class PartitionResumed(Struct, frozen=True, kw_only=True):
    """It answers again."""

    partition: str
    resumed: bool


class CachePartition(Struct, frozen=True, kw_only=True):
    """A partition of which answers to other questions were checked.

    Attributes:
        bound: what may be wrong of its answers, with 95 % confidence; above the budget it switches itself off.
        off_since: null while it gives them.
    """

    partition: str
    entries: int
    checked: int
    wrong: int
    bound: float
    off_since: float | None


class CacheAnswers(Struct, frozen=True, kw_only=True):
    """What the ledger says of requests that asked the cache, by kind.

    Attributes:
        hit_rate: null where none asked.
        saved_usd: what the answers would have cost; nobody spent it.
    """

    since: float
    asked: int
    by_kind: Mapping[str, int]
    hit_rate: float | None
    saved_usd: str


class CacheProcess(Struct, frozen=True, kw_only=True):
    """What the process that answers has in memory.

    Attributes:
        is_on: its configuration caches anything.
        warm: it knows all that was kept before it began.
        entries, bytes: that it knows, of all processes; `bytes` wherever they are.
        memory_bytes: of the answers that it need not read.
        texts: that can answer other questions.
        flights: requests upstream for which others may wait.
        hits: of entries, by kind, since it began.
    """

    is_on: bool
    warm: bool = False
    entries: int = 0
    bytes: int = 0
    memory_bytes: int = 0
    texts: int = 0
    flights: int = 0
    hits: Mapping[str, int] = {}


class CacheStats(Struct, frozen=True, kw_only=True):
    """What is kept, by all processes together, and what it did.

    Attributes:
        tenants: by the id of a key, or `project:PATH` where a project shares; the hundred largest.
        models: by public name; the hundred largest.
        barred: answers that may not be kept for now.
        off: partitions that switched themselves off.
        checked: partitions that were checked: the hundred worst, those that are off first.
        answers: of the last day, where nothing else was asked.
        process: left out where no gateway is asked.
    """

    entries: int
    bytes: int
    tenants: Mapping[str, Amount]
    models: Mapping[str, Amount]
    partitions: int
    aliases: int
    barred: int
    off: int
    checked: Sequence[CachePartition]
    answers: CacheAnswers
    process: CacheProcess | None = None


def stats(engine: Engine, terms: Terms, now: int, since: int | None = None) -> CacheStats:
    """What the database says; times in nanoseconds since the epoch, `since` a day before now where it is left out."""
    return _stats(cache_figures(engine, now), terms, answers_since(engine, now - _DAY if since is None else since))


def answers_since(engine: Engine, since: int) -> CacheAnswers:
    kinds: Mapping[str, Answered] = answered(engine, since)
    asked = sum(one.requests for one in kinds.values())
    missed = kinds.get(Kind.MISS, Answered(0, 0)).requests
    return CacheAnswers(
        since=since / _NS,
        asked=asked,
        by_kind={kind: one.requests for kind, one in kinds.items()},
        hit_rate=(asked - missed) / asked if asked else None,
        saved_usd=format_usd(sum(one.saved for one in kinds.values())),
    )


def process(library: Library | None, flights: int) -> CacheProcess:
    """What a process has in memory; None for one whose cache is off."""
    if library is None:
        return CacheProcess(is_on=False)
    hits: dict[str, int] = {}
    for holding in library.shelf.holdings():
        for kind, count in holding.hits.items():
            hits[kind] = hits.get(kind, 0) + count
    return CacheProcess(
        is_on=True,
        warm=library.is_warm,
        entries=len(library.shelf),
        bytes=library.shelf.size,
        memory_bytes=library.shelf.memory,
        texts=0 if library.semantic is None else len(library.semantic),
        flights=flights,
        hits=hits,
    )


class CacheActions:
    """`Resource` of /admin/v1/cache.

    Args:
        flights: how many there are now.
        prompt_of: the digest of a system prompt.
        terms: by which partitions are bounded.
    """

    def __init__(
        self,
        desk: Desk,
        engine: Engine,
        *,
        flights: Callable[[], int],
        prompt_of: Callable[[str], bytes],
        terms: Terms,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._desk = desk
        self._engine = engine
        self._flights = flights
        self._prompt_of = prompt_of
        self._terms = terms
        self._wall_ns = wall_ns

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        match parts:
            case ["cache"]:
                return {"GET": self._stats}
            case ["cache", "purge"]:
                return {"POST": self._purge}
            case ["cache", "partitions", partition, "resume"] if partition:
                return {"POST": lambda _, __: self._resume(partition)}
        return {}

    async def _stats(self, _: Key, __: bytes) -> Answer:
        told = await off_the_loop(partial(stats, self._engine, self._terms, self._wall_ns()))
        return 200, msgspec.structs.replace(told, process=process(self._desk.library, self._flights()))

    async def _purge(self, _: Key, body: bytes) -> Answer:
        purge = purge_fields(body).purge(self._prompt_of)
        return 200, Purged(purged=await self._desk.purge(purge))

    async def _resume(self, partition: str) -> Answer:
        if _HEX.fullmatch(partition) is None or not await off_the_loop(
            partial(is_off, self._engine, bytes.fromhex(partition))
        ):
            raise partition_unknown(partition)
        await self._desk.resume(bytes.fromhex(partition))
        return 200, PartitionResumed(partition=partition, resumed=True)


_PURGE = msgspec.json.Decoder(PurgeFields)


def purge_fields(body: bytes) -> PurgeFields:
    """Raises `InvalidRequest`."""
    return read(body, _PURGE)[0]


def partition_unknown(partition: str) -> NotFound:
    return NotFound(
        f"no partition {partition[:64]!r} has switched itself off",
        code="cache_partition_unknown",
        hint="homeport cache stats lists them",
    )


def _stats(figures: CacheFigures, terms: Terms, answers: CacheAnswers) -> CacheStats:
    return CacheStats(
        entries=figures.total.entries,
        bytes=figures.total.bytes,
        tenants=figures.tenants,
        models=figures.models,
        partitions=figures.partitions,
        aliases=figures.aliases,
        barred=figures.barred,
        off=figures.off,
        checked=[_partition(one, terms) for one in figures.checked],
        answers=answers,
    )


def _partition(one: PartitionFigures, terms: Terms) -> CachePartition:
    return CachePartition(
        partition=one.partition.hex(),
        entries=one.entries,
        checked=one.checked,
        wrong=one.wrong,
        bound=terms.bound(one.checked, one.wrong),
        off_since=one.off / _NS if one.off else None,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text[:32])

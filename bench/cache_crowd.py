"""Callers that ask a gateway, and note how each answer came."""

import asyncio
import re
import time
from collections.abc import Sequence

import aiohttp
import msgspec

from bench.cache_house import MODEL
from bench.cache_traffic import Request

_PIECES = re.compile(rb'"content":\s*"((?:[^"\\]|\\.)*)"')
_MARK = re.compile(rb"^\[(\d+)\]")


class Told(msgspec.Struct, frozen=True, gc=False):
    """How one request was answered.

    Attributes:
        cache: what the header says: `hit`, `semantic`, `miss`, or "" where the cache was not asked.
        meaning: whose answer came; None where it cannot be told.
        first_s, whole_s: seconds to the first byte of the body, and to the last.
    """

    status: int
    cache: str
    entry: str
    similarity: str
    request_id: str
    meaning: int | None
    first_s: float
    whole_s: float


def crowd(port: int, keys: Sequence[str], requests: Sequence[Request], *, callers: int) -> list[Told]:
    """Ask all of them in about their order, so many at once."""
    return asyncio.run(_crowd(port, keys, requests, callers))


async def _crowd(port: int, keys: Sequence[str], requests: Sequence[Request], callers: int) -> list[Told]:
    waiting = iter(enumerate(requests))
    told: dict[int, Told] = {}

    async def caller(session: aiohttp.ClientSession) -> None:
        for at, request in waiting:
            told[at] = await ask(session, port, keys[request.key], request)

    async with open_session() as session:
        await asyncio.gather(*(caller(session) for _ in range(callers)))
    return [told[at] for at in range(len(requests))]


def open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(60))


async def ask(session: aiohttp.ClientSession, port: int, key: str, request: Request) -> Told:
    """Ask once."""
    url, body = f"http://127.0.0.1:{port}/v1/chat/completions", msgspec.json.encode(request.body(MODEL))
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    started, first = time.perf_counter(), 0.0
    said = b""
    async with session.post(url, data=body, headers=headers) as answer:
        async for piece, _ in answer.content.iter_chunks():
            first = first or time.perf_counter() - started
            said += piece
        ended = time.perf_counter() - started
        return Told(
            status=answer.status,
            cache=answer.headers.get("x-homeport-cache", ""),
            entry=answer.headers.get("x-homeport-cache-entry", ""),
            similarity=answer.headers.get("x-homeport-cache-similarity", ""),
            request_id=answer.headers.get("x-homeport-request-id", ""),
            meaning=meaning_of(said),
            first_s=first,
            whole_s=ended,
        )


def meaning_of(body: bytes) -> int | None:
    """The number that an answer begins with, whole or as a stream."""
    text = b"".join(_PIECES.findall(body))
    found = _MARK.match(text)
    return int(found[1]) if found else None

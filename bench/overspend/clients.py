"""What callers do: whole answers, streams, embeddings, and leaving in the middle of either; until all are refused."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from bench.overspend.fleet import MODEL

ID_HEADER = "x-homeport-request-id"
_KINDS = {"whole": 40, "stream": 30, "left_stream": 10, "left_whole": 5, "embedding": 15}
_BOUNDS: Sequence[int | None] = (64, 64, 128, 256, None)
_PAUSE_S = 0.2
_STEADY_S = 3.0
_LONGEST_S = 240.0


class Crowd:
    """Callers who share a key, each with dice of its own.

    Attributes:
        seen: how many requests ended how: a kind of request, or a code of refusal.
        answered: ids of requests whose answer arrived, all of it.
    """

    def __init__(self, urls: Sequence[str], key: str, seed: int, callers: int) -> None:
        self.urls = urls
        self.key = key
        self.seed = seed
        self.callers = callers
        self.seen: Counter[str] = Counter()
        self.answered: set[str] = set()
        self._last_success = time.monotonic()
        self._refused_since: set[int] = set()

    async def run(self) -> None:
        """Until for some seconds nobody is answered, and everybody was refused for want of money meanwhile."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, headers={"authorization": f"Bearer {self.key}"}, timeout=aiohttp.ClientTimeout(60)
        ) as session:
            self._last_success = time.monotonic()
            tasks = [asyncio.create_task(self._caller(session, number)) for number in range(self.callers)]
            try:
                await self._steady(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _steady(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        started = time.monotonic()
        while time.monotonic() - started < _LONGEST_S:
            await asyncio.sleep(0.1)
            for task in tasks:
                if task.done():
                    task.result()
            if time.monotonic() - self._last_success > _STEADY_S and len(self._refused_since) == self.callers:
                return
        raise TimeoutError(f"callers are still not all refused: {dict(self.seen)}")

    async def _caller(self, session: aiohttp.ClientSession, number: int) -> None:
        dice = random.Random(f"{self.seed}/{number}")
        turn = 0
        while True:
            turn += 1
            kind = dice.choices([*_KINDS], [*_KINDS.values()])[0]
            url = self.urls[(number + turn) % len(self.urls)]
            try:
                code = await self._ask(session, url, kind, dice, f"{number}.{turn}")
            except (aiohttp.ClientError, TimeoutError):
                code = "disconnected"
            self.seen[code] += 1
            if code in _KINDS and code != "left_whole":  # of those nobody knows whether they would have been answered
                self._last_success = time.monotonic()
                self._refused_since.clear()
            elif code == "budget_exceeded":
                self._refused_since.add(number)
            if code not in _KINDS:
                await asyncio.sleep(_PAUSE_S)

    async def _ask(self, session: aiohttp.ClientSession, url: str, kind: str, dice: random.Random, name: str) -> str:
        """The kind again where it was answered, else the code of the refusal."""
        if kind == "embedding":
            return await self._whole(
                session, f"{url}/embeddings", {"model": MODEL, "input": _text(dice, name, 1200)}, kind
            )
        message = {"role": "user", "content": _text(dice, name, dice.choice((200, 400, 800)))}
        body: dict[str, Any] = {"model": MODEL, "messages": [message]}
        bound = dice.choice(_BOUNDS)
        if bound is not None:
            body["max_tokens"] = bound
        path = f"{url}/chat/completions"
        if kind == "whole":
            return await self._whole(session, path, body, kind)
        if kind == "left_whole":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(dice.uniform(0.01, 0.06)):
                    return await self._whole(session, path, body, kind)
            return kind
        leave_after = dice.randrange(1, 2_000) if kind == "left_stream" else None
        return await self._stream(session, path, body | {"stream": True}, kind, leave_after)

    async def _whole(self, session: aiohttp.ClientSession, url: str, body: Mapping[str, Any], kind: str) -> str:
        async with session.post(url, json=body) as response:
            data = await response.read()
            return self._outcome(response, data, kind)

    async def _stream(
        self, session: aiohttp.ClientSession, url: str, body: Mapping[str, Any], kind: str, leave_after: int | None
    ) -> str:
        async with session.post(url, json=body) as response:
            if response.status != 200:
                return self._outcome(response, await response.read(), kind)
            read = 0
            async for data in response.content.iter_any():
                read += len(data)
                if leave_after is not None and read >= leave_after:
                    response.close()
                    return kind
            self.answered.add(response.headers[ID_HEADER])
            return kind

    def _outcome(self, response: aiohttp.ClientResponse, data: bytes, kind: str) -> str:
        if response.status == 200:
            self.answered.add(response.headers[ID_HEADER])
            return kind
        try:
            return str(json.loads(data)["error"]["code"])
        except ValueError:
            return f"status {response.status}"


async def run_batch(url: str, key: str, lines: int) -> str:
    """Hand in a batch of chats; its id."""
    dice = random.Random(lines)
    rows = [
        {
            "custom_id": f"line{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": MODEL,
                "max_tokens": 64,
                "messages": [{"role": "user", "content": _text(dice, f"b{number}", 400)}],
            },
        }
        for number in range(lines)
    ]
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", "\n".join(map(json.dumps, rows)).encode(), filename="in.jsonl")
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as session:
        async with session.post(f"{url}/files", data=form) as response:
            response.raise_for_status()
            file_id = (await response.json())["id"]
        body = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        async with session.post(f"{url}/batches", json=body) as response:
            response.raise_for_status()
            return str((await response.json())["id"])


def _text(dice: random.Random, name: str, length: int) -> str:
    """A prompt of so many characters that no other request has."""
    words = f"{name} " + " ".join(dice.choice(("lease", "deposit", "repair", "tenant")) for _ in range(length // 5))
    return words[:length].ljust(length, ".")

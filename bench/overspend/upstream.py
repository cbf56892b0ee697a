"""An API in this process that answers chats and embeddings, and bills every token that it reads and makes.

It bills as APIs do: the prompt on arrival, then each token as it is made, whether or not anybody still
listens when it is sent. A caller who leaves stops it at the next token.
"""

import asyncio
import contextlib
import json
import math
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

PRICE = "openai:gpt-4.1"
_INPUT_NANO, _OUTPUT_NANO = 2_000, 8_000
"""What a token of that model costs, in nano-dollars: 2 and 8 USD a million."""

_TEMPLATE_TOKENS = 3
_MEDIAN_OUTPUT = 20
_SPREAD = 0.6
_LONGEST = 4_096
_FIRST_S, _TOKEN_S = 0.02, 0.002
_AT_ONCE = 4


class Bill(msgspec.Struct):
    """What was used so far, and by how many calls that came to their end."""

    calls: int = 0
    finished: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def nano(self) -> int:
        """In nano-dollars."""
        return self.input_tokens * _INPUT_NANO + self.output_tokens * _OUTPUT_NANO


class Upstream:
    """Answers are as long as dice say that depend on the seed and the request alone."""

    def __init__(self, seed: int) -> None:
        self.bill = Bill()
        self.url = ""
        self._seed = seed
        self._more = asyncio.Event()

    async def billed(self, nano: float) -> None:
        """Until so much was used, in nano-dollars."""
        while self.bill.nano < nano:
            self._more.clear()
            await self._more.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Upstream"]:
        """On a free port of 127.0.0.1."""
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        fields = await request.json()
        read = self._read("".join(str(message["content"]) for message in fields["messages"]))
        length = self._length(fields)
        await asyncio.sleep(_FIRST_S)
        if fields.get("stream"):
            return await self._stream(request, read, length)
        await self._make(length)
        self.bill.finished += 1
        choice = {"index": 0, "message": {"role": "assistant", "content": " word" * length}, "finish_reason": "stop"}
        return web.json_response(_body("chat.completion", read, length, choices=[choice]))

    async def _make(self, tokens: int) -> None:
        made = 0
        while made < tokens:
            step = min(_AT_ONCE, tokens - made)
            await asyncio.sleep(step * _TOKEN_S)
            made += step
            self.bill.output_tokens += step

    async def _stream(self, request: web.Request, read: int, length: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the caller has left, or read all that it wanted
            for _ in range(length):
                self.bill.output_tokens += 1
                await response.write(_event(_chunk({"content": " word"})))
                await asyncio.sleep(_TOKEN_S)
            self.bill.finished += 1
            await response.write(_event(_chunk({}, "stop")))
            await response.write(_event({**_body("chat.completion.chunk", read, length), "choices": []}))
            await response.write(b"data: [DONE]\n\n")
        return response

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        fields = await request.json()
        read = self._read(str(fields["input"]))
        await asyncio.sleep(_FIRST_S)
        self.bill.finished += 1
        data = [{"object": "embedding", "index": 0, "embedding": [0.5] * 8}]
        usage = {"prompt_tokens": read, "total_tokens": read}
        return web.json_response({"object": "list", "data": data, "model": "m", "usage": usage})

    def _read(self, prompt: str) -> int:
        tokens = math.ceil(len(prompt) / 4) + _TEMPLATE_TOKENS
        self.bill.calls += 1
        self.bill.input_tokens += tokens
        self._more.set()
        return tokens

    def _length(self, fields: Mapping[str, Any]) -> int:
        dice = random.Random(f"{self._seed}{fields['messages']}")
        wanted = math.ceil(_MEDIAN_OUTPUT * math.exp(dice.gauss(0, _SPREAD)))
        bound = fields.get("max_completion_tokens") or fields.get("max_tokens") or _LONGEST
        return min(wanted, int(bound))


def _body(kind: str, read: int, made: int, **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}
    return {"id": "c", "object": kind, "created": 1, "model": "m", "usage": usage, **more}


def _chunk(delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"

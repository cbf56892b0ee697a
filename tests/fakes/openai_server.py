"""A real HTTP server that speaks OpenAI's API and misbehaves on demand.

async with OpenAIServer() as server:
    server.fault = Fault.CUT
    ...  # point a client at server.base_url
    assert server.requests[0].fields["model"] == "m"
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from aiohttp import web

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 4,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
TOOL_ARGUMENTS = '{"city": "Zürich", "unit": "°C", "note": "a \\"quoted\\" word"}'


class Fault(StrEnum):
    """What goes wrong. Those about streams leave whole answers alone, except where both are named."""

    NONE = "none"
    STATUS = "status"  # both: `server.status`, `server.error_body`, `server.retry_after`
    GARBAGE = "garbage"  # both: bytes that are not JSON, under the right content type
    TRUNCATED = "truncated"  # both: the connection ends inside the body
    EMPTY = "empty"  # both: status 200 and no body
    WRONG_TYPE = "wrong_type"  # both: a page of HTML
    NOT_AN_ANSWER = "not_an_answer"  # both: JSON, but of something else
    SLOW = "slow"  # both: `server.delay` seconds before anything
    SILENT = "silent"  # both: nothing, ever
    MISSING_USAGE = "missing_usage"  # both
    CUT = "cut"  # the connection is reset after two events
    STALL = "stall"  # silence after two events
    EARLY_END = "early_end"  # a clean end without finish reason and without [DONE]
    MISSING_DONE = "missing_done"
    DUPLICATE_DONE = "duplicate_done"
    BARE_DONE = "bare_done"  # no blank line after [DONE]
    RUNNING_USAGE = "running_usage"  # every chunk carries usage
    ERROR_EVENT = "error_event"  # an error object after two events
    CRLF = "crlf"
    COMMENTS = "comments"
    SPLIT = "split"  # written in pieces of three bytes
    NEVER_CLOSES = "never_closes"  # [DONE], then the connection stays open


@dataclass(frozen=True)
class Received:
    """One request as the server saw it; `port` is the client's, so it tells connections apart."""

    path: str
    headers: dict[str, str]
    fields: dict[str, Any]
    port: int


@dataclass
class OpenAIServer:
    """Start with `async with`. Set `fault` for all requests, or append to `script` for the next ones."""

    fault: Fault = Fault.NONE
    status: int = 500
    error_body: bytes = b'{"error":{"message":"no","type":"server_error"}}'
    retry_after: str = ""
    delay: float = 0.0
    script: deque[Fault] = field(default_factory=deque)
    requests: list[Received] = field(default_factory=list)
    running: int = 0
    port: int = 0
    path: str = "/v1/{surface:.+}"
    error_event: bytes = b'data: {"error":{"message":"engine died","type":"server_error","code":503}}\n\n'

    def __post_init__(self) -> None:
        self._closing = asyncio.Event()
        self._idle = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post(self.path, self._answer)
        self.add_routes(app)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_idle(self) -> None:
        """Until no request is being answered: clients are gone or served."""
        async with self._idle:
            await self._idle.wait_for(lambda: self.running == 0)

    async def wait_running(self) -> None:
        async with self._idle:
            await self._idle.wait_for(lambda: self.running > 0)

    # What a server of another API says in its own way.

    def add_routes(self, app: web.Application) -> None:
        """Other addresses than `path`."""

    def wants_stream(self, request: web.Request, fields: dict[str, Any]) -> bool:
        return bool(fields.get("stream"))

    def whole(self, request: web.Request, fields: dict[str, Any], *, usage: bool) -> dict[str, Any]:
        return whole_answer(request.match_info["surface"], fields, usage=usage)

    def events(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> list[bytes]:
        return stream_events(request.match_info["surface"], fields, fault)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fields = json.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        self.requests.append(Received(path=request.path, headers=headers, fields=fields, port=port))
        fault = self.script.popleft() if self.script else self.fault
        async with self._counted():
            early = await self._instead(request, fault)
            if early is not None:
                return early
            if self.wants_stream(request, fields):
                return await self._stream(request, fields, fault)
            return await self._whole(request, fields, fault)

    @contextlib.asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        await self._count(1)
        try:
            yield
        finally:
            await self._count(-1)

    async def _count(self, by: int) -> None:
        async with self._idle:
            self.running += by
            self._idle.notify_all()

    async def _instead(self, request: web.Request, fault: Fault) -> web.Response | None:
        """The answer of faults that do not look at the request."""
        if fault is Fault.SILENT:
            await self._closing.wait()
        if fault is Fault.SLOW:
            await asyncio.sleep(self.delay)
        if fault is Fault.STATUS:
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return web.Response(
                status=self.status, body=self.error_body, content_type="application/json", headers=headers
            )
        if fault is Fault.EMPTY:
            return web.Response(status=200, content_type="application/json")
        if fault is Fault.WRONG_TYPE:
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if fault is Fault.NOT_AN_ANSWER:
            return web.json_response({"hello": "world"})
        return None

    async def _whole(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> web.StreamResponse:
        body = json.dumps(self.whole(request, fields, usage=fault is not Fault.MISSING_USAGE))
        if fault is Fault.GARBAGE:
            body = body[: len(body) // 2]
        if fault is Fault.TRUNCATED:
            return await self._truncated(request, body.encode())
        return web.Response(text=body, content_type="application/json")

    async def _truncated(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        _hang_up(request)
        return response

    async def _stream(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        if fault is Fault.GARBAGE:
            await response.write(b"\xff\xfe not events \x00" * 20)
            return response
        pieces = self.events(request, fields, fault)
        for number, piece in enumerate(pieces):
            if number == 2 and fault in _BREAKS:
                return await self._break(request, response, fault)
            for part in _cut(piece, 3 if fault is Fault.SPLIT else len(piece)):
                await response.write(part)
        if fault is Fault.NEVER_CLOSES:
            await self._closing.wait()
        return response

    async def _break(self, request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
        if fault is Fault.STALL:
            await self._closing.wait()
        elif fault is Fault.ERROR_EVENT:
            await response.write(self.error_event)
        elif fault in {Fault.CUT, Fault.TRUNCATED}:
            await response.write(b'data: {"choices":[{"ind')
            _hang_up(request)
        return response


_BREAKS = frozenset({Fault.STALL, Fault.ERROR_EVENT, Fault.CUT, Fault.TRUNCATED, Fault.EARLY_END})


def _hang_up(request: web.Request) -> None:
    # Closing flushes what was written, and then ends the connection inside the body.
    if request.transport is not None:
        request.transport.close()


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def answer_text(fields: dict[str, Any]) -> str:
    """What the server says: the same in a stream and in whole."""
    return f'Grüße from {fields["model"]}, seed {fields.get("seed", 0)}: data: [DONE] is \n\n only "text".'


def whole_answer(surface: str, fields: dict[str, Any], *, usage: bool = True) -> dict[str, Any]:
    if surface == "embeddings":
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]
        counted = {"usage": {"prompt_tokens": 11, "total_tokens": 11}} if usage else {}
        return {"object": "list", "model": fields["model"], "data": vectors, **counted}
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "stop"}
    if surface == "completions":
        choice["text"] = answer_text(fields)
    elif fields.get("tools"):
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": TOOL_ARGUMENTS}}
        choice["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice["finish_reason"] = "tool_calls"
    else:
        choice["message"] = {"role": "assistant", "content": answer_text(fields)}
    head = {"id": "fake-1", "object": "chat.completion", "created": 1, "model": fields["model"]}
    return {**head, "choices": [choice], **({"usage": USAGE} if usage else {})}


def stream_events(surface: str, fields: dict[str, Any], fault: Fault = Fault.NONE) -> list[bytes]:
    """The events of a stream, as this fault has them."""
    options = fields.get("stream_options") or {}
    chunks = [_chunk(fields, delta, None, surface) for delta in _deltas(surface, fields)]
    chunks.append(_chunk(fields, {}, "tool_calls" if fields.get("tools") else "stop", surface))
    if fault is Fault.RUNNING_USAGE:
        chunks = [{**chunk, "usage": USAGE} for chunk in chunks]
    elif options.get("include_usage") and fault is not Fault.MISSING_USAGE:
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**_chunk(fields, {}, None, surface), "choices": [], "usage": USAGE})
    texts = [json.dumps(chunk, separators=(",", ":"), ensure_ascii=False) for chunk in chunks]
    done = {Fault.MISSING_DONE: 0, Fault.DUPLICATE_DONE: 2}.get(fault, 1)
    end = "\r\n" if fault is Fault.CRLF else "\n"
    events = [f"data: {text}{end}{end}" for text in texts + ["[DONE]"] * done]
    if fault is Fault.COMMENTS:
        events = [part for event in events for part in (": ping\n\n", event)]
    if fault is Fault.BARE_DONE:
        events[-1] = "data: [DONE]"
    return [event.encode() for event in events]


def _deltas(surface: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    if surface != "completions" and fields.get("tools"):
        name = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
        parts = [TOOL_ARGUMENTS[start : start + 5] for start in range(0, len(TOOL_ARGUMENTS), 5)]
        rest = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts]
        return [{"role": "assistant", "content": None, "tool_calls": [name]}, *rest]
    text = answer_text(fields)
    parts = [text[start : start + 9] for start in range(0, len(text), 9)]
    return [{"role": "assistant", "content": ""}, *({"content": part} for part in parts)]


def _chunk(fields: dict[str, Any], delta: dict[str, Any], finish: str | None, surface: str) -> dict[str, Any]:
    content = {"text": delta.get("content", "")} if surface == "completions" else {"delta": delta}
    choice = {"index": 0, **content, "finish_reason": finish}
    return {
        "id": "fake-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": fields["model"],
        "choices": [choice],
    }

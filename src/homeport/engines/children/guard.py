"""What stands before a vLLM server: nothing is open but its health, and that is told when it is warm.

vLLM asks for its key below some paths only. And its first answer may take half a minute more than any later one, long
after it says that it is healthy: so it is asked for one token of its own accord, and is ready after that.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vllm import envs

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]
_HEALTH = "/health"
_FIRST_REQUEST = json.dumps({"prompt": "Hello", "max_tokens": 2, "temperature": 0}).encode()


class Guard:
    """ASGI middleware that vLLM is given by name (`--middleware`)."""

    def __init__(self, app: _App) -> None:
        self._app = app
        self._wanted = f"Bearer {envs.VLLM_API_KEY}".encode()
        self._warming: asyncio.Task[None] | None = None

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Pass on what has the token, and health once it is warm."""
        if scope["type"] == "lifespan" or self._may(scope):
            await self._app(scope, receive, send)
        elif scope.get("path") != _HEALTH:
            await _refuse(send, 401, "this engine asks for its token", "invalid_api_key")
        elif not self._is_warm():
            await _refuse(send, 503, "this engine is not warm yet", "engine_cold")
        else:
            await self._app(scope, receive, send)

    def _may(self, scope: _Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return scope.get("path") != _HEALTH and hmac.compare_digest(given, self._wanted)

    def _is_warm(self) -> bool:
        """Nobody asks for health before the server serves, so the first who does begins it."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm())
        return self._warming.done()

    async def _warm(self) -> None:
        headers = [
            (b"authorization", self._wanted),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(_FIRST_REQUEST)).encode()),
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/completions",
            "raw_path": b"/v1/completions",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": None,
            "server": None,
        }
        parts: list[dict[str, Any]] = [{"type": "http.request", "body": _FIRST_REQUEST, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.Event().wait()  # the caller stays
            return parts.pop()

        async def send(_: Any) -> None:
            """Whatever it answers, it has been asked."""

        await self._app(scope, receive, send)


async def _refuse(send: Any, status: int, message: str, code: str) -> None:
    told = {"message": message, "type": "invalid_request_error", "code": code, "param": None}
    body = json.dumps({"error": told}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

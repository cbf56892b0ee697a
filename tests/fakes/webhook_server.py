"""A real receiver of webhooks that verifies like a customer's and misbehaves on demand."""

import asyncio
from collections import deque
from typing import Any, Self

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class WebhookServer:
    """`async with WebhookServer() as server`: posts to `server.url` that verify are in `server.received`.

    Attributes:
        faults: what to do with the next posts: a status to answer, or "reset", "huge", "silent"; none left: 204.
        ids: the webhook-id of every post, refused ones too.
    """

    def __init__(self, *faults: int | str) -> None:
        self.faults = deque(faults)
        self.received: list[Any] = []
        self.ids: list[str] = []
        self.others: list[str] = []
        self.url = ""
        self._let_go = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        app.router.add_route("*", "/{rest:.*}", self._elsewhere)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._let_go.set()
        await self._runner.cleanup()

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        told = Webhook(SECRET).verify(body, dict(request.headers))
        self.ids.append(request.headers["webhook-id"])
        fault = self.faults.popleft() if self.faults else 204
        if fault == "silent":
            await self._let_go.wait()
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
        if fault == "huge":
            return await self._huge(request, told)
        if isinstance(fault, int) and fault == 204:
            self.received.append(told)
        return web.Response(
            status=fault if isinstance(fault, int) else 200, headers={"location": self.url.replace("hook", "elsewhere")}
        )

    async def _huge(self, request: web.Request, told: Any) -> web.StreamResponse:
        """A success that never stops talking."""
        self.received.append(told)
        answer = web.StreamResponse()
        await answer.prepare(request)
        while not self._let_go.is_set():
            await answer.write(b"x" * 65_536)
        return answer

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.others.append(request.path)
        return web.Response()

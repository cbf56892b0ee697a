"""A real HTTP server that speaks Replicate's predictions, with the faults of `OpenAIServer`."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.openai_server import Fault, OpenAIServer, answer_text

METRICS = {"input_token_count": 11, "output_token_count": 4, "predict_time": 1.5, "total_time": 2.0}
_PIECE = 9


@dataclass
class ReplicateServer(OpenAIServer):
    """Predictions are `looks` looks away from done.

    Attributes:
        urls: replaces what predictions say of their addresses.
        cancelled: ids of the predictions that were cancelled.
        failing: predictions end as failed.
        output: replaces the text.
        seen: set when a prediction was looked at.
    """

    path: str = "/v1/{kind:predictions|(?:models|deployments)/[^/]+/[^/]+/predictions}"
    error_body: bytes = b'{"title":"Server error","detail":"no"}'
    looks: int = 0
    urls: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    looked: int = 0
    failing: bool = False
    output: Any = None
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/predictions/{id}", self._look)
        app.router.add_post("/v1/predictions/{id}/cancel", self._cancel)
        app.router.add_get("/v1/stream/{id}", self._follow)

    def whole(self, request: web.Request, fields: dict[str, Any], *, usage: bool) -> dict[str, Any]:
        return self._prediction(0 if not fields.get("stream") else -1, usage=usage)

    def wants_stream(self, request: web.Request, fields: dict[str, Any]) -> bool:
        return False

    def text(self) -> str:
        fields = self.requests[-1].fields
        model = fields.get("version") or "/".join(self.requests[-1].path.split("/")[3:5])
        return answer_text({"model": model, "seed": fields["input"].get("seed", 0)})

    def _prediction(self, looked: int, *, usage: bool = True) -> dict[str, Any]:
        done = 0 <= looked >= self.looks
        base = f"{self.base_url}/predictions/fake-1"
        text = self.text()
        output = self.output or [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        stream = {"stream": f"{self.base_url}/stream/fake-1"} if self.requests[-1].fields.get("stream") else {}
        return {
            "id": "fake-1",
            "status": ("failed" if self.failing else "succeeded") if done else "processing",
            "output": output if done else None,
            "error": "Traceback: it broke" if done and self.failing else None,
            "metrics": METRICS if done and usage else {},
            "urls": {"get": base, "cancel": f"{base}/cancel", **stream, **self.urls},
        }

    async def _look(self, request: web.Request) -> web.Response:
        self.looked += 1
        self.seen.set()
        return web.json_response(self._prediction(self.looked, usage=self.fault is not Fault.MISSING_USAGE))

    async def _cancel(self, request: web.Request) -> web.Response:
        self.cancelled.append(request.match_info["id"])
        return web.json_response({**self._prediction(-1), "status": "canceled"})

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["accept"] == "text/event-stream"
        async with self._counted():
            return await self._stream(request, self.requests[-1].fields, self.fault)

    def events(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> list[bytes]:
        end = "\r\n" if fault is Fault.CRLF else "\n"
        text = self.text()
        told = []
        for start in range(0, len(text), _PIECE):
            lines = [f"data: {line}" for line in text[start : start + _PIECE].split("\n")]
            told.append(end.join(["event: output", f"id: 1-{start}", *lines, "", ""]))
        if self.failing:
            told[-1:] = [f'event: error{end}data: {{"detail":"it broke"}}{end}{end}']
        if fault not in {Fault.MISSING_DONE, Fault.EARLY_END}:
            told.append(f"event: done{end}data: {{}}{end}{end}")
        if fault is Fault.COMMENTS:
            told = [part for event in told for part in (": hi\n\n", event)]
        return [event.encode() for event in told]

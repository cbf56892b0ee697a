"""A transport that answers from a script, and notes what it was asked."""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from homeport.transport.http import HttpRequest, HttpResponse

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
EVENTS = "text/event-stream; charset=utf-8"


class ScriptedStream:
    """`HttpStream` over bytes, cut into pieces of `size`."""

    def __init__(self, response: HttpResponse, size: int) -> None:
        self._body, self._size = response.body, size
        self.status, self.headers = response.status, response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]

    async def read(self, limit: int) -> bytes:
        return self._body[:limit]


class ScriptedTransport:
    """`Transport`. The last answer is repeated; streams come in pieces of `size` bytes."""

    def __init__(self, *answers: HttpResponse, size: int = 1 << 20) -> None:
        self._answers = deque(answers)
        self._size = size
        self.requests: list[HttpRequest] = []

    async def post(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[ScriptedStream]:
        yield ScriptedStream(await self.post(request), self._size)

    async def close(self) -> None: ...


def answered(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> HttpResponse:
    found: Mapping[str, str] = {"content-type": kind, "date": DATE, **headers}
    raw = [(name.encode(), value.encode()) for name, value in found.items()]
    return HttpResponse(status=status, raw_headers=raw, body=body)

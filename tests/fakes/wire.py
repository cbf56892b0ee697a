"""The caller's end of a request: an ASGI connection in process, that notes what came, and may be slow or gone."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any

from homeport.api.connection import LEFT

Message = MutableMapping[str, Any]
Application = Callable[..., Coroutine[Any, Any, None]]


class _Scope(dict[str, Any]):
    def __init__(self, listening: asyncio.Event) -> None:
        super().__init__()
        self._listening = listening

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        if name == LEFT:
            self._listening.set()


class Caller:
    """One HTTP request to an ASGI application.

    Args:
        body: its pieces, in order.
        more: the body goes on after the pieces, and never ends.
        log: shared with a recorder; gets "first byte" and "last byte".

    Attributes:
        slow: while set, `send` returns only when `read` is called: a reader that does not read.
        writing: set while a `send` waits for such a reader.
        listening: set when the application waits for more of the body, or asks to be told of the caller's leaving.
    """

    def __init__(
        self,
        path: str,
        *,
        method: str = "POST",
        headers: Iterable[tuple[str, str]] = (),
        body: Iterable[bytes] = (),
        more: bool = False,
        log: list[str] | None = None,
    ) -> None:
        self.listening = asyncio.Event()
        path, _, query = path.partition("?")
        self.scope = _Scope(self.listening)
        self.scope |= {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        pieces = list(body) or [b""]
        self._messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        self._messages[-1]["more_body"] = more
        self._left = asyncio.Event()
        self._reads = asyncio.Semaphore(0)
        self._log = [] if log is None else log
        self.slow = False
        self.writing = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.finished = False

    async def call(self, application: Application) -> "Caller":
        await application(self.scope, self.receive, self.send)
        return self

    def start(self, application: Application) -> asyncio.Task["Caller"]:
        return asyncio.create_task(self.call(application))

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()
        if LEFT in self.scope and not self.finished:
            self.scope[LEFT]()

    def read(self) -> None:
        """Let one slow `send` through."""
        self.writing.clear()
        self._reads.release()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Mapping[str, Any]:
        error: Mapping[str, Any] = self.json["error"]
        return error

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        self.listening.set()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Checks the order of ASGI messages, as a server does."""
        assert not self.finished, f"sent after the end: {message}"
        if message["type"] == "http.response.start":
            assert not self.status, "the response was started twice"
            self._start(message)
            return
        assert self.status, "a body before the start"
        if self.slow:
            self.writing.set()
            await self._reads.acquire()
        self._log.append("first byte" if not self.pieces else "byte")
        self.pieces.append(message["body"])
        if not message["more_body"]:
            self._end()

    def _start(self, message: Message) -> None:
        self.status = message["status"]
        for name, value in message["headers"]:
            assert name == name.lower()
            assert name.decode() not in self.headers, f"{name!r} was sent twice"
            self.headers[name.decode()] = value.decode("latin-1")

    def _end(self) -> None:
        self._log.append("last byte")
        self.finished = True
        if "content-length" in self.headers:
            assert int(self.headers["content-length"]) == len(self.body), "the announced length is not the body's"

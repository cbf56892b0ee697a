"""An HTTP server for one model: OpenAI's chat and completions on loopback, behind a token."""

import hmac
import json
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from homeport.engines.children.answer import Counts, Piece, Wording
from homeport.engines.children.asked import (
    Asked,
    Defaults,
    Refused,
    parse,
    read_chat,
    read_completion,
    read_messages,
)
from homeport.engines.children.speak import Speaker, speak, tokens_of

_MAX_BODY = 64 << 20
_MAX_CONNECTIONS = 512
_IDLE_SECONDS = 600
_WAITING_FOR_EACH = 64
"""Requests that may wait for each slot; the gateway queues before this does."""


@dataclass(frozen=True)
class Served:
    """What the server answers with.

    Attributes:
        names: what the model is called; the first is told.
        slots: requests that are answered at once.
        context: tokens of prompt and answer together.
    """

    model: Speaker
    names: tuple[str, ...]
    token: str
    slots: int
    context: int
    defaults: Defaults = field(default_factory=Defaults)


class Server(ThreadingHTTPServer):
    """Each connection has a thread; at most `slots` of them compute."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, served: Served) -> None:
        self.served = served
        self._slots = threading.Semaphore(served.slots)
        self._places = threading.BoundedSemaphore(served.slots * (1 + _WAITING_FOR_EACH))
        self._connections = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", port), _Handler)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A turn to compute. Raises Refused where too many wait for theirs."""
        if not self._places.acquire(blocking=False):
            raise Refused("too many requests wait for this engine", status=503, code="engine_busy")
        try:
            with self._slots:
                yield
        finally:
            self._places.release()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that is gone is no news; what else fails has been told in the log."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: Server
    _begun = False

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200, {"status": "ok"})
            return
        self._guarded({"/v1/models": self._models})

    def do_POST(self) -> None:
        self._guarded(
            {
                "/v1/chat/completions": lambda: self._answer(read_chat),
                "/v1/completions": lambda: self._answer(read_completion),
                "/apply-template": self._apply_template,
                "/tokenize": self._tokenize,
            }
        )

    def _guarded(self, routes: Mapping[str, Callable[[], None]]) -> None:
        self._begun = False
        try:
            self._check_token()
            if self.path not in routes:
                raise Refused("there is nothing here", status=404, code="unknown_path")
            routes[self.path]()
        except Refused as refused:
            self._fail(refused)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the next request is answered
            self.log_error("%s: %s", type(error).__name__, error)
            self._fail(Refused("the model failed; see the engine's log", status=500, code="engine_failed"))

    def _check_token(self) -> None:
        given = self.headers.get("authorization", "").encode(errors="replace")
        if not hmac.compare_digest(given, f"Bearer {self.server.served.token}".encode()):
            self.close_connection = True  # its body is not read
            raise Refused("this engine asks for its token", status=401, code="invalid_api_key")

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > len(str(_MAX_BODY)) or int(length) > _MAX_BODY:
            self.close_connection = True
            raise Refused(f"a body of at most {_MAX_BODY} bytes is needed, with its length", status=413)
        return parse(self.rfile.read(int(length)))

    def _models(self) -> None:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "homeport"} for name in self._served.names]
        self._send(200, {"object": "list", "data": data})

    def _apply_template(self) -> None:
        self._send(200, {"prompt": self._served.model.render(read_messages(self._body()))})

    def _tokenize(self) -> None:
        content = self._body().get("content")
        if not isinstance(content, str):
            raise Refused("content is no text", param="content")
        self._send(200, {"tokens": self._served.model.encode(content, special=False)})

    @property
    def _served(self) -> Served:
        return self.server.served

    def _answer(self, read: Callable[[Mapping[str, Any], Defaults], Asked]) -> None:
        served = self._served
        asked = read(self._body(), served.defaults)
        ids = tokens_of(served.model, asked, served.context)
        counts = Counts(len(ids))
        wording = Wording(asked, served.names[0], f"cmpl-{uuid.uuid4().hex}", int(time.time()))
        with self.server.slot():
            pieces = speak(served.model, asked, ids, served.context, counts, self._gone)
            if asked.stream:
                self._stream(wording, pieces, counts)
            else:
                told = list(pieces)
                self._send(200, wording.whole(told, counts))

    def _stream(self, wording: Wording, pieces: Iterator[Piece], counts: Counts) -> None:
        for piece in pieces:
            self._event(wording.chunk(piece))
        if wording.asked.stream_usage:
            self._event(wording.last(counts))
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, value: Any) -> None:
        if not self._begun:
            self._begun = True
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
        self._chunk(b"data: " + _json(value) + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _fail(self, refused: Refused) -> None:
        if self._begun:
            self.close_connection = True  # an end without the last chunk: the caller sees that it was cut
            return
        self._send(refused.status, refused.body())

    def _send(self, status: int, value: Any) -> None:
        data = _json(value)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _gone(self) -> bool:
        """The caller closed the connection: nobody reads what would be computed."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Requests are counted and logged by the gateway."""

    def version_string(self) -> str:
        return "homeport"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")

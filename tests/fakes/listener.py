"""One server for all that a gateway calls: upstream, collector, webhooks, OpenID provider. It notes what came."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came; `headers` as they were written."""

    path: str
    headers: str
    body: bytes


class Listener:
    """`with listening() as listener`.

    Attributes:
        answer: what the model says.
        refuse: the upstream answers 401 and quotes the key that it was sent, in its words and in a header.
    """

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[Heard] = []
        self.answer: dict[str, Any] = {"role": "assistant", "content": "Yes."}
        self.refuse = False

    def at(self, path: str) -> list[Heard]:
        """What came to paths that begin so."""
        return [one for one in self.heard if one.path.startswith(path)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    server = _Server(("127.0.0.1", 0), _handler(listener))
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._note()
            self._say(404, {"error": {"message": f"nothing at {self.path}"}})

        def do_POST(self) -> None:
            self._note()
            if not self.path.startswith("/v1/chat"):
                self._say(200 if "/v1/" in self.path else 500, {})
            elif listener.refuse:
                self._say(401, {"error": {"message": f"wrong key {self.headers['authorization']}", "code": "x"}})
            else:
                self._say(200, self._answer())

        def _note(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            listener.heard.append(Heard(path=self.path, headers=str(self.headers), body=body))

        def _answer(self) -> dict[str, Any]:
            choice = {"index": 0, "message": listener.answer, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
            said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "big"}
            return {**said, "choices": [choice], "usage": usage}

        def _say(self, status: int, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("x-quoted", self.headers.get("authorization", ""))
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler

"""A registry in this process: the distribution API over plain HTTP, with faults on demand."""

import base64
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
USER, PASSWORD, TOKEN = "team", "pass:word", "tkn-1"

_PATH = re.compile(r"/v2/(?P<repository>.+?)/(?P<kind>manifests|blobs/uploads|blobs|referrers)/(?P<name>[^/]*)")

Fault = Callable[["Exchange"], bool]
"""Does something else than the registry would; False leaves the request to the registry."""


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Exchange(BaseHTTPRequestHandler):
    """One request to the fake."""

    protocol_version = "HTTP/1.1"
    server: "FakeRegistry"

    def log_message(self, *args: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        # http.server looks for do_GET, do_PUT and so on.
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Answer; a header's name has `_` for `-`. True, so that a fault can be one call of it."""
        self.send_response(status)
        lengths = {} if "Content_Length" in headers else {"Content_Length": str(len(body))}
        for name, value in {**lengths, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True
        return True

    def hang_up(self) -> bool:
        self.close_connection = True
        return True

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _handle(self) -> None:
        server = self.server
        server.asked.append((self.command, self.path, dict(self.headers.items())))
        for fault in list(server.faults):
            if fault(self):
                return
        parts = urlsplit(self.path)
        if parts.path == "/token":
            server.give_token(self)
        elif server.allows(self):
            found = _PATH.fullmatch(parts.path)
            if found is None:
                file = server.files.get(parts.path)
                self.answer(404) if file is None else give(self, file)
            else:
                kind = found["kind"].replace("/", "_")
                getattr(server, f"on_{kind}")(self, found["repository"], found["name"], parse_qs(parts.query))


class FakeRegistry(ThreadingHTTPServer):
    """Blobs and manifests of every repository.

    Attributes:
        auth: "", "basic" or "bearer"; USER and PASSWORD are let in.
        referrers: whether it has the API of distribution-spec 1.1.
        faults: asked first for every request; see `Fault`.
        asked: (method, path, headers) of every request.
        files: what else is served, by path.
        takes_pieces: whether uploads may come in pieces.
    """

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        """`certificate` and its key make it speak TLS."""
        super().__init__(("127.0.0.1", 0), Exchange)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.files: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.auth = ""
        self.referrers = True
        self.takes_pieces = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""

    def times(self, method: str, part: str = "") -> int:
        """How often something was asked."""
        return sum(asked == method and part in path for asked, path, _ in self.asked)

    def fault(self, method: str, part: str, act: Callable[[Exchange], bool], times: int = 1) -> None:
        """Have `act` answer the next `times` requests of this method whose path has this part."""
        left = [times]

        def once(exchange: Exchange) -> bool:
            if left[0] <= 0 or exchange.command != method or part not in exchange.path:
                return False
            left[0] -= 1
            return act(exchange)

        self.faults.append(once)

    def tagged(self, repository: str, tag: str) -> str:
        """The digest of what a tag names."""
        return digest(self.manifests[repository, tag][0])

    def allows(self, exchange: Exchange) -> bool:
        """Whether the request proves who it is from; else it is answered here."""
        given = exchange.headers.get("authorization", "")
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        wanted = {"": given, "basic": f"Basic {pair}", "bearer": f"Bearer {TOKEN}"}[self.auth]
        if given == wanted:
            return True
        exchange.body()
        realm = f'Bearer realm="http://{self.host}/token",service="fake",scope="repository:all:pull,push"'
        challenge = realm if self.auth == "bearer" else 'Basic realm="fake"'
        exchange.answer(401, _problem("UNAUTHORIZED"), WWW_Authenticate=challenge)
        return False

    def give_token(self, exchange: Exchange) -> None:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = exchange.headers.get("authorization") == f"Basic {pair}"
        exchange.answer(200, json.dumps({"token": TOKEN if known else "nobody"}).encode())

    def on_blobs(self, exchange: Exchange, repository: str, name: str, query: dict[str, list[str]]) -> None:
        data = self.blobs.get(name)
        exchange.answer(404, _problem("BLOB_UNKNOWN")) if data is None else give(exchange, data)

    def on_blobs_uploads(self, exchange: Exchange, repository: str, name: str, query: dict[str, list[str]]) -> None:
        body = exchange.body()
        where = f"/v2/{repository}/blobs/uploads/{name or len(self.uploads)}"
        held = self.uploads.setdefault(where, bytearray())
        if exchange.command == "POST":
            exchange.answer(202, Location=where)
        elif exchange.command == "GET":
            exchange.answer(204, Location=where, Range=f"0-{max(len(held) - 1, 0)}")
        elif exchange.command == "PATCH":
            self._patch(exchange, where, body)
        else:
            held += body
            self._finish(exchange, bytes(held), query["digest"][0])

    def _patch(self, exchange: Exchange, where: str, body: bytes) -> None:
        held = self.uploads[where]
        first = int(exchange.headers["content-range"].partition("-")[0])
        if not self.takes_pieces or first != len(held):
            exchange.answer(416)
            return
        held += body
        exchange.answer(202, Location=where, Range=f"0-{len(held) - 1}")

    def _finish(self, exchange: Exchange, data: bytes, wanted: str) -> None:
        if digest(data) != wanted:
            exchange.answer(400, _problem("DIGEST_INVALID"))
            return
        self.blobs[wanted] = data
        exchange.answer(201, Docker_Content_Digest=wanted)

    def on_manifests(self, exchange: Exchange, repository: str, name: str, query: dict[str, list[str]]) -> None:
        if exchange.command == "PUT":
            self._put_manifest(exchange, repository, name)
            return
        data, kind = self.manifests.get((repository, name), (None, ""))
        if data is None:
            exchange.answer(404, _problem("MANIFEST_UNKNOWN"))
        else:
            exchange.answer(200, data, Content_Type=kind, Docker_Content_Digest=digest(data))

    def _put_manifest(self, exchange: Exchange, repository: str, name: str) -> None:
        data = exchange.body()
        document = json.loads(data)
        needed = [part["digest"] for part in (document.get("config"), *document.get("layers", ())) if part]
        if not set(needed) <= set(self.blobs):
            exchange.answer(400, _problem("MANIFEST_BLOB_UNKNOWN"))
            return
        for each in (name, digest(data)):
            self.manifests[repository, each] = (data, exchange.headers["content-type"])
        noted = {"OCI_Subject": document["subject"]["digest"]} if self.referrers and "subject" in document else {}
        exchange.answer(201, Docker_Content_Digest=digest(data), **noted)

    def on_referrers(self, exchange: Exchange, repository: str, name: str, query: dict[str, list[str]]) -> None:
        if not self.referrers:
            exchange.answer(404)
            return
        found = {}
        for (place, _), (data, kind) in self.manifests.items():
            document = json.loads(data)
            if place == repository and document.get("subject", {}).get("digest") == name:
                found[digest(data)] = {
                    "mediaType": kind,
                    "digest": digest(data),
                    "size": len(data),
                    "artifactType": document.get("artifactType", ""),
                }
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(found.values())}
        exchange.answer(200, json.dumps(index).encode(), Content_Type=INDEX)


def give(exchange: Exchange, data: bytes) -> bool:
    """A file, or the part of it that was asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-", exchange.headers.get("range", ""))
    if asked is None:
        return exchange.answer(200, data)
    start = int(asked[1])
    return exchange.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")


def cut_after(size: int) -> Callable[[Exchange], bool]:
    """A fault: what is asked for, and the connection ends after so many bytes of it."""

    def act(exchange: Exchange) -> bool:
        data = exchange.server.blobs.get(exchange.path.rpartition("/")[2]) or exchange.server.files[exchange.path]
        asked = re.fullmatch(r"bytes=(\d+)-", exchange.headers.get("range", ""))
        rest = data[int(asked[1]) if asked else 0 :]
        ranges = {"Content_Range": f"bytes {asked[1]}-{len(data) - 1}/{len(data)}"} if asked else {}
        return exchange.answer(206 if asked else 200, rest[:size], Content_Length=str(len(rest)), **ranges)

    return act


@contextmanager
def running(server: FakeRegistry | None = None) -> Iterator[FakeRegistry]:
    """A fake that answers, on a port of its own."""
    server = server or FakeRegistry()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _problem(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "as the fake says"}]}).encode()

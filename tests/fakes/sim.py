"""The simulated upstream in the test's own event loop, and a client that looks at the wire itself.

async with SimServer() as sim:
    sim.queue("status=503", times=2)
    reply = await ask(sim, CHAT, "stall=0.1")
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httptools

from homeport.sim.server import SimServer

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Which clause ends the contract?"}]}
STREAM: dict[str, Any] = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
CHAT_PATH = "/v1/chat/completions"


@dataclass
class Received:
    """What came on a connection, as far as it is HTTP.

    Attributes:
        end: "complete" (the response ended), "fin" or "reset" (the connection did, before it),
            "invalid" (this is not HTTP; then no more is read)
        raw: every byte.
        pieces: what each read gave.
        interim: statuses of 1xx before the response.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    lengths: list[str] = field(default_factory=list)
    body: bytes = b""
    raw: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    end: str = ""
    invalid: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def events(self) -> list[str]:
        """The data of each event of a stream of plain lines."""
        return [line.removeprefix("data: ") for line in self.body.decode().split("\n\n") if line.startswith("data: ")]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events if event != "[DONE]"]


class _Parser:
    """httptools' callbacks."""

    def __init__(self, received: Received) -> None:
        self.received = received
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.received.headers[name.decode().lower()] = value.decode("latin-1")
        if name.lower() == b"content-length":
            self.received.lengths.append(value.decode())

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:
            self.received.interim.append(status)
        else:
            self.received.status = status

    def on_body(self, body: bytes) -> None:
        self.received.body += body

    def on_message_complete(self) -> None:
        if self.received.status:
            self.received.end = "complete"


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> Received:
        """One response, or what came of it until the connection ended."""
        received = Received()
        parser = _Parser(received)
        while not received.end:
            piece = await self._read(received)
            if not piece:
                _finish(parser, received)
                return received
            received.raw += piece
            received.pieces.append(piece)
            try:
                parser.parser.feed_data(piece)
            except httptools.HttpParserError as error:
                received.end, received.invalid = "invalid", str(error)
        return received

    async def _read(self, received: Received) -> bytes:
        try:
            return await self.reader.read(1 << 20)
        except ConnectionResetError:
            received.end = "reset"
            return b""

    async def ended(self) -> str:
        """How the connection ends, with nothing more on it."""
        try:
            return "fin" if await self.reader.read(1) == b"" else "bytes"
        except ConnectionResetError:
            return "reset"


def _finish(parser: _Parser, received: Received) -> None:
    until_close = "content-length" not in received.headers and "transfer-encoding" not in received.headers
    received.end = received.end or ("complete" if received.status and until_close else "fin")


def written(
    fields: dict[str, Any] | bytes, faults: str = "", path: str = CHAT_PATH, headers: dict[str, str] | None = None
) -> bytes:
    """A request as bytes."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    lines = [f"POST {path} HTTP/1.1", "host: sim", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"x-sim-fault: {faults}"] if faults else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ask(
    sim: SimServer,
    fields: dict[str, Any] | bytes,
    faults: str = "",
    path: str = CHAT_PATH,
    headers: dict[str, str] | None = None,
) -> Received:
    """One request on a connection of its own."""
    async with await Client.open(sim.port) as client:
        client.send(written(fields, faults, path, headers))
        return await client.read()


async def get(sim: SimServer, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Received:
    """A request without a body."""
    async with await Client.open(sim.port) as client:
        lines = [f"{method} {path} HTTP/1.1", "host: sim", *(f"{n}: {v}" for n, v in (headers or {}).items())]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        return await client.read()

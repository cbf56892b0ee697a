"""One response on one connection: heads, bodies and chunks as HTTP has them, and as it should not.

Source: RFC 9112.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus

from homeport.sim.faults import Faults, number
from homeport.sim.record import Seen

_ODD_SIZES = (1, 2, 3, 5, 8, 13, 21, 1, 34)
_MOST_UNREAD = 1 << 20
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Site is overloaded"}


class Wire:
    """Writes to a transport; a slow reader holds the writer back.

    Attributes:
        unsent: bytes that did not leave this process when a slow reader was last noticed.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._free = asyncio.Event()
        self._free.set()
        self._faults: Faults = {}
        self._seen: Seen | None = None
        self._chunked = False
        self._held: list[bytes] = []
        self.unsent = 0

    def begin(self, faults: Faults, seen: Seen | None = None) -> None:
        """The next response, with its faults."""
        self._faults = faults
        self._seen = seen

    def pause(self) -> None:
        """The transport holds more than it can send."""
        self.unsent = self._transport.get_write_buffer_size()
        self._free.clear()

    def resume(self) -> None:
        """It sent most of that."""
        self.unsent = 0
        self._free.set()

    def lose(self) -> None:
        """The connection is lost: nobody waits for it any more."""
        self._free.set()

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A response with its length."""
        if "chunked" in self._faults or "odd-chunks" in self._faults:
            await self.start(status, headers)
            await self.send(body)
            await self.finish()
            return
        await self.start(status, headers, length=len(body), body=body)

    async def start(
        self, status: int, headers: Mapping[str, str], *, length: int | None = None, body: bytes = b""
    ) -> None:
        """The head.

        Args:
            length: of the body; None for chunks.
            body: sent in the same write, unless a fault wants it apart.
        """
        close = "until-close" in self._faults
        self._chunked = length is None and not close
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if close:
            lines.append("connection: close")
        else:
            lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
        if "two-lengths" in self._faults and length is not None:
            lines.append(f"content-length: {length + 1}")
        if self._seen is not None:
            self._seen.status = status
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        apart = body and self._faults and not {"split", "drip", "first-token"}.isdisjoint(self._faults)
        await self._write(head if apart else head + body)
        if apart:
            await self._in_parts(body)

    async def interim(self) -> None:
        """`100 Continue`."""
        await self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def send(self, data: bytes) -> None:
        """A part of the body. With `one-chunk` it waits for the end."""
        if not self._chunked:
            await self._in_parts(data)
        elif "one-chunk" in self._faults:
            self._held.append(data)
        elif "odd-chunks" in self._faults:
            await self._in_parts(odd_chunks(data))
        elif data:
            await self._in_parts(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        """The end of a body of chunks."""
        await self.flush()
        if self._chunked:
            trailer = b"x-sim-trailer: simulated\r\n" if "odd-chunks" in self._faults else b""
            await self._write(b"0\r\n" + trailer + b"\r\n")

    async def flush(self) -> None:
        """Send what `one-chunk` held back."""
        data, self._held = b"".join(self._held), []
        if data:
            await self._in_parts(b"%x\r\n%b\r\n" % (len(data), data))

    async def bad_chunk(self) -> None:
        """A chunk whose size is not a number."""
        await self._write(b"not-a-size\r\n")

    def close(self) -> None:
        """FIN, after what was written."""
        self._transport.close()

    async def reset(self) -> None:
        """RST, after what was written left this process."""
        await asyncio.sleep(0)
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():  # noqa: ASYNC110  a transport has no event for this
            await asyncio.sleep(0.001)
        reset(self._transport)

    async def _in_parts(self, data: bytes) -> None:
        faults = self._faults
        if "split" not in faults and "drip" not in faults:
            await self._write(data)
            return
        size = int(number(faults, "split", 1))
        for start in range(0, len(data), size):
            await self._write(data[start : start + size])
            # A turn of the loop between two writes keeps them apart.
            await asyncio.sleep(number(faults, "drip"))

    async def _write(self, data: bytes) -> None:
        self._transport.write(data)
        if self._seen is not None:
            self._seen.bytes_sent += len(data)
        if not self._free.is_set():
            await self._free.wait()


def odd_chunks(data: bytes) -> bytes:
    """Chunks of changing sizes, whose sizes are written in unusual but allowed ways."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        size = _ODD_SIZES[len(found) % len(_ODD_SIZES)]
        part = data[at : at + size]
        extension = b';sim="a \\"b\\"; c";n=1' if len(found) % 2 else b""
        found.append(b"%04X%b\r\n%b\r\n" % (len(part), extension, part))
        at += size
    return b"".join(found)


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST instead of FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

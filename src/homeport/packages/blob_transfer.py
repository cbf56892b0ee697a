"""Blobs on their way to and from a registry: read and written in pieces, checked, and taken up where they were cut.

Source: OCI distribution-spec 1.1, "Pulling blobs" and "Pushing a blob in chunks".
"""

import hashlib
import re
from typing import BinaryIO

import msgspec

from homeport.core.errors import DigestMismatch, PackageError, StreamCut, UpstreamTimeout
from homeport.packages.digest import BytesDone
from homeport.packages.manifest import Descriptor
from homeport.packages.registry_session import RegistrySession, require
from homeport.transport.blocking import Call, Reply, Segment

PIECE = 64 * 1024 * 1024
"""A larger blob is sent in pieces of so many bytes, so that a cut costs one of them."""

_MAX_TRIES = 5
_PIECES_REFUSED = frozenset({404, 405, 411, 413, 416, 501})
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})", re.ASCII)
_UNREACHABLE = "package_source_unreachable"


def get_blob(session: RegistrySession, descriptor: Descriptor) -> Call:
    """The call that asks for a blob."""
    return Call(url=session.url("blobs", descriptor.digest), expects=descriptor.size)


def require_same(descriptor: Descriptor, size: int, digest: str) -> None:
    """Compare what came with what was announced.

    Raises:
        DigestMismatch: package_size_mismatch or package_digest_mismatch.
    """
    if size != descriptor.size:
        raise _wrong_size(descriptor, str(size))
    if digest != descriptor.digest:
        raise DigestMismatch(
            f"the registry gave {digest} in the place of {descriptor.digest}",
            hint="do not use this registry before you know why",
        )


class Download:
    """One blob from a registry into an open, empty file."""

    def __init__(
        self, session: RegistrySession, descriptor: Descriptor, sink: BinaryIO, done: BytesDone | None = None
    ) -> None:
        self._session = session
        self._wanted = descriptor
        self._sink = sink
        self._done = done
        self._state = hashlib.sha256()
        self._size = 0

    def run(self) -> None:
        """Raises PackageError, as the methods of `Registry`; what is in the file then is of no use."""
        tries = 1
        while not self._receive():
            if tries == _MAX_TRIES:
                raise _cut(self._session.base, self._wanted)
            tries += 1
        require_same(self._wanted, self._size, f"sha256:{self._state.hexdigest()}")

    def _receive(self) -> bool:
        """Whether the blob came to its end; False where it was cut before."""
        headers = {"range": f"bytes={self._size}-"} if self._size else {}
        call = msgspec.structs.replace(get_blob(self._session, self._wanted), headers=headers)
        with self._session.ask(call) as reply:
            self._go_on(reply)
            try:
                for chunk in reply.chunks():
                    self._take(chunk)
            except (StreamCut, UpstreamTimeout):
                return False
        return True

    def _go_on(self, reply: Reply) -> None:
        """Begin where the reply begins: where it was cut, or at the beginning again."""
        require(reply, f"blob {self._wanted.digest}", 200, *((206,) if self._size else ()))
        if reply.status == 200:
            self._sink.seek(0)
            self._sink.truncate()
            self._state = hashlib.sha256()
            self._size = 0
        elif not reply.headers.get("content-range", "").startswith(f"bytes {self._size}-"):
            raise PackageError(
                f"{self._session.base} gave another part of a blob than was asked for",
                code="registry_failed",
                hint="pull again",
            )

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._wanted.size:
            raise _wrong_size(self._wanted, "more")
        self._sink.write(chunk)
        self._state.update(chunk)
        if self._done is not None:
            self._done(self._size)


class Upload:
    """One blob from an open file to a registry."""

    def __init__(
        self, session: RegistrySession, descriptor: Descriptor, file: BinaryIO, done: BytesDone | None = None
    ) -> None:
        self._session = session
        self._blob = descriptor
        self._file = file
        self._done = done

    def run(self) -> None:
        """Raises PackageError, as the methods of `Registry`."""
        if self._blob.size <= PIECE or not self._in_pieces():
            self._in_one()

    def _in_one(self) -> None:
        for tries in range(1, _MAX_TRIES + 1):
            # Each time anew: some registries give an upload up when its connection breaks.
            location = self._begin()
            try:
                return self._finish(location, self._segment(0, self._blob.size))
            except PackageError as error:
                if error.code not in {_UNREACHABLE, "registry_busy"} or tries == _MAX_TRIES:
                    raise
        return None

    def _in_pieces(self) -> bool:
        """Whether it is done; False for a registry that takes no pieces, or none so large."""
        location, sent, tries = self._begin(), 0, 1
        while sent < self._blob.size:
            try:
                location, now = self._piece(location, sent)
            except PackageError as error:
                if error.code != _UNREACHABLE or tries == _MAX_TRIES:
                    raise
                tries += 1
                location, now = self._status(location, sent)
            if now < 0:
                return False
            sent = now
        self._finish(location, b"")
        return True

    def _piece(self, location: str, start: int) -> tuple[str, int]:
        """Send the piece that begins at `start`; where the next goes, and how many bytes are there then, or -1."""
        segment = self._segment(start, min(PIECE, self._blob.size - start))
        headers = {
            "content-type": "application/octet-stream",
            "content-range": f"{start}-{start + segment.size - 1}",
        }
        call = Call(url=location, method="PATCH", headers=headers, body=segment)
        with self._session.ask(call, push=True, attempts=1) as reply:
            if reply.status in _PIECES_REFUSED and start == 0:
                return location, -1
            require(reply, f"place for the blob {self._blob.digest}", 202)
            return self._session.located(location, reply), _reached(reply, start + 1, start + segment.size)

    def _status(self, location: str, sent: int) -> tuple[str, int]:
        """What an upload has, after a piece of it was cut."""
        with self._session.ask(Call(url=location), push=True) as reply:
            require(reply, "state of an upload", 204, 202)
            where = self._session.located(location, reply) if "location" in reply.headers else location
            return where, _reached(reply, 0, self._blob.size, otherwise=sent)

    def _segment(self, start: int, size: int) -> Segment:
        return Segment(file=self._file, start=start, size=size, done=self._done)

    def _begin(self) -> str:
        call = Call(url=self._session.url("blobs", "uploads/"), method="POST")
        with self._session.ask(call, push=True) as reply:
            require(reply, "place for an upload", 202)
            return self._session.located(call.url, reply)

    def _finish(self, location: str, body: bytes | Segment) -> None:
        url = f"{location}{'&' if '?' in location else '?'}digest={self._blob.digest}"
        headers = {"content-type": "application/octet-stream"}
        with self._session.ask(Call(url=url, method="PUT", headers=headers, body=body), push=True, attempts=1) as reply:
            require(reply, f"place for the blob {self._blob.digest}", 201, 204)


def _reached(reply: Reply, least: int, most: int, otherwise: int | None = None) -> int:
    """How many bytes an upload has: as the registry says, within what can be."""
    found = _RANGE.fullmatch(reply.headers.get("range", ""))
    # 0-0 is one byte, and what registries say of an upload that has none.
    has = int(found[1]) + 1 if found and found[1] != "0" else (most if otherwise is None else otherwise)
    if not least <= has <= most:
        raise PackageError(
            f"the registry says that it has {has} bytes of an upload, which cannot be",
            code="registry_failed",
            hint="push again",
        )
    return has


def _wrong_size(descriptor: Descriptor, found: str) -> DigestMismatch:
    return DigestMismatch(
        f"the registry gave {found} bytes of {descriptor.digest}, which has {descriptor.size}",
        code="package_size_mismatch",
        hint="do not use this registry before you know why",
    )


def _cut(base: str, descriptor: Descriptor) -> PackageError:
    return PackageError(
        f"{base} cut {descriptor.digest} {_MAX_TRIES} times", code=_UNREACHABLE, hint="try again on a better connection"
    )

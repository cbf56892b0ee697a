"""One pinned file from a web site: streamed, bounded, and taken up where it was cut."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from homeport.core.errors import DigestMismatch, PackageError, StreamCut, UpstreamError, UpstreamTimeout
from homeport.packages.base import MAX_WEIGHTS_BYTES, Progress, step
from homeport.transport.blocking import BlockingClient, Call, Reply, follow
from homeport.transport.deadlines import origin

_MAX_TRIES = 5
_MAX_DIGITS = 18


class WebFile:
    """A file at an address, which is https or on this machine. `headers` go to its origin only."""

    def __init__(self, client: BlockingClient, url: str, sha256: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._url = url
        self._sha256 = sha256
        self._headers = headers
        self._state = hashlib.sha256()
        self._size = 0

    def fetch(self, target: Path, label: str, progress: Progress) -> None:
        """Bring it into a new file; one step of `progress`, and one more for each time it was cut.

        Raises:
            DigestMismatch: package_hash_mismatch; nothing is left at `target`.
            PackageError: package_not_found, package_source_unreachable or package_too_large.
        """
        try:
            with target.open("xb") as sink:
                self._receive_all(sink, label, progress)
            self._require_pinned()
        except BaseException:  # an interrupt too: half a file must never pass for one; raised again
            target.unlink(missing_ok=True)
            raise

    def _receive_all(self, sink: BinaryIO, label: str, progress: Progress) -> None:
        tries = 1
        while True:
            try:
                return self._receive(sink, label, progress)
            except UpstreamError as error:
                if tries == _MAX_TRIES or not isinstance(error, StreamCut | UpstreamTimeout):
                    raise _unreachable(self._url, error.message) from error
            tries += 1

    def _receive(self, sink: BinaryIO, label: str, progress: Progress) -> None:
        # The most that may come decides how long it may take; a silence has a bound of its own.
        resume = {"range": f"bytes={self._size}-"} if self._size else {}
        call = Call(url=self._url, headers={**self._headers, **resume}, expects=MAX_WEIGHTS_BYTES)
        with follow(self._client, call) as reply:
            self._go_on(reply, sink)
            with step(progress, label, self._announced(reply)):
                for chunk in reply.chunks():
                    self._size += len(chunk)
                    _require_size(self._url, self._size)
                    sink.write(chunk)
                    self._state.update(chunk)
                    progress.advance(self._size)

    def _announced(self, reply: Reply) -> int | None:
        """The size of the whole file; None where nobody says it."""
        length = reply.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > _MAX_DIGITS:
            return None
        _require_size(self._url, self._size + int(length))
        return self._size + int(length)

    def _go_on(self, reply: Reply, sink: BinaryIO) -> None:
        if self._size and reply.status == 206:
            if reply.headers.get("content-range", "").startswith(f"bytes {self._size}-"):
                return
            raise _unreachable(self._url, "it gave another part than was asked for")
        _require_ok(reply)
        sink.seek(0)
        sink.truncate()
        self._state = hashlib.sha256()
        self._size = 0

    def _require_pinned(self) -> None:
        found = self._state.hexdigest()
        if found != self._sha256:
            raise DigestMismatch(
                f"{self._url.partition('?')[0][:200]} has the SHA-256 {found}, and {self._sha256} is pinned",
                code="package_hash_mismatch",
                hint="find out why the file changed before you change the pinned sha256",
            )


def _require_ok(reply: Reply) -> None:
    if reply.status == 200:
        return
    where = origin(reply.url)
    if reply.status in {401, 403}:
        raise PackageError(
            f"{where} does not let us have the file: HTTP {reply.status}",
            code="registry_denied",
            hint="some models are given to those only who accepted their terms, and send a token",
        )
    if reply.status in {404, 410}:
        raise PackageError(f"{where} has no such file", code="package_not_found", hint="check the address of `source`")
    raise _unreachable(reply.url, f"it answered HTTP {reply.status}")


def _require_size(url: str, size: int) -> None:
    if size > MAX_WEIGHTS_BYTES:
        raise PackageError(
            f"{origin(url)} has a file of more than 64 GiB", code="package_too_large", hint="take a smaller model"
        )


def _unreachable(url: str, why: str) -> PackageError:
    return PackageError(
        f"{origin(url)} gave no file: {why}",
        code="package_source_unreachable",
        hint="check the network and `sources` in homeport.yaml, then pull again",
    )

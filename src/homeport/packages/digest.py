"""SHA-256 digests in OCI's notation, and streams that are hashed as they are read.

Source: OCI image-spec 1.1, descriptor.md ("digests").
"""

import hashlib
import re
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import IO, NewType

from homeport.core.errors import PackageError

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits; made by the functions of this file only."""

BytesDone = Callable[[int], None]
"""Told how many bytes of the current file are done so far."""

_CHUNK = 4 * 1024 * 1024
_FORM = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def parse_digest(text: str) -> Digest:
    """Read a digest.

    Raises:
        PackageError: package_digest_invalid; another algorithm, upper case or not 64 digits.
    """
    if not _FORM.fullmatch(text):
        raise PackageError(
            f"{text[:80]!r} is not a SHA-256 digest",
            code="package_digest_invalid",
            hint="write it as sha256: and 64 lower-case hexadecimal digits",
        )
    return Digest(text)


def hex_of(digest: Digest) -> str:
    """The 64 digits without the algorithm's name: the file name of a blob."""
    return digest.removeprefix("sha256:")


def digest_bytes(data: bytes) -> Digest:
    """The digest of bytes in memory."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def digest_stream(stream: FileIO, done: BytesDone | None = None) -> Digest:
    """The digest of what is left of a stream, read in chunks of 4 MiB."""
    state = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    total = 0
    while count := stream.readinto(buffer):
        state.update(buffer[:count])
        total += count
        if done is not None:
            done(total)
    return Digest(f"sha256:{state.hexdigest()}")


def digest_file(path: Path, done: BytesDone | None = None) -> Digest:
    """The digest of a file's content.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        return digest_stream(stream, done)


def copy_stream(source: IO[bytes], target: IO[bytes], limit: int, done: BytesDone | None = None) -> Digest:
    """Copy a stream and hash it on the way.

    Args:
        limit: the most bytes that may come; one more is an error, so a lying size cannot fill a disk.

    Raises:
        PackageError: package_too_large; more bytes than `limit`.
    """
    state = hashlib.sha256()
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise PackageError(f"more than the {limit} bytes that were announced", code="package_too_large")
        target.write(chunk)
        state.update(chunk)
        if done is not None:
            done(total)
    return Digest(f"sha256:{state.hexdigest()}")

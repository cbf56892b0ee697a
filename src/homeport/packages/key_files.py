"""Key files: a private key that only its owner can read, and its public half beside it."""

import os
import stat
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from homeport.core.errors import PackageError
from homeport.packages.keys import PublicKey, SigningKey, read_private_key, read_public_key

_MAX_BYTES = 64 * 1024


def public_path(path: Path) -> Path:
    """Where the public half of a private key's file lies."""
    return path.with_name(path.name + ".pub")


def write_key(path: Path, key: SigningKey, password: bytes | None = None) -> None:
    """Write a new key: `path` with mode 600, and its public half as `path`.pub. Nothing is ever overwritten.

    Raises:
        PackageError: signing_key_exists.
        OSError: the folder cannot be written.
    """
    _create(public_path(path), key.public.pem.encode("ascii"), 0o644)
    try:
        _create(path, key.pem(password), 0o600)
    except BaseException:  # an interrupt too: half of a pair must never lie there; raised again
        public_path(path).unlink()
        raise


def read_key_file(path: Path, ask: Callable[[], bytes]) -> SigningKey:
    """Read a private key from its file.

    Args:
        ask: gives the password; called only where the key has one.

    Raises:
        PackageError: signing_key_missing, signing_key_exposed: others can read the file; or as `read_private_key`.
    """
    data, mode = _read(path)
    if mode & 0o077:
        raise PackageError(
            f"others can read the private key {path} (mode {mode:03o})",
            code="signing_key_exposed",
            hint=f"chmod 600 {path}",
        )
    return read_private_key(data, ask() if b"ENCRYPTED" in data else None)


def read_public_file(path: Path) -> PublicKey:
    """Read a public key from its file.

    Raises:
        PackageError: signing_key_missing, or as `read_public_key`.
    """
    return read_public_key(_read(path)[0].decode("ascii", errors="replace"))


def read_password_file(path: Path) -> bytes:
    """The password on a file's first line.

    Raises:
        PackageError: signing_key_missing; there is no such file, or it is empty.
    """
    password = _read(path)[0].partition(b"\n")[0].rstrip(b"\r")
    if not password:
        raise _missing(path, "its first line is empty")
    return password


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise PackageError(f"{path} is there already", code="signing_key_exists", hint="choose another name") from error
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
    except BaseException:  # an interrupt too: half a key is none, and would be in the way; raised again
        path.unlink()
        raise


def _read(path: Path) -> tuple[bytes, int]:
    """The bytes of a plain file and its permission bits."""
    try:
        with FileIO(path, opener=_opener) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                raise _missing(path, "it is no plain file of some lines")
            return stream.read(_MAX_BYTES) or b"", stat.S_IMODE(status.st_mode)
    except OSError as error:
        raise _missing(path, os.strerror(error.errno or 0)) from error


def _opener(path: str, flags: int) -> int:
    # Opening a pipe would otherwise wait for its writer.
    return os.open(path, flags | os.O_NONBLOCK)


def _missing(path: Path, why: str) -> PackageError:
    return PackageError(
        f"{path} is not a key file: {why}",
        code="signing_key_missing",
        hint="name the right file; homeport package keygen FILE makes one",
    )

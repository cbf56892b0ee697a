"""The blobs of a store: one file for each digest, written once and never changed.

Source: OCI image-spec 1.1, image-layout.md.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.digest import BytesDone, Digest, copy_stream, digest_file, digest_stream, hex_of
from homeport.packages.manifest import MAX_DOCUMENT_BYTES, Descriptor, describe, digest_of


class Blobs:
    """The folder `blobs/sha256` of an image layout."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "blobs" / "sha256"

    def path(self, digest: Digest) -> Path:
        """Where the blob of a digest lies, whether it is there or not."""
        return self._folder / hex_of(digest)

    def find(self, digest: Digest, media_type: str) -> Descriptor | None:
        """A descriptor of the blob that is there under a digest, for `read` to check; None where there is none."""
        path = self.path(digest)
        if not path.is_file():
            return None
        return Descriptor(media_type=media_type, digest=digest, size=path.stat().st_size)

    def check(self, descriptor: Descriptor, done: BytesDone | None = None) -> None:
        """Compare a blob's size and SHA-256 with its descriptor; one pass over the file.

        Raises:
            DigestMismatch: package_size_mismatch or package_digest_mismatch.
            PackageError: package_blob_missing or package_path_unsafe.
        """
        with self._open(descriptor) as stream:
            _require_digest(descriptor, digest_stream(stream, done))

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes of a document, checked against its descriptor.

        Raises:
            DigestMismatch, PackageError: as `check`, or package_too_large beyond 4 MiB.
        """
        if descriptor.size > MAX_DOCUMENT_BYTES:
            raise PackageError("a document of the package is larger than 4 MiB", code="package_too_large")
        with self._open(descriptor) as stream:
            # One more than announced, so that a file that grows meanwhile cannot pass.
            data = stream.read(descriptor.size + 1) or b""
        _require_digest(descriptor, describe(data, descriptor.media_type).digest)
        return data

    def copy(self, descriptor: Descriptor, target: Path, done: BytesDone | None = None) -> None:
        """Write a blob to a new file, and compare it with its descriptor on the way; errors as `check`."""
        with self._open(descriptor) as stream, target.open("xb") as sink:
            _require_digest(descriptor, copy_stream(stream, sink, descriptor.size, done))

    def put(self, staged: Path, digest: Digest) -> None:
        """Move a staged file under its final name. It must lie on the store's disk and be synced."""
        self._folder.mkdir(parents=True, exist_ok=True)
        staged.replace(self.path(digest))
        # A rename between two names of one file does nothing, so the first name can be left.
        staged.unlink(missing_ok=True)

    def settle(self) -> None:
        """Return when every name that was put survives a power cut."""
        sync_folder(self._folder)

    def sweep(self, wanted: frozenset[Digest]) -> None:
        """Remove every blob that nothing refers to."""
        names = {hex_of(digest) for digest in wanted}
        for path in self._folder.glob("*"):
            if path.name not in names:
                path.unlink()

    @contextmanager
    def _open(self, descriptor: Descriptor) -> Iterator[FileIO]:
        path = self.path(digest_of(descriptor))
        try:
            stream = FileIO(path, opener=_opener)
        except FileNotFoundError as error:
            raise PackageError(f"the file {path} is missing", code="package_blob_missing") from error
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.EISDIR}:
                raise _unsafe(path) from error
            raise
        with stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _unsafe(path)
            if status.st_size != descriptor.size:
                raise DigestMismatch(
                    f"{path} has {status.st_size} bytes and should have {descriptor.size}",
                    code="package_size_mismatch",
                )
            yield stream


def stage_file(source: Path, target: Path) -> Digest:
    """Bring a file's content to `target` on the store's disk, synced; the digest of what lies there."""
    try:
        # Resolved, for the link would be to a symbolic link and not to its file.
        target.hardlink_to(source.resolve())
    except OSError:
        # Another disk, or a file system without hard links.
        shutil.copyfile(source, target)
    _sync(target)
    return digest_file(target)


def stage_checked(source: Path, digest: Digest, target: Path) -> Path:
    """Bring a file's content to `target`, as `stage_file`; it must have this digest.

    Raises:
        DigestMismatch: package_digest_mismatch.
    """
    found = stage_file(source, target)
    if found != digest:
        raise DigestMismatch(f"the bytes of {digest} are not the pinned bytes, but {found}")
    return target


def require_size(descriptor: Descriptor, path: Path) -> None:
    """Refuse a file of another size than announced.

    Raises:
        DigestMismatch: package_size_mismatch.
    """
    if path.stat().st_size != descriptor.size:
        raise DigestMismatch(
            f"{descriptor.digest} has {path.stat().st_size} bytes and should have {descriptor.size}",
            code="package_size_mismatch",
        )


def stage_bytes(data: bytes, target: Path) -> Path:
    """Write a small file, synced."""
    target.write_bytes(data)
    _sync(target)
    return target


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder survive a power cut."""
    _sync(folder)


def _opener(path: str, flags: int) -> int:
    # A link could lead out of the folder, and opening a pipe would wait for its writer.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _require_digest(descriptor: Descriptor, found: str) -> None:
    if found != descriptor.digest:
        raise DigestMismatch(f"the bytes of {descriptor.digest} are not the pinned bytes, but {found}")


def _unsafe(path: Path) -> PackageError:
    return PackageError(f"{path} is not a plain file of the store", code="package_path_unsafe")

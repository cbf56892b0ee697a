"""`file:///absolute/model.gguf` or a plain path: a weights file that is already on this machine.

The file is copied, not linked: a package is frozen, and its owner may write the file again.
"""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.base import MAX_WEIGHTS_BYTES, FileRole, PackageSpec, Progress, SourceFile, step
from homeport.packages.digest import copy_stream

_SCHEME = "file://"


def fetch(spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
    """See `sources.base.Source`; `spec.sha256` is the file's own and may be left out.

    Raises:
        PackageError: package_source_invalid, package_not_found, package_source_unreachable (it may
            not be read), package_format_refused (not a plain file) or package_too_large.
        DigestMismatch: package_hash_mismatch.
    """
    path = _path(spec)
    with TemporaryDirectory(dir=into) as folder:
        copy = Path(folder) / "weights"
        _copy(spec, path, copy, progress)
        target = copy.rename(into / "weights")
    # Its date is left out: it is that of its copying to this machine, and would make another digest on each.
    return (SourceFile(path=target, filepath=path.name, role=FileRole.WEIGHTS, modified=0),)


def _path(spec: PackageSpec) -> Path:
    if spec.file is not None:
        raise _invalid(spec, "a file source has no files inside it", "leave `file` out")
    if not spec.source.startswith(_SCHEME):
        return Path(spec.source)
    try:
        url = urlsplit(spec.source)
    except ValueError as error:
        raise _invalid(spec, str(error), "write file:///absolute/path.gguf") from error
    path = unquote(url.path, errors="surrogateescape")
    if url.netloc or url.query or url.fragment or not path.startswith("/") or "\0" in path:
        raise _invalid(
            spec, "not a path of this machine", "write file:///absolute/path.gguf, with %23 and %3F for # and ?"
        )
    return Path(path)


def _copy(spec: PackageSpec, path: Path, target: Path, progress: Progress) -> None:
    with _open(spec, path) as source, target.open("xb") as sink:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise PackageError(f"{path} is not a plain file", code="package_format_refused", hint="name a .gguf file")
        with step(progress, f"Copying {path.name}", status.st_size):
            found = copy_stream(source, sink, min(status.st_size, MAX_WEIGHTS_BYTES), progress.advance)
    if spec.sha256 is not None and found != f"sha256:{spec.sha256}":
        raise DigestMismatch(
            f"{path} has the SHA-256 {found.removeprefix('sha256:')}, and {spec.sha256} is pinned",
            code="package_hash_mismatch",
            hint="find out why the file changed before you change the pinned sha256",
        )


def _open(spec: PackageSpec, path: Path) -> BinaryIO:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackageError(
            f"there is no file {path}", code="package_not_found", hint=f"check `source` of the package {spec.name}"
        ) from error
    except IsADirectoryError as error:
        raise PackageError(
            f"{path} is a folder", code="package_format_refused", hint="name a .gguf file inside it"
        ) from error
    except OSError as error:
        raise PackageError(
            f"{path} cannot be read: {error.strerror}",
            code="package_source_unreachable",
            hint="check who may read it",
        ) from error


def _invalid(spec: PackageSpec, why: str, hint: str) -> PackageError:
    return PackageError(f"{spec.source[:80]!r}: {why}", code="package_source_invalid", hint=hint)

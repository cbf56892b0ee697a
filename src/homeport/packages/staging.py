"""Where a pull works before its files are whole: one folder each, gone with the pull that made it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeport.core.errors import StorageError

_LOCK = "lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file alone, among all threads and processes of this machine; waits for it."""
    number = _open(path)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


@contextmanager
def usable_disk(root: Path) -> Iterator[None]:
    """Whatever the disk of `root` refuses in the body is a StorageError: package_store_unavailable."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the package store {root} cannot be used: {os.strerror(error.errno or 0)}",
            code="package_store_unavailable",
            hint="check the folder's owner and the free space of its disk",
        ) from error


@contextmanager
def staging(parent: Path, gate: Path) -> Iterator[Path]:
    """An empty folder in `parent`, removed at the end.

    The pull holds a lock in its folder while it lives, and the system lets go of it when the process
    dies, even by kill -9. So a folder whose lock is free is a leftover, and goes first.

    Args:
        gate: the lock file under which folders are made and leftovers removed.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with locked(gate):
        _remove_leftovers(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        number = _open(folder / _LOCK)
        fcntl.flock(number, fcntl.LOCK_EX)
    try:
        work = folder / "files"
        work.mkdir()
        yield work
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(number)


def _remove_leftovers(parent: Path) -> None:
    for folder in parent.iterdir():
        if not _alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(folder: Path) -> bool:
    try:
        number = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

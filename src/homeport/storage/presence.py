"""A number that each process of some kind says of itself, such as how busy it is; gone with the process.

A process holds a lock on its file, and the kernel lets go of it however the process ends; so what
a dead one said is never counted.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_SIZE = 8


class Presence:
    """What this process says of itself.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / str(os.getpid())
        self._said = -1
        # Locked before it gets its name, so that nobody takes it for one of the dead.
        unnamed = folder / f".{os.getpid()}"
        self._file = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(self._path)

    def say(self, number: int) -> None:
        """Replace what was said."""
        if number != self._said:
            os.pwrite(self._file, number.to_bytes(_SIZE, "big"), 0)
            self._said = number

    def __enter__(self) -> "Presence":
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def total(folder: Path) -> int:
    """The sum of what the living say; 0 where there is nobody. Files of the dead are removed."""
    return sum(_living(folder))


def least(folder: Path) -> int | None:
    """The least that one of the living says; None where there is nobody."""
    return min(_living(folder), default=None)


def _living(folder: Path) -> Iterator[int]:
    return (said for path in folder.glob("[0-9]*") if (said := _said(path)) is not None)


def _said(path: Path) -> int | None:
    """None for one of the dead."""
    with contextlib.suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return int.from_bytes(os.pread(file, _SIZE, 0), "big")
        finally:
            os.close(file)
    return None

"""Who leases from budgets: one start of one process. Others see whether it lives by the lock on its file.

The kernel lets go of a lock however a process ends. The file stays until the holder's leases are
reconciled. A holder's name says which state folder its journal is in, and nobody who uses another
folder judges it; so several machines can share one database.
"""

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from homeport.core.errors import StorageError

_ID = re.compile(r"[0-9a-f]{12}")
_NAME = re.compile(r"([0-9a-f]{12})-([0-9a-f]{16})")


class Holder(msgspec.Struct, frozen=True):
    """A holder's name in its parts: its state folder, and its start, which never comes again."""

    home: str
    start: str

    @classmethod
    def parse(cls, name: str) -> "Holder | None":
        """From its name; None for what is not one."""
        parts = _NAME.fullmatch(name)
        return cls(parts[1], parts[2]) if parts else None

    @property
    def name(self) -> str:
        """29 characters; the `holder` of requests and of leases."""
        return f"{self.home}-{self.start}"


class LivingHolder:
    """This process as a holder, for as long as it lives.

    Nothing is removed in the end: whoever reconciles sees that it is over, and finds nothing left to do
    where everything was given back.

    Args:
        folder: of the locked files.
        home: of `read_home_id`.

    Raises:
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path, home: str) -> None:
        self.holder = Holder(home, secrets.token_hex(8))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Locked before it gets its name, so that nobody takes it for one of the dead.
            unnamed = folder / f".{self.name}"
            self._file = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            unnamed.rename(folder / self.name)
        except OSError as error:
            raise _unusable(folder, error) from error

    @property
    def name(self) -> str:
        return self.holder.name

    def close(self) -> None:
        """This process leases no more. Not before its last record is in the journal."""
        os.close(self._file)


def read_home_id(path: Path) -> str:
    """The id of a state folder; made on first use.

    Raises:
        StorageError: it cannot be made, or is not one.
    """
    try:
        if not path.exists():
            _make_id(path)
        written = path.read_text("ascii", "replace").strip()
    except OSError as error:
        raise _unusable(path, error) from error
    if not _ID.fullmatch(written):
        raise StorageError(
            f"{path} is not the id of a state folder",
            code="home_id_invalid",
            hint="restore it from a backup, or stop homeport and remove it: "
            "then what processes of this folder had leased from budgets counts as spent",
        )
    return written


def dead_holders(folder: Path) -> Sequence[Holder]:
    """Holders of a folder whose process is gone, and that nobody has reconciled."""
    found = (Holder.parse(path.name) for path in sorted(folder.glob("[0-9a-f]*")))
    return [holder for holder in found if holder is not None and not _lives(folder / holder.name)]


def holder_lives(folder: Path, name: str) -> bool:
    """Whether the process of a holder of this folder runs."""
    return Holder.parse(name) is not None and _lives(folder / name)


def forget_holder(folder: Path, holder: Holder) -> None:
    """Its leases are reconciled."""
    (folder / holder.name).unlink(missing_ok=True)


def _lives(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _make_id(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(f"{secrets.token_hex(6)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _unusable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be used: {error.strerror}",
        code="budget_unavailable",
        hint="free disk space, and check the owner and mode of the state folder",
    )

"""Fingerprints of conversations that may not leave, shared by the processes of one state folder.

A file for each day, HOME/taints/DAY.taints, DAY being days since the epoch. Records of 24 bytes are appended to it
under a lock: a digest (16 bytes), seconds since the epoch (4, unsigned, big-endian), the action (1) and a digest of
all that (3). Each process reads what others appended before it looks something up. The digests are keyed with a
secret of the state folder, so that nobody can look for a text in a copy of the files.
"""

import errno
import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from homeport.core.errors import StorageError
from homeport.core.privacy import Action, strictest

RECORD = 24
SUFFIX = ".taints"
_FIELDS = struct.Struct(">16sIB")
_CHECK = RECORD - _FIELDS.size
_DAY_S = 86_400
_LOCK_SECONDS = 0.25
_LOCK_PAUSE = 0.000_1
_ACTIONS = tuple(Action)


class TaintStore:
    """`Taints` in files.

    Args:
        folder: made if it is missing, open to its owner alone.
        secret: what digests are keyed with, at most 64 bytes.
        days: how long a fingerprint is remembered.
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, folder: Path, *, secret: bytes, days: int, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._secret = secret
        self.days = days
        self._wall_ns = wall_ns
        self._known: dict[bytes, tuple[int, Action]] = {}
        self._read: dict[int, tuple[int, int]] = {}
        self._names: dict[int, str] = {}
        self._today = -1

    def of(self, fingerprints: Iterable[bytes]) -> Action:
        """The strictest action that is remembered of any of them; ALLOW where none is.

        Raises:
            StorageError: nobody can say what is remembered.
        """
        now = self._catch_up()
        if not self._known:
            return Action.ALLOW
        found = (self._known.get(self._keyed(fingerprint)) for fingerprint in fingerprints)
        return strictest(action for told in found if told is not None and self._lives(told, now) for action in told[1:])

    def remember(self, fingerprints: Sequence[bytes], action: Action, *, unless: Sequence[bytes] = ()) -> None:
        """Keep an action for each of them; a stricter one that is remembered stays.

        Args:
            unless: where one of these is kept already, for long enough, nothing more is.

        Raises:
            StorageError: it cannot be kept, or nobody can say what is remembered.
        """
        now = self._catch_up()
        new = [keyed for keyed in map(self._keyed, fingerprints) if not self._is_kept(keyed, action, now)]
        if not new or any(self._is_kept(self._keyed(one), action, now) for one in unless):
            return
        records = b"".join(_record(keyed, now, action) for keyed in new)
        try:
            with self._locked(now // _DAY_S) as file:
                _append(file, records)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        for keyed in new:
            self._note(keyed, now, action)

    def _keyed(self, fingerprint: bytes) -> bytes:
        return hashlib.blake2b(fingerprint, key=self._secret, digest_size=16).digest()

    def _lives(self, told: tuple[int, Action], now: int) -> bool:
        return now - told[0] <= self.days * _DAY_S

    def _is_kept(self, keyed: bytes, action: Action, now: int) -> bool:
        """Whether it is remembered already, and for long enough: it is written anew when half of its time is over."""
        told = self._known.get(keyed)
        if told is None or told[1].strictness < action.strictness:
            return False
        return now - told[0] <= self.days * _DAY_S // 2

    def _note(self, keyed: bytes, at: int, action: Action) -> None:
        told = self._known.get(keyed)
        if told is not None and self._lives(told, at):
            at, action = max(at, told[0]), strictest((action, told[1]))
        self._known[keyed] = (at, action)

    def _catch_up(self) -> int:
        """Read what was appended since; the time in seconds."""
        now = self._wall_ns() // 1_000_000_000
        today = now // _DAY_S
        try:
            if today != self._today:
                self._begin(today, now)
            # A process whose look at the clock was a moment ago may still write to yesterday's.
            for day in (today - 1, today):
                self._read_on(day)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        return now

    def _begin(self, today: int, now: int) -> None:
        """A new day: forget what is over, and read all that there is when it is the first."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if not path.stem.isdecimal():
                continue
            day = int(path.stem)
            if day < today - self.days - 1:
                path.unlink(missing_ok=True)
                self._read.pop(day, None)
            else:
                self._read_on(day)
        self._known = {keyed: told for keyed, told in self._known.items() if self._lives(told, now)}
        self._today, self._names = today, {}

    def _read_on(self, day: int) -> None:
        try:
            there = os.stat(self._name(day))  # noqa: PTH116  asked for each request: a Path costs ten times as much
        except FileNotFoundError:
            return
        inode, start = self._read.get(day, (there.st_ino, 0))
        if inode != there.st_ino or there.st_size < start:  # Somebody put another file there.
            start = 0
        if there.st_size - start < RECORD:
            return
        with self._path(day).open("rb") as file:
            file.seek(start)
            data = file.read((there.st_size - start) // RECORD * RECORD)
        for keyed, at, action in _records(data):
            self._note(keyed, at, action)
        self._read[day] = (there.st_ino, start + len(data) // RECORD * RECORD)

    def _name(self, day: int) -> str:
        if day not in self._names:
            self._names[day] = str(self._path(day))
        return self._names[day]

    def _path(self, day: int) -> Path:
        return self._folder / f"{day}{SUFFIX}"

    @contextmanager
    def _locked(self, day: int) -> Iterator[int]:
        """The day's file, open for appending; nobody else appends meanwhile."""
        file = os.open(self._path(day), os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            until = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(_LOCK_PAUSE)
            yield file
        finally:
            os.close(file)


def _record(keyed: bytes, at: int, action: Action) -> bytes:
    said = _FIELDS.pack(keyed, at, action.strictness)
    return said + _check(said)


def _check(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=_CHECK).digest()


def _records(data: bytes) -> Iterator[tuple[bytes, int, Action]]:
    """What is whole of it; what was torn when its writer died is passed over."""
    for start in range(0, len(data) - RECORD + 1, RECORD):
        said = data[start : start + _FIELDS.size]
        if data[start + _FIELDS.size : start + RECORD] == _check(said):
            keyed, at, number = _FIELDS.unpack(said)
            yield keyed, at, _ACTIONS[min(number, len(_ACTIONS) - 1)]


def _append(file: int, records: bytes) -> None:
    """Write at a record's beginning: what somebody could not finish is filled up first."""
    torn = os.fstat(file).st_size % RECORD
    data = bytes(RECORD - torn) * bool(torn) + records
    if os.write(file, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _unusable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"what is known of private conversations in {folder} cannot be used: {error.strerror}",
        code="taints_unusable",
        hint="check the owner, the mode and the free space of the state folder",
    )

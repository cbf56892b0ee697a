"""The journal: an append-only log of finished requests between the request path and the database.

A record is one frame, `magic | length | CRC-32 | payload`, written by a single `write` before the
caller sees the last byte, so it survives kill -9 of the process (not a power cut: the file is
synced when a segment closes). A process writes its own segments and holds a lock on the open one;
whoever can take that lock knows that the writer is gone. It holds a reserve of disk space too, so that
the requests that are under way when the disk gets full can still be recorded.
"""

import contextlib
import errno
import fcntl
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from homeport.core.errors import JournalFull, StorageError
from homeport.core.events import RequestFinished
from homeport.storage.reserve import Reserve

MAGIC = b"HPJ1"
HEADER = struct.Struct(">4sII")
SUFFIX = ".journal"
MAX_PAYLOAD = 1 << 20
_RECORD_ROOM = 64 << 10
_ROOM_CHECK_NS = 500_000_000

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RequestFinished)


class Journal:
    """The writing end, for one process.

    Args:
        folder: where segments are kept; created if absent.
        max_bytes: bound on the folder; beyond it `record` and `check_room` raise `JournalFull`.
        segment_bytes: a segment is closed when it grows past this.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 1 << 30,
        segment_bytes: int = 16 << 20,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folder = folder
        self.max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._wall_ns = wall_ns
        self._descriptor = -1
        self._size = 0
        self._folder_bytes = 0
        self._folder_read_at = 0
        self._trouble: OSError | None = None
        self._reserve = Reserve(folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def record(self, event: RequestFinished) -> None:
        """Append one event.

        Raises:
            JournalFull: the folder is at its bound, or the disk is full.
            StorageError: the segment cannot be written.
        """
        if self._trouble is not None and not event.attempts:
            # What little room is left is for what may be billed, not for those who are refused for the lack of it.
            raise _explain(self._trouble, self._folder) from self._trouble
        payload = _encoder.encode(event)
        frame = HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload
        try:
            self._append(frame)
        except OSError as error:
            self._trouble = error
            if not self._reserve.free():
                raise _explain(error, self._folder) from error
            self._append_again(frame)
        if self._size >= self._segment_bytes:
            self._begin_another()

    def check_room(self) -> None:
        """Raise `StorageError` if the next record might not be kept; costs a clock read most of the time.

        Asked before anything is sent on: what is not recorded is not asked for, and not billed.

        Raises:
            JournalFull: the folder is at its bound, or the disk is full.
            StorageError: the folder cannot be written.
        """
        now = time.monotonic_ns()
        if now - self._folder_read_at > _ROOM_CHECK_NS:
            self._look(now)
        if self._trouble is not None:
            raise _explain(self._trouble, self._folder) from self._trouble
        if self._folder_bytes + _RECORD_ROOM > self.max_bytes:
            raise JournalFull(
                f"the journal holds {self._folder_bytes} bytes, its bound is {self.max_bytes}",
                hint="start the jobs worker (homeport jobs), or raise storage.journal_max_bytes",
            )

    def close(self) -> None:
        self._close_segment()
        self._reserve.free()

    def _look(self, now: int) -> None:
        try:
            self._folder_bytes = sum(_size(path) for path in self._folder.glob(f"*{SUFFIX}"))
            self._reserve.hold()
        except OSError as error:
            self._trouble = error
        else:
            self._trouble = None
        self._folder_read_at = now

    def _append(self, frame: bytes) -> None:
        if self._descriptor < 0:
            self._open_segment()
        self._write(frame)

    def _append_again(self, frame: bytes) -> None:
        try:
            self._append(frame)
        except OSError as error:
            raise _explain(error, self._folder) from error

    def _open_segment(self) -> None:
        while (descriptor := self._make_segment()) is None:
            pass
        self._descriptor = descriptor
        self._size = 0

    def _make_segment(self) -> int | None:
        """A new segment, open and locked; None where it was taken for a dead process's before it was locked."""
        name = f"{self._wall_ns():020d}-{os.getpid()}{SUFFIX}"
        opening = self._folder / f"{name}.opening"
        descriptor = os.open(opening, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            # Locked before it gets its name, so that no reader takes a new segment for an abandoned one.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            opening.rename(self._folder / name)
        except OSError as error:
            # Whatever is written to a file without a name is lost.
            os.close(descriptor)
            if isinstance(error, FileNotFoundError) and self._folder.exists():
                return None
            raise
        return descriptor

    def _begin_another(self) -> None:
        try:
            self._close_segment()
        except OSError as error:
            # The record is written; the next one goes to the same segment.
            self._trouble = error

    def _write(self, frame: bytes) -> None:
        written = os.write(self._descriptor, frame)
        if written < len(frame):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written
        self._folder_bytes += written

    def _close_segment(self) -> None:
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def read_frames(data: bytes, *, abandoned: bool, most: int | None = None) -> tuple[list[RequestFinished], int, int]:
    """Decode the frames at the start of `data`.

    Args:
        data: bytes of a segment from an offset that is a frame's start.
        abandoned: no writer is left, so a torn tail will never be completed.
        most: stop after so many events.

    Returns:
        The events, how many bytes are done with, and how many of those were unreadable.
    """
    events: list[RequestFinished] = []
    position = lost = 0
    while position < len(data) and (most is None or len(events) < most):
        event, end = _frame_at(data, position)
        if event is not None:
            events.append(event)
            position = end
            continue
        resume = _next_frame(data, position + 1)
        if resume < 0 and not abandoned:
            break
        skipped_to = resume if resume >= 0 else len(data)
        lost += skipped_to - position
        position = skipped_to
    return events, position, lost


def frame_ends(data: bytes) -> list[int]:
    """Where the whole frames end that stand at the start of `data`, by their headers alone."""
    ends, position = [], 0
    while position + HEADER.size <= len(data):
        magic, length, _ = HEADER.unpack_from(data, position)
        position += HEADER.size + length
        if magic != MAGIC or position > len(data):
            break
        ends.append(position)
    return ends


def segments(folder: Path) -> list[Path]:
    """The segments there are, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def clear_unopened(folder: Path) -> None:
    """Remove segments whose process died before it could name them; they hold nothing."""
    for path in folder.glob(f"*{SUFFIX}.opening"):
        # It may have got its name, or another process may have removed it, between the listing and now.
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if take_if_abandoned(file.fileno()):
                path.unlink(missing_ok=True)


def take_if_abandoned(descriptor: int) -> bool:
    """Lock a segment if its writer is gone; the lock is held until the descriptor is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _frame_at(data: bytes, position: int) -> tuple[RequestFinished | None, int]:
    start = position + HEADER.size
    if start > len(data):
        return None, position
    magic, length, checksum = HEADER.unpack_from(data, position)
    payload = data[start : start + length]
    if magic != MAGIC or length > MAX_PAYLOAD or len(payload) < length or zlib.crc32(payload) != checksum:
        return None, position
    try:
        return _decoder.decode(payload), start + length
    except msgspec.MsgspecError:
        return None, position


def _next_frame(data: bytes, position: int) -> int:
    for candidate in _magics(data, position):
        if _frame_at(data, candidate)[0] is not None:
            return candidate
    return -1


def _magics(data: bytes, position: int) -> Iterator[int]:
    while (position := data.find(MAGIC, position)) >= 0:
        yield position
        position += 1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _explain(error: OSError, folder: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JournalFull(
            f"no space left for the journal in {folder}", hint="free disk space; requests resume by then"
        )
    return StorageError(
        f"the journal in {folder} cannot be written: {error.strerror}",
        code="journal_unwritable",
        hint="check the owner and mode of the state folder",
    )

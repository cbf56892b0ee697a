"""The answers of a running batch: an append-only log, one JSON object a line, in the order they came.

A line of a batch is done when its answer is here. It is written by a single `write`, so it survives
kill -9 of the worker (not a power cut: the log is synced when the batch ends); a torn last line is
cut off when the log is opened again, and that line of the batch is run again. The open log is
locked: one worker at a time runs a batch, and the kernel gives the lock back when it dies.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from homeport.core.errors import StorageError
from homeport.storage.batches import Tally

SUFFIX = ".results"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one line.

    Attributes:
        line: its number in the input, from 1.
        tally: one line completed or failed, and what it used.
        entry: what the output or error file will say, as JSON without a line break.
    """

    line: int
    tally: Tally
    entry: msgspec.Raw


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Result)


class ResultsLog:
    """An open, locked log.

    Attributes:
        tally: the sum over its results.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._places: dict[int, tuple[int, int, bool]] = {}
        self._size = 0
        self.tally = Tally()
        self._load()

    @classmethod
    def open(cls, path: Path) -> "ResultsLog | None":
        """Open or create a log; None while another worker has it.

        Raises:
            StorageError: the folder cannot be written.
        """
        with _explained():
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def __contains__(self, line: int) -> bool:
        return line in self._places

    def __len__(self) -> int:
        return len(self._places)

    def append(self, result: Result) -> None:
        """Keep an answer, whole or not at all.

        Raises:
            StorageError: the disk refuses; nothing was kept.
        """
        record = _encoder.encode(result) + b"\n"
        with _explained():
            written = os.pwrite(self._descriptor, record, self._size)
            if written < len(record):
                os.ftruncate(self._descriptor, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._note(result, len(record))

    def entries(self, *, completed: bool) -> Iterator[bytes]:
        """The answers that are good, or those that are not, in the order of the input's lines."""
        for line in sorted(self._places):
            offset, length, is_completed = self._places[line]
            if is_completed is completed:
                yield bytes(_decoder.decode(os.pread(self._descriptor, length, offset)).entry)

    def close(self) -> None:
        """Sync, close, and let another worker have it."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)

    def remove(self) -> None:
        """The batch is over: its answers are in its files."""
        self._path.unlink(missing_ok=True)

    def _load(self) -> None:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            for record in file:
                if not record.endswith(b"\n") or not self._take(record):
                    break
        os.ftruncate(self._descriptor, self._size)

    def _take(self, record: bytes) -> bool:
        try:
            self._note(_decoder.decode(record), len(record))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return True

    def _note(self, result: Result, length: int) -> None:
        self._places[result.line] = (self._size, length, bool(result.tally.completed))
        self._size += length
        self.tally = self.tally.plus(result.tally)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the answers of a batch cannot be kept: {error.strerror}",
            code="files_unwritable",
            hint="free disk space; check the owner and mode of the state folder",
        ) from error

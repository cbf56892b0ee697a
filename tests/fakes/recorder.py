"""A recorder in memory, that can be full or broken."""

from homeport.core.errors import JournalFull, StorageError
from homeport.core.events import RequestFinished


class MemoryRecorder:
    """`Recorder`.

    Attributes:
        events: what was recorded.
        full: `check_room` and `record` raise `JournalFull`.
        broken: raised by `record` alone, as by a disk that fails between the two.
        log: shared with a wire, so that a test sees which came first.
    """

    def __init__(self, log: list[str]) -> None:
        self.events: list[RequestFinished] = []
        self.full = False
        self.broken: StorageError | None = None
        self._log = log

    def record(self, event: RequestFinished) -> None:
        self.check_room()
        if self.broken is not None:
            raise self.broken
        self.events.append(event)
        self._log.append("recorded")

    def check_room(self) -> None:
        if self.full:
            raise JournalFull("the journal is full", hint="make room")


class Observed:
    """`Observer` that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[RequestFinished] = []

    def observe(self, event: RequestFinished) -> None:
        self.events.append(event)

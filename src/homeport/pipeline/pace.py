"""How long an engine takes for an answer, learned from those it gives."""

import msgspec

_KEPT = 63 / 64
"""Of what is known, when an answer is added: the last two hundred count."""
_READ_SHARE = 1 / 8
"""What reading a token costs of writing one, where the answers do not tell: a prompt is read in batches."""


class Work(msgspec.Struct, frozen=True):
    """What an engine did for an answer.

    Attributes:
        read: tokens of the prompt, without those that were cached.
        wrote: tokens of the answer.
    """

    read: int
    wrote: int


class Pace:
    """Nanoseconds as a * tokens read + b * tokens written: least squares with exponential forgetting.

    So that answers of different lengths can be compared: what one took, and what one of its length takes.

    Attributes:
        known: how many answers it has learned from.
    """

    def __init__(self) -> None:
        self.known = 0
        self._read2 = self._both = self._wrote2 = self._read_ns = self._wrote_ns = 0.0
        self._rough = self._lasted = 0.0

    def learn(self, work: Work, lasted: int) -> None:
        """An answer took so many nanoseconds."""
        read, wrote = float(work.read), float(work.wrote)
        self._read2 = _KEPT * self._read2 + read * read
        self._both = _KEPT * self._both + read * wrote
        self._wrote2 = _KEPT * self._wrote2 + wrote * wrote
        self._read_ns = _KEPT * self._read_ns + read * lasted
        self._wrote_ns = _KEPT * self._wrote_ns + wrote * lasted
        self._rough = _KEPT * self._rough + _READ_SHARE * read + wrote
        self._lasted = _KEPT * self._lasted + lasted
        self.known += 1

    def expected(self, work: Work) -> float:
        """Nanoseconds that it takes; 0.0 where nothing is known."""
        a_read, a_written = self._solved()
        return a_read * work.read + a_written * work.wrote

    def _solved(self) -> tuple[float, float]:
        """Nanoseconds a token that is read, and one that is written."""
        det = self._read2 * self._wrote2 - self._both**2
        if det > 1e-3 * self._read2 * self._wrote2:  # else both are always in the same proportion
            a_read = (self._read_ns * self._wrote2 - self._wrote_ns * self._both) / det
            a_written = (self._wrote_ns * self._read2 - self._read_ns * self._both) / det
            if a_read >= 0 and a_written >= 0:
                return a_read, a_written
        a_written = self._lasted / self._rough if self._rough else 0.0
        return _READ_SHARE * a_written, a_written

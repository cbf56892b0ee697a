"""The file of a run while it is written: every answer is on disk before the next is asked for."""

import fcntl
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from homeport.core.errors import ConfigError
from homeport.evaluation.runs import Answered, Run, RunHead, answer_line, head_line, parse_run

_BEGINNING = b'{"homeport_run"'


class RunFile:
    """A `Keep` that appends to a file; enter it by `with`, which locks it.

    Args:
        head: what is asked of whom. A file that is there already must say the same, and goes on.
        fresh: begin anew, whatever the file holds.

    Raises (on entering): ConfigError, codes eval_run_unwritable, eval_run_busy, eval_run_differs, eval_run_invalid.
    """

    def __init__(self, path: Path, head: RunHead, *, fresh: bool = False) -> None:
        self._path = path
        self._head = head
        self._fresh = fresh
        self._file: BinaryIO | None = None
        self.answered: tuple[Answered, ...] = ()

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._file = self._path.open("a+b")
            self._lock(file)
            self._begin(file)
        except OSError as error:
            self._close()
            raise ConfigError(
                f"the run {ascii(str(self._path))[:200]} cannot be written: {error.strerror}",
                code="eval_run_unwritable",
                hint="name a file in a folder that you can write to: --out FILE",
            ) from error
        except ConfigError:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, answered: Answered) -> None:
        """Keep an answer. Raises OSError where the disk is full."""
        assert self._file is not None
        self._file.write(answer_line(answered))
        self._file.flush()

    def _lock(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"the run {self._path.name} is being written by another process",
                code="eval_run_busy",
                hint="wait until that ends, or name another file: --out FILE",
            ) from None

    def _begin(self, file: BinaryIO) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        # What is no run is somebody's work, such as the dataset: --fresh does not empty it.
        if not size or (self._fresh and file.read(len(_BEGINNING)) == _BEGINNING):
            self._begin_anew(file)
            return
        before = parse_run(file, self._path.name)
        if before.head != self._head:
            if before.answers:
                raise _differs(before, self._head)
            self._begin_anew(file)
            return
        self.answered = before.answers
        file.truncate(before.whole)
        file.seek(before.whole - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")
            file.flush()

    def _begin_anew(self, file: BinaryIO) -> None:
        file.truncate(0)
        file.write(head_line(self._head))
        file.flush()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _differs(before: Run, head: RunHead) -> ConfigError:
    fields = [name for name in RunHead.__struct_fields__ if getattr(before.head, name) != getattr(head, name)]
    return ConfigError(
        f"{before.name} holds another run: {', '.join(fields)} differ",
        code="eval_run_differs",
        hint="name another file: --out FILE; or begin anew: --fresh",
    )

"""Progress of long steps on a terminal: a bar with rate and time left; plain lines when piped."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class _Steps:
    """`packages.base.Progress` with rich. On a pipe one line says that a step began."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self._console, self._columns = console, columns
        self._bar: Progress | None = None
        self._said = ""

    def start(self, label: str, total: int | None) -> None:
        self.finish()
        if not self._console.is_terminal:
            if label != self._said:
                self._console.print(f"  {label} ...", markup=False)
            self._said = label
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), *self._columns)
        self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
        self._bar.start()
        self._bar.add_task(label, total=total)

    def advance(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class ByteProgress(_Steps):
    """Steps that are counted in bytes."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, DownloadColumn(), TransferSpeedColumn())


class CountProgress(_Steps):
    """Steps that are counted in things: cases, replays."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, MofNCompleteColumn())


class PaidProgress:
    """Answers that cost something: how many there are, how many a second, what they cost, and how long it takes.

    On a pipe one line says that it began.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def start(self, label: str, total: int, done: int) -> None:
        """Begin; so many are there already."""
        self.finish()
        if not self._console.is_terminal:
            self._console.print(f"  {label}: {total - done} of {total} ...", markup=False)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        told = (_RateColumn(), TextColumn("{task.fields[spent]}", markup=False), TimeRemainingColumn())
        self._bar = Progress(*columns, *told, console=self._console, transient=True)
        self._bar.start()
        self._bar.add_task(label, total=total, completed=done, spent="")

    def advance(self, done: int, spent: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, spent=spent)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _RateColumn(ProgressColumn):
    """So many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")

"""A progress that remembers what it was told."""


class RecordedProgress:
    def __init__(self) -> None:
        self.told: list[tuple[str, str | int | None]] = []

    def start(self, label: str, total: int | None) -> None:
        self.told += [("start", label), ("total", total)]

    def advance(self, done: int) -> None:
        self.told.append(("advance", done))

    def finish(self) -> None:
        self.told.append(("finish", None))

    def of(self, kind: str) -> list[str | int | None]:
        """What was told of one kind, in order."""
        return [value for what, value in self.told if what == kind]


class InterruptedProgress(RecordedProgress):
    """The person presses Ctrl-C at the first byte."""

    def advance(self, done: int) -> None:
        raise KeyboardInterrupt

"""A clock that moves only when a test moves it."""


class ManualClock:
    """`Clock` with both times in nanoseconds; they start apart, so that a mix-up shows."""

    def __init__(self, wall: int = 1_700_000_000_000_000_000, monotonic: int = 5_000) -> None:
        self.wall = wall
        self.monotonic = monotonic

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic

    def advance(self, nanoseconds: int) -> None:
        self.wall += nanoseconds
        self.monotonic += nanoseconds

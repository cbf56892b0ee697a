"""`python -m bench.shifted_clock FILE ARGUMENTS`: `homeport ARGUMENTS`, whose wall clock runs ahead by what FILE says.

FILE has eight bytes, nanoseconds, and is read at each look at the clock: whoever writes it moves the time of all
processes at once. What counts durations (the monotonic clock) is as it is.
"""

import contextlib
import importlib
import mmap
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_NUMBER = struct.Struct("<q")


def shifted(path: Path, real_ns: Callable[[], int]) -> Callable[[], int]:
    """A clock that is the real one and what the file says, in nanoseconds since the epoch."""
    with path.open("r+b") as file:
        view = mmap.mmap(file.fileno(), _NUMBER.size)
    return lambda: real_ns() + int(_NUMBER.unpack_from(view)[0])


def move(path: Path, nanoseconds: int) -> None:
    """Write how far ahead the clock is."""
    mode = "r+b" if path.exists() else "w+b"
    with path.open(mode) as file:
        file.write(_NUMBER.pack(nanoseconds))


@contextlib.contextmanager
def worn(path: Path) -> Iterator[None]:
    """Meanwhile this process goes by that clock, too."""
    real_ns, real = time.time_ns, time.time
    wear(path)
    try:
        yield
    finally:
        time.time_ns, time.time = real_ns, real


def wear(path: Path) -> None:
    """From now on this process goes by that clock."""
    clock = shifted(path, time.time_ns)
    time.time_ns = clock
    time.time = lambda: clock() / 1e9


if __name__ == "__main__":
    wear(Path(sys.argv[1]))
    sys.argv = ["homeport", *sys.argv[2:]]
    # Only now: functions keep the clock that is there when they are made.
    importlib.import_module("homeport.cli.main").main()

"""Tiny programs to supervise, and what to know about processes that are gone."""

import os
import sys
from pathlib import Path
from typing import Any

from homeport.engines.supervisor import ChildSpec

UP = "print('up', flush=True)"
SERVE = f"import sys; {UP}; sys.stdin.buffer.read()"
"""Runs until its standard input ends."""
STUBBORN = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {UP}; time.sleep(600)"


def spec(folder: Path, program: str, **fields: Any) -> ChildSpec:
    values: dict[str, Any] = {"name": "child", "stdin": b"", "log": folder / "child.log", **fields}
    return ChildSpec(argv=(sys.executable, "-S", "-c", program), **values)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/dev/fd").iterdir()}

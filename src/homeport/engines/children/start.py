"""How a child begins: what it is told, what it needs, and when it ends."""

import importlib
import json
import os
import signal
import sys
import threading
from typing import Any, NoReturn

_MAX_LAUNCH = 1 << 20


def main(program: str) -> None:
    """Run `main` of a module; a library that is not there is named in one line."""
    try:
        module = importlib.import_module(program)
        module.main()
    except ImportError as error:
        give_up(
            f"{error}: {sys.executable} lacks it; run `make engines`, "
            "or name a Python that has it in `profile: {python: /path/to/python}`"
        )


def give_up(why: str) -> NoReturn:
    """End with a line for the log."""
    sys.stderr.write(f"{why}\n")
    sys.exit(1)


def read_launch() -> dict[str, Any]:
    """The first line of standard input."""
    launch: dict[str, Any] = json.loads(sys.stdin.buffer.readline(_MAX_LAUNCH))
    return launch


def end_with_input() -> None:
    """From now on, end of standard input ends this process, and all that it started: its supervisor is gone."""
    threading.Thread(target=_watch, name="end of input", daemon=True).start()


def _watch() -> None:
    # Read past sys.stdin: at exit its lock would wait for this thread.
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)

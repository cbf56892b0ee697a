"""The judge of what could take for ever: regular expressions and JSON schemas, in a process that can be killed.

That process is `ruling`.
"""

import select
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from homeport.evaluation.checks import READY, Asked, Ruling

_SECONDS = 2.0
_START_SECONDS = 30.0


class ProcessReferee:
    """A `checks.Referee` in a child process, started when it is first asked. Leave it by `close` or `with`.

    Args:
        seconds: how long one question may take; the child is killed then, and the ruling is no.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def matches(self, pattern: str, text: str, *, ignore_case: bool) -> Ruling:
        return self._ask(Asked(pattern=pattern, text=text, ignore_case=ignore_case), "the pattern")

    def follows(self, schema: Mapping[str, Any], value: Any) -> Ruling:
        return self._ask(Asked(schema=schema, value=value), "the schema")

    def close(self) -> None:
        """End the child; may be called twice."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.communicate()

    def _ask(self, asked: Asked, what: str) -> Ruling:
        try:
            question = msgspec.json.encode(asked) + b"\n"
        except RecursionError:
            return Ruling(False, "it is nested too deep")
        child = self._child = self._child or _start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(question)
            child.stdin.flush()
            said = _line(child, self._seconds)
        except BrokenPipeError:
            said = b""
        if not said:
            self.close()
            return Ruling(
                False, f"{what} took longer than {self._seconds:g} s, or more memory than it may", broken=True
            )
        return msgspec.json.decode(said, type=Ruling)


def _start() -> subprocess.Popen[bytes]:
    argv = (sys.executable, "-P", "-m", "homeport.evaluation.ruling")
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 this same program
    if _line(child, _START_SECONDS) != READY:
        child.kill()
        child.communicate()
        raise OSError("the process that checks answers did not start")
    return child


def _line(child: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Its next line; nothing where none comes in time. It writes a line at once, so one that begins also ends."""
    assert child.stdout is not None
    readable, _, _ = select.select([child.stdout], [], [], seconds)
    return child.stdout.readline() if readable else b""

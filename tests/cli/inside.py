"""The `homeport` program without a process of its own: the same arguments, environment, output and exit code."""

import io
import os
import subprocess
import sys
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from typing import TextIO

import pytest

from homeport.cli.main import main
from tests.e2e.program import HOMEPORT, Program


class Inside(Program):
    """A state folder; its commands run here, so that none waits a second for an interpreter and its imports."""

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        said, told = _stream(), _stream()
        with pytest.MonkeyPatch.context() as patch, chdir(self.home.parent):
            for name in os.environ.keys() - self.environment.keys():
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["homeport", *arguments])
            with redirect_stdout(said), redirect_stderr(told):
                code = _run()
        return subprocess.CompletedProcess((*HOMEPORT, *arguments), code, _text(said), _text(told))


def _run() -> int:
    """Exit code of what the command line in sys.argv asks for."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # what the interpreter itself does with it
        traceback.print_exc()
        return 1
    return 0


def _stream() -> TextIO:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()

"""`python -m homeport` is the program."""

import subprocess
import sys

from homeport import __version__


def test_the_package_runs_as_a_module() -> None:
    said = subprocess.run([sys.executable, "-m", "homeport", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"homeport {__version__}\n"

"""What a process that answers requests does not load."""

import subprocess
import sys

import pytest

_ASK = "import sys, homeport.bootstrap.gateway; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.mark.slow
def test_the_gateway_loads_no_numerical_library() -> None:
    told = subprocess.run((sys.executable, "-c", _ASK), capture_output=True, text=True, timeout=60, check=True)
    loaded = set(told.stdout.split())
    assert "homeport" in loaded
    assert not loaded & {"numpy", "scipy", "pandas", "sklearn", "torch"}


@pytest.mark.slow
def test_the_gateway_loads_the_pages_of_the_console_when_somebody_looks() -> None:
    ask = "import sys, homeport.bootstrap.gateway; print(*sys.modules)"
    told = subprocess.run((sys.executable, "-c", ask), capture_output=True, text=True, timeout=60, check=True)
    loaded = set(told.stdout.split())
    assert "homeport.console.app" in loaded
    assert not {name for name in loaded if name.startswith(("homeport.console.pages", "joserfc"))}

"""What a process that answers requests does not load."""

import subprocess
import sys
from pathlib import Path

import pytest

_ASK = "import sys, homeport.bootstrap.gateway; print(*sorted({name.partition('.')[0] for name in sys.modules}))"

_BUILD = """
import sys
from pathlib import Path
from homeport import bootstrap
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
folder = Path(sys.argv[1])
home = Home(folder / "home")
home.create()
file = ConfigFile(Environment(home=home.root, variables={}), folder / "homeport.yaml", home.root / "kept")
settings = file.read()
bootstrap.ensure_own_keys(settings, home)
bootstrap.build_gateway(settings, home, file, 1)
print(settings.telemetry.traces.enabled, *sorted({name.partition('.')[0] for name in sys.modules}))
"""


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


@pytest.mark.slow
@pytest.mark.parametrize("traces", [False, True])
def test_no_gateway_loads_opentelemetry_traced_or_not(tmp_path: Path, traces: bool) -> None:
    (tmp_path / "homeport.yaml").write_text(
        "providers: {api: {provider: simulated}}\n"
        "tiers: [{name: any, targets: [{model: one, provider: api}]}]\n"
        f"telemetry: {{traces: {{enabled: {str(traces).lower()}}}}}\n"
    )
    told = subprocess.run(
        (sys.executable, "-c", _BUILD, str(tmp_path)), capture_output=True, text=True, timeout=120, check=True
    )
    traced, *loaded = told.stdout.split()
    assert traced == str(traces)
    assert not {"opentelemetry", "grpc", "google", "requests"} & set(loaded)

"""What becomes of the blocks of a page that are not Python."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from openai import OpenAI
from sybil import Example

from homeport import bootstrap
from homeport.bootstrap.engines import imagined_package
from homeport.config.load import Environment, load
from homeport.config.schema import EngineSettings
from homeport.core import discovery
from homeport.engines.base import EngineSetup

_VARIABLE = re.compile(r"\$\{([A-Z_]+)")


def close_clients(namespace: dict[str, Any]) -> None:
    """Close what a page left open, so that no socket is found by the garbage collector instead."""
    for value in namespace.values():
        if isinstance(value, OpenAI):
            value.close()


def run_shell(example: Example) -> None:
    """Run a block as one script, in the folder and the environment of the fixture `reader`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ("bash", "-euo", "pipefail", "-c", example.parsed),
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def load_yaml(example: Example) -> None:
    """Load a block as a homeport.yaml with every key set, so that all its providers are on and priced."""
    variables = dict.fromkeys(_VARIABLE.findall(example.parsed), "a-key")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "homeport.yaml"
        path.write_text(example.parsed, encoding="utf-8")
        settings = load(path, Environment(home=Path(folder), variables=variables))
    bootstrap.build_targets(settings, {})
    for name, engine in settings.engines.items():
        discovery.load(bootstrap.ENGINES, engine.engine).render(_setup(name, engine))


def _setup(name: str, engine: EngineSettings) -> EngineSetup:
    package = imagined_package(engine.package) if engine.package else None
    url, api_key = engine.url or "", engine.api_key.get_secret_value()
    return EngineSetup(
        name=name,
        profile=engine.profile,
        package=package,
        derived=Path("derived"),
        url=url,
        api_key=api_key,
        port=1,
        token="none",
    )

"""LiteLLM's proxy, one worker, in a virtual environment of its own that is kept between runs."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.cache import cache_folder
from bench.contender import Running, free_port, process, wait_ready
from bench.machine import Cores, pinned
from bench.native import BenchmarkError, Mock
from bench.traffic import MODEL

VERSION = "1.109.1"
RATE_RPS = 20.0
"""What it can take on one core with room to spare."""

_READY_SECONDS = 180.0
# Its own pins contradict each other on current indexes.
_OVERRIDES = "certifi>=2025\nlitellm-proxy-extras>=0.4\n"
_ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR"}
_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {url}
      api_key: sk-mock
general_settings:
  master_key: {key}
"""


def find_litellm() -> Path:
    """The program, installed into the cache on first use. Raises BenchmarkError."""
    environment = cache_folder() / f"litellm-{VERSION}"
    program = environment / "bin" / "litellm"
    if not program.exists():
        _install(environment)
    return program


@contextlib.contextmanager
def start_litellm(mock: Mock, cores: Cores, folder: Path) -> Iterator[Running]:
    """See `bench.contender.Start`."""
    program, port, key = find_litellm(), free_port(), f"sk-{secrets.token_hex(24)}"
    config = folder / "litellm.yaml"
    config.write_text(_CONFIG.format(model=MODEL, url=mock.url, key=key), encoding="utf-8")
    argv = (program, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
    environment = {**os.environ, **_ENVIRONMENT}
    environment.pop("PYTHONPATH", None)
    with contextlib.ExitStack() as stack:
        with pinned(cores.proxy):
            child = stack.enter_context(process(argv, folder=folder, environment=environment))
        ready = wait_ready(child, port, "/health/readiness", _READY_SECONDS, folder)
        yield Running(port=port, key=key, pid=child.pid, ready_ms=ready, about={"version": VERSION})


def _install(environment: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise BenchmarkError("LiteLLM needs uv to be installed (pip install uv)")
    overrides = environment.with_suffix(".overrides")
    overrides.write_text(_OVERRIDES, encoding="utf-8")
    python = environment / "bin" / "python"
    for argv in (
        (uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment),
        (uv, "pip", "install", "--quiet", "--python", python, f"litellm[proxy]=={VERSION}", "--override", overrides),
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            raise BenchmarkError(f"LiteLLM {VERSION} cannot be installed:\n{done.stderr[-1500:]}")

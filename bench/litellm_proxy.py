"""LiteLLM's proxy, one worker, in a virtual environment of its own that is kept between runs."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from bench.contender import Running, free_port, process, wait_ready
from bench.kept import find_environment
from bench.machine import Cores, pinned
from bench.native import Mock
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
    return (
        find_environment(f"litellm-{VERSION}", (f"litellm[proxy]=={VERSION}",), overrides=_OVERRIDES)
        / "bin"
        / "litellm"
    )


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

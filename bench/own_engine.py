"""One real llama.cpp engine with SmolLM2-135M, and gateways in front of it: one that starts it, and others beside."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.contender import free_port, process, wait_ready
from bench.native import BenchmarkError
from bench.program import PROGRAM, SMOLLM2, environment
from homeport.bootstrap.endpoints import read_endpoints
from homeport.config.home import Home
from homeport.engines.base import Endpoint

MODEL = "smol"
_READY_SECONDS = 180.0


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway: where it listens, its state folder, and its local key."""

    port: int
    home: Path
    key: str

    def make_key(self, name: str, *options: str) -> str:
        """Another key."""
        done = subprocess.run(
            (*_command(self.home), "keys", "create", name, *options, "--json"),
            env=environment(self.home, self.port),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"no key was made:\n{done.stdout}{done.stderr}")
        return str(json.loads(done.stdout)["key"])

    @property
    def engine(self) -> Endpoint:
        """Where the engine itself is."""
        return next(iter(read_endpoints(Home(root=self.home)).values()))


@contextlib.contextmanager
def engine_up(folder: Path, profile: Mapping[str, Any]) -> Iterator[Gate]:
    """An engine behind a gateway with everything by default, as `homeport up` runs them."""
    home, port = _state(folder / "up", profile, {}), free_port()
    with _run(home, port, ("up",)):
        yield Gate(port=port, home=home, key=(home / "local.key").read_text().strip())


@contextlib.contextmanager
def gateway_beside(
    first: Gate, folder: Path, profile: Mapping[str, Any], admission: Mapping[str, Any]
) -> Iterator[Gate]:
    """Another gateway to the engine of the first, with a state folder of its own."""
    home, port = _state(folder / "beside", profile, admission), free_port()
    (home / "run").mkdir(parents=True)
    shutil.copy(first.home / "run" / "engines.json", home / "run" / "engines.json")
    gate = Gate(port=port, home=home, key="")
    key = gate.make_key("bench")
    with _run(home, port, ("gateway",)):
        yield msgspec.structs.replace(gate, key=key)


def _state(home: Path, profile: Mapping[str, Any], admission: Mapping[str, Any]) -> Path:
    engine = {"engine": "llamacpp", "package": "weights", "hourly_cost_usd": "0.05", "profile": profile}
    settings = {
        "packages": {"weights": SMOLLM2},
        "engines": {MODEL: {**engine, "admission": admission}},
        "tiers": [{"name": "local", "targets": [{"model": MODEL, "engine": MODEL}]}],
        "loops": {"action": "off"},
        "logging": {"level": "error"},
    }
    home.mkdir(parents=True)
    (home / "homeport.yaml").write_text(json.dumps(settings))
    return home


@contextlib.contextmanager
def _run(home: Path, port: int, command: Sequence[str]) -> Iterator[None]:
    output = home.parent / f"{home.name}-output"
    output.mkdir()
    with process((*_command(home), *command), folder=output, environment=environment(home, port)) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, output)
        yield


def _command(home: Path) -> tuple[str, ...]:
    return (*PROGRAM, "--config", str(home / "homeport.yaml"))

"""Runs a client's program, once, with all its cells; and tells what came of each."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.clients.matrix import ROOT, Cell, Client, cells
from tests.clients.world import World

NPM = ROOT / "tests" / "clients" / "npm"
ENVIRONMENTS = ROOT / ".venv-clients"

_LIMIT_SECONDS = 170
# What would lead a client elsewhere, or into this checkout.
_FOREIGN = ("OPENAI_", "ANTHROPIC_", "HOMEPORT_", "LANGCHAIN_", "LANGSMITH_", "PYTHONPATH", "PYTEST_", "http", "HTTP")
_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_AGENTS_DISABLE_TRACING": "1", "DO_NOT_TRACK": "1"}


def node() -> Path:
    """The Node.js of the clients' environment."""
    return ENVIRONMENTS / "latest" / "bin" / "node"


def missing(client: Client) -> str:
    """What must be installed before this client can be tried; "" if nothing."""
    npm = (node(), NPM / "node_modules")
    needed = npm if client.environment == "npm" else (ENVIRONMENTS / client.environment / "bin" / "python",)
    return "" if all(path.exists() for path in needed) else "run: make .venv-clients/ready"


def _command(client: Client) -> Sequence[str]:
    if client.environment == "npm":
        return (str(node()), client.program)
    python = ENVIRONMENTS / client.environment / "bin" / "python"
    return (str(python), "-m", f"tests.clients.programs.{client.program}")


class Outcomes:
    """What came of the cells: None where the case held, else why not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Mapping[tuple[str, str], str | None]] = {}

    def of(self, cell: Cell) -> str | None:
        """None, or why the case failed. A case that nothing was told of failed."""
        client = cell.client
        if client.program not in self._known:
            self._known[client.program] = self._run(client)
        return self._known[client.program].get((cell.model, cell.case), "the program told nothing of this case")

    def _run(self, client: Client) -> Mapping[tuple[str, str], str | None]:
        asked = [(cell.model, cell.case) for cell in cells() if cell.client is client]
        plan = {"world": msgspec.to_builtins(self._world), "cells": asked}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        done = subprocess.run(
            _command(client),
            input=json.dumps(plan),
            env={**inherited, **_QUIET},
            cwd=NPM if client.environment == "npm" else ROOT,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        if done.returncode:
            return dict.fromkeys(asked, f"the program ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"model"')]
        return {(each["model"], each["case"]): each["error"] for each in told}

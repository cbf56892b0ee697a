"""A way to load text as homeport.yaml, with the environment given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from homeport.config.load import Environment, load
from homeport.config.schema import Settings

BASE = """\
engines:
  e: {engine: external, url: http://127.0.0.1:1/v1, hourly_cost_usd: 0.05}
providers:
  p: {provider: simulated}
tiers:
  - name: t
    targets:
      - {model: m, engine: e}
      - {model: s, provider: p}
"""
"""A small valid file of nine lines; tests change a part of it or add to it."""


class LoadText(Protocol):
    def __call__(
        self, text: str | bytes, variables: Mapping[str, str] | None = None, port: int | None = None
    ) -> Settings: ...


def environment(home: Path, variables: Mapping[str, str] | None = None, port: int | None = None) -> Environment:
    """An environment that takes nothing from the one the tests run in."""
    return Environment(home=home, config=None, port=port, debug=False, variables=variables or {})


@pytest.fixture(scope="session")
def load_text(tmp_path_factory: pytest.TempPathFactory) -> LoadText:
    folder = tmp_path_factory.mktemp("config")

    def load_it(text: str | bytes, variables: Mapping[str, str] | None = None, port: int | None = None) -> Settings:
        path = folder / "homeport.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return load(path, environment(folder, variables, port))

    return load_it

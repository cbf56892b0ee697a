"""What llama.cpp's child is told, and how it begins and ends; the model itself is tests/e2e's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import ANY_SURFACE, EngineSetup
from homeport.engines.llamacpp import render


def setup(weights: Path | None = Path("/models/m.gguf"), **profile: Any) -> EngineSetup:
    return EngineSetup(name="smol", profile=profile, weights=weights, url="", api_key="", port=4242, token="t0ken")


def test_the_endpoint() -> None:
    endpoint = render(setup(slots=3)).endpoint
    assert (endpoint.url, endpoint.health_url) == ("http://127.0.0.1:4242/v1", "http://127.0.0.1:4242/health")
    assert (endpoint.api_key, endpoint.slots, endpoint.surfaces) == ("t0ken", 3, ANY_SURFACE)
    assert endpoint.deterministic_fields == {"cache_prompt": False}


def test_a_reranker_reranks_and_nothing_else() -> None:
    assert render(setup(rerank=True)).endpoint.surfaces == {Surface.RERANK}


def test_without_embeddings() -> None:
    assert Surface.EMBEDDING not in render(setup(embeddings=False)).endpoint.surfaces


def test_the_launch_is_one_line_and_its_secret_is_not_in_the_command() -> None:
    launch = render(setup())
    assert launch.stdin.count(b"\n") == 1
    assert launch.stdin.endswith(b"\n")
    told = msgspec.json.decode(launch.stdin)
    assert (told["weights"], told["alias"], told["port"], told["token"]) == ("/models/m.gguf", "smol", 4242, "t0ken")
    # A command line is open to every user of the machine.
    assert not any("t0ken" in argument for argument in launch.argv)


@pytest.mark.parametrize(
    "profile",
    [
        {"slots": 0},
        {"slots": True},
        {"slots": "4"},
        {"slots": 1.5},
        {"context": 1},
        {"context": 2**63},
        {"threads": 0},
        {"prompt_cache_mib": -1},
        {"embeddings": "yes"},
        {"gpu_layers": -2},
        {"no_such_option": 1},
    ],
)
def test_bad_options(profile: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        render(setup(**profile))
    assert caught.value.code == "engine_option_invalid"
    assert next(iter(profile)) in caught.value.message
    assert caught.value.hint


def test_without_weights() -> None:
    with pytest.raises(ConfigError, match="needs weights") as caught:
        render(setup(weights=None))
    assert "engines.smol.package" in caught.value.hint


def test_the_child_explains_missing_weights(tmp_path: Path) -> None:
    launch = render(setup(weights=tmp_path / "gone.gguf"))
    assert launch.argv[0] == sys.executable
    child = subprocess.run(launch.argv, input=launch.stdin, capture_output=True, check=False)
    assert child.returncode == 1
    assert b"gone.gguf are not there; run: homeport package pull" in child.stderr

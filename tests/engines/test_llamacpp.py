"""What llama.cpp's child is told, and how it begins and ends; the model itself is tests/e2e's."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import homeport
from homeport.bootstrap.engines import imagined_package
from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import ANY_SURFACE, EngineSetup
from homeport.engines.llamacpp import render
from homeport.packages.base import FileRole, PackageFile
from homeport.packages.digest import digest_bytes


def setup(weights: Path | None = Path("/models/m.gguf"), **profile: Any) -> EngineSetup:
    package = imagined_package("m.gguf") if weights else None
    return EngineSetup(
        name="smol",
        profile=profile,
        package=msgspec.structs.replace(package, weights=weights) if package else None,
        derived=Path("derived"),
        url="",
        api_key="",
        port=4242,
        token="t0ken",
    )


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


def test_deterministic() -> None:
    told = msgspec.json.decode(render(setup(deterministic=True)).stdin)["profile"]
    assert (told["slots"], told["prompt_cache_mib"], told["deterministic"]) == (1, 0, True)
    with pytest.raises(ConfigError, match="deterministic and has 2 slots"):
        render(setup(deterministic=True, slots=2))


def test_threads_are_a_number_by_then() -> None:
    """Two machines with other numbers of cores have other fingerprints."""
    assert msgspec.json.decode(render(setup()).stdin)["profile"]["threads"] >= 1


def with_files(*files: tuple[FileRole, str], **profile: Any) -> EngineSetup:
    bare = setup(**profile)
    assert bare.package is not None
    stored = tuple(
        PackageFile(path=Path("/store") / path, filepath=path, role=role, digest=digest_bytes(b""), size=1)
        for role, path in files
    )
    return msgspec.structs.replace(bare, package=msgspec.structs.replace(bare.package, files=stored))


def test_adapters_have_explicit_scales() -> None:
    files = [(FileRole.ADAPTER, "legal.gguf"), (FileRole.ADAPTER, "short.gguf")]
    told = msgspec.json.decode(render(with_files(*files, adapters={"short.gguf": 0})).stdin)
    assert told["adapters"] == [
        {"path": "/store/legal.gguf", "scale": 1.0},
        {"path": "/store/short.gguf", "scale": 0.0},
    ]
    with pytest.raises(ConfigError, match=r"no adapter 'other.gguf'") as caught:
        render(with_files(*files, adapters={"other.gguf": 1}))
    assert "legal.gguf" in caught.value.hint


def test_the_template_of_the_package() -> None:
    told = msgspec.json.decode(render(with_files((FileRole.TEMPLATE, "t.jinja"))).stdin)
    assert told["template"] == "/store/t.jinja"
    assert msgspec.json.decode(render(setup()).stdin)["template"] == ""


@pytest.mark.parametrize(("role", "what"), [(FileRole.WEIGHTS, "weights"), (FileRole.ADAPTER, "adapters")])
def test_safetensors_are_refused_and_the_hint_says_what_to_do(role: FileRole, what: str) -> None:
    with pytest.raises(ConfigError, match=f"takes {what} in GGUF alone, and m.safetensors") as caught:
        render(with_files((role, "m.safetensors")))
    assert caught.value.code == "engine_package_unsuited"
    assert caught.value.hint


_LIBRARY = """
import time
class CommonParams:
    def __getattr__(self, name):
        return self.__dict__.setdefault(name, CommonParams())
def Server(params):
    print("loading", flush=True)
    {then}
"""


def start(folder: Path, then: str) -> "subprocess.Popen[bytes]":
    """A child whose library does as it is told once it loads the weights."""
    (folder / "xllamacpp.py").write_text(_LIBRARY.format(then=then))
    weights = folder / "m.gguf"
    weights.touch()
    launch = render(setup(weights=weights, embeddings=False))
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{Path(homeport.__file__).parents[1]}"}
    pipe = subprocess.PIPE
    child = subprocess.Popen(launch.argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(launch.stdin)
    child.stdin.flush()
    assert child.stdout.readline() == b"loading\n"
    return child


def test_it_ends_with_its_supervisor_also_while_it_loads(tmp_path: Path) -> None:
    with start(tmp_path, "time.sleep(600)") as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == -signal.SIGKILL


def test_what_the_library_refuses_is_said_in_a_line(tmp_path: Path) -> None:
    with start(tmp_path, "raise RuntimeError('bad params')") as child:
        assert child.stderr is not None
        said = child.stderr.read()
        assert child.wait(20) == 1
    assert said == b"llama.cpp does not start with these weights, adapters and options: bad params\n"

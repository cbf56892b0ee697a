"""The child is started apart from everything else, and whatever becomes of it is told."""

import json
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homeport.core.errors import EngineError
from homeport.engines.derived import DerivedFile, DerivedFolder
from homeport.inspection.findings import Inside
from homeport.inspection.heads import Head, Scaled
from homeport.inspection.question import Question
from homeport.inspection.run import Plan, Told, job_of, look_inside
from tests.fakes.inside import inside

pytestmark = pytest.mark.slow


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(b"GGUF")
    return path


def interpreter(folder: Path, program: str) -> str:
    """A program in the place of the interpreter; what it is told to run it does not."""
    path = folder / "python"
    head = "import json, os, sys, time\nfrom pathlib import Path\njob = json.loads(sys.stdin.buffer.readline())\n"
    path.write_text(f"#!{sys.executable}\n{head}{textwrap.dedent(program)}")
    path.chmod(0o700)
    return str(path)


def look(weights: Path, python: str, *, timeout: float = 60.0, told: list[Told] | None = None, **more: Any) -> Inside:
    file = DerivedFile(role="weights", path=str(weights), filepath="dir/tiny.gguf")
    model = DerivedFolder(place=str(weights.parent / "derived"), files=(file,))
    plan = Plan(question=Question(prompt="Once"), model=model, **more)
    return look_inside(plan, python, timeout=timeout, tell=(told if told is not None else []).append)


def refusal(weights: Path, python: str, **more: Any) -> EngineError:
    with pytest.raises(EngineError) as refused:
        look(weights, python, **more)
    return refused.value


def answering(folder: Path, found: Inside) -> str:
    (folder / "kept.json").write_bytes(msgspec.json.encode(found.findings))
    np.savez_compressed(folder / "kept.npz", attention=found.attention)
    return interpreter(
        folder,
        f"""
        print("a library says something")
        print(json.dumps({{"step": "looking inside"}}))
        [file] = job["model"]["files"]
        assert (file["role"], Path(file["path"]).read_bytes()) == ("weights", b"GGUF"), job["model"]
        assert "SECRET_OF_OURS" not in os.environ and os.environ["HF_HUB_OFFLINE"] == "1"
        assert os.stat(job["folder"]).st_mode & 0o777 == 0o700
        Path({str(folder)!r}, "where").write_text(job["folder"])
        for name, kept in (("findings.json", "kept.json"), ("attention.npz", "kept.npz")):
            Path(job["folder"], name).write_bytes(Path({str(folder)!r}, kept).read_bytes())
        """,
    )


def test_what_it_found_is_read_and_nothing_stays(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    found, told = inside(), list[Told]()
    read = look(weights, answering(tmp_path, found), told=told)
    assert read.findings == found.findings
    assert [one.step for one in told] == ["looking inside"]
    assert not Path((tmp_path / "where").read_text()).exists()


@pytest.mark.parametrize("code", ["inspect_head_unknown", "inspect_library_missing", "inspect_prompt_empty"])
def test_what_it_cannot_do_is_told_with_its_code(tmp_path: Path, weights: Path, code: str) -> None:
    said = {"error": code, "message": "it cannot"}
    error = refusal(weights, interpreter(tmp_path, f"print({json.dumps(json.dumps(said))}); sys.exit(1)"))
    assert (error.code, error.message) == (code, "it cannot")
    assert error.hint


def test_a_code_that_is_not_ours_is_not_told(tmp_path: Path, weights: Path) -> None:
    error = refusal(weights, interpreter(tmp_path, """print('{"error": "surprise", "message": "m"}')"""))
    assert error.code == "inspect_failed"


def test_a_child_that_falls_is_told_with_its_last_line(tmp_path: Path, weights: Path) -> None:
    error = refusal(weights, interpreter(tmp_path, "raise MemoryError('no room for 4 GB')"))
    assert error.code == "inspect_failed"
    assert "no room for 4 GB" in error.message


def test_a_child_that_leaves_nothing_is_refused(tmp_path: Path, weights: Path) -> None:
    assert refusal(weights, interpreter(tmp_path, "pass")).code == "inspect_failed"


def test_a_child_that_hangs_is_ended_with_what_it_started(tmp_path: Path, weights: Path) -> None:
    program = f"""
    import subprocess
    other = subprocess.Popen(["sleep", "600"])
    Path({str(tmp_path)!r}, "pids").write_text(f"{{os.getpid()}} {{other.pid}}")
    print('{{"step": "hanging"}}', flush=True)
    time.sleep(600)
    """
    assert refusal(weights, interpreter(tmp_path, program), timeout=2.0).code == "inspect_timeout"
    child, other = map(int, (tmp_path / "pids").read_text().split())
    assert not running(child)
    for _ in range(1_000):  # whom a signal was sent to ends a moment later, and nobody waits for a grandchild
        if not running(other):
            break
        time.sleep(0.01)
    assert not running(other)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("python", ["/nowhere/python", "/", os.devnull, "\ud800"])
def test_an_interpreter_that_is_none_is_refused(weights: Path, python: str) -> None:
    assert refusal(weights, python).code == "inspect_library_missing"


def test_this_interpreter_without_torch_says_what_is_missing(weights: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o700)
    error = refusal(weights, str(bare))
    assert error.code == "inspect_library_missing"
    assert "torch" in error.message


def test_the_job_has_all_that_is_asked() -> None:
    changes = (Scaled(Head(5, 3), 0.5),)
    model = DerivedFolder(place="/derived", files=())
    plan = Plan(question=Question(prompt="a"), model=model, change=changes, sweep="all")
    job = job_of(plan, Path("/folder"))
    assert (job["change"], job["sweep"], job["model"]) == ([(5, 3, 0.5)], "all", model)
    assert json.loads(msgspec.json.encode(job))["messages"] is None

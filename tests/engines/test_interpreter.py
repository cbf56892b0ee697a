"""Which Python an engine runs in, and what is said of one that lacks its library."""

import subprocess
import sys
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.engines.interpreter import BESIDE, Interpreter, find_interpreter

TORCH = (("a-heavy-library", "a-heavy-library-cpu"), ("its-tensors",))


def environment(folder: Path, *installed: str) -> Path:
    """What pip leaves of distributions, as "name version"."""
    for each in installed:
        name, version = each.split()
        info = folder / "lib" / "python3.11" / "site-packages" / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder / "bin" / "python"


def test_the_one_that_is_named(tmp_path: Path) -> None:
    python = environment(tmp_path, "a-heavy-library-cpu 1.2", "its-tensors 3.0+cpu")
    found = find_interpreter("smol", str(python), TORCH)
    assert (found.path, found.build) == (python, "a-heavy-library-cpu 1.2, its-tensors 3.0+cpu")


def test_one_without_the_library_has_no_build(tmp_path: Path) -> None:
    assert find_interpreter("smol", str(environment(tmp_path, "its-tensors 3.0")), TORCH).build == ""


def test_the_one_beside_before_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert find_interpreter("smol", None, TORCH) == Interpreter(path=Path(sys.executable), build="")
    python = environment(tmp_path / BESIDE, "a-heavy-library 2")
    assert find_interpreter("smol", None, TORCH) == Interpreter(path=python, build="a-heavy-library 2")


@pytest.mark.parametrize("named", ["python", "../python", "", "/bin/py\nthon", "bin/python3"])
def test_what_is_no_absolute_path(named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_interpreter("smol", named, TORCH)
    assert caught.value.code == "engine_option_invalid"


def test_a_child_without_its_library_says_what_to_do(tmp_path: Path) -> None:
    """-I -S: an interpreter that has nothing but the standard library."""
    python, *rest = Interpreter(path=Path(sys.executable), build="").command("transformers_server")
    child = subprocess.run((python, "-I", "-S", *rest), input=b"{}\n", capture_output=True, check=False)
    assert child.returncode == 1
    assert b"make engines" in child.stderr
    assert child.stderr.count(b"\n") == 1, "no traceback"


def test_a_child_sees_nothing_of_what_is_installed_beside_us() -> None:
    python, *rest = Interpreter(path=Path(sys.executable), build="").command("transformers_server")
    boot = rest[2].replace("main(sys.argv[2])", "print([part for part in sys.path if 'homeport' in part])")
    child = subprocess.run((python, "-I", "-S", "-c", boot, *rest[3:]), capture_output=True, check=True, text=True)
    assert child.stdout == "[]\n"

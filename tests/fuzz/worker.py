"""Fuzz one target with atheris, which watches what code each input reaches and keeps the inputs that reach more.

Usage: python -m tests.fuzz.worker TARGET CORPUS CRASHES SECONDS

A failure does not end the run: the smallest input of each kind is kept in CRASHES, and a line says so.
"""

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]


class Keeper:
    """Runs a target, and keeps the smallest input of each kind of failure."""

    def __init__(self, name: str, target: Callable[[bytes], None], crashes: Path) -> None:
        self._name = name
        self._target = target
        self._crashes = crashes
        self._smallest: dict[str, int] = {}

    def run(self, data: bytes) -> None:
        try:
            self._target(data)
        except Exception as error:  # every failure is a finding, whatever its kind
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        kind = kind_of(error)
        if len(data) >= self._smallest.get(kind, 1 << 30):
            return
        if kind not in self._smallest:
            print(f"FOUND {kind}", file=sys.stderr, flush=True)
        self._smallest[kind] = len(data)
        file = self._crashes / f"{self._name}-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
        file.write_bytes(data)
        file.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), errors="backslashreplace")


def kind_of(error: BaseException) -> str:
    """What is raised, and where: two inputs of one kind are one defect, as a rule."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(ROOT))]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "/.venv/" not in frame.filename]
    return f"{type(error).__name__} at {' < '.join(reversed(places[-2:]))}"


def main(name: str, corpus: str, crashes: str, seconds: str) -> None:
    with atheris.instrument_imports(include=["homeport", "python_multipart"]):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    keeper = Keeper(name, targets[name], Path(crashes))
    limits = [f"-max_total_time={seconds}", "-max_len=1024", "-timeout=20", "-rss_limit_mb=1024"]
    options = [*limits, "-print_final_stats=1", f"-artifact_prefix={crashes}/{name}-stopped-"]
    atheris.Setup([sys.argv[0], *options, corpus], keeper.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The recordings that are not part of the project; who needs them skips where they are not."""

import os
from pathlib import Path

import pytest

TRACES = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data") / "traces"


def recording(name: str) -> Path:
    path = TRACES / name
    if not path.exists():
        pytest.skip(f"{name} is not there: set HOMEPORT_DATA to the folder of the reference data")
    return path

"""Where other programs are kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/homeport-bench, by default below ~/.cache; made if absent."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "homeport-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""Homeport: from an LLM API prototype to hardened production."""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["Engine", "Generated", "__version__"]


def __getattr__(name: str) -> Any:
    """The Python API, imported when it is asked for: it stands on nearly everything. Types are in `__init__.pyi`."""
    if name in {"Engine", "Generated"}:
        return getattr(importlib.import_module("homeport.bootstrap.engine_api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

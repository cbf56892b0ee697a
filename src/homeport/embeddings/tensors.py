"""Weights in a file of the format safetensors: a length, a header in JSON, and the values, mapped and not copied."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {"F16": "<f2", "F32": "<f4", "I64": "<i8"}


def map_tensors(path: Path) -> "Mapping[str, NDArray[Any]]":
    """The tensors of a file by name, for reading; types that no embedder has are left out.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file.
    """
    import numpy as np

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return {
        name: np.memmap(
            path,
            dtype=_TYPES[tensor["dtype"]],
            mode="r",
            offset=8 + length + tensor["data_offsets"][0],
            shape=tuple(tensor["shape"]),
        )
        for name, tensor in header.items()
        if tensor.get("dtype") in _TYPES
    }

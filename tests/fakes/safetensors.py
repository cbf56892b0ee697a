"""Makes safetensors files: tiny valid ones, and hostile ones."""

import json
import struct
from collections.abc import Mapping
from typing import Any


def safetensors(
    header: Mapping[str, Any] | None = None, data: bytes = bytes(24), *, length: int | None = None
) -> bytes:
    """A file with this header; the length says what is there unless it is told to lie."""
    tensors = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "BF16", "shape": [2, 4], "data_offsets": [0, 16]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
    }
    text = json.dumps(tensors if header is None else header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data

"""A bounded reader of safetensors headers.

Source: the format's description in the README of huggingface/safetensors: eight bytes of length, a JSON header, then
the tensors, without gaps. Nothing of a file is run or unpickled.
"""

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.gguf import WeightsHeader

SUFFIX = ".safetensors"

_MAX_HEADER = 64 * 1024 * 1024
_MAX_TENSORS = 65_536
_MAX_DIMENSIONS = 8
_MAX_CONFIG = 1024 * 1024
_METADATA = "__metadata__"
_BYTES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a model: how many parameters of which type of number."""

    parameters: Mapping[str, int]


def looks_like(start: bytes) -> bool:
    """Whether a file that begins so may be one: a length, and then the header's brace."""
    return len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= _MAX_HEADER


def read_part(path: Path) -> Part:
    """Read the header of one file and check that it describes all of it.

    Raises:
        PackageError: package_weights_unreadable.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        tensors, begin = _header(stream, size)
    _check_offsets(tensors, size - begin)
    parameters: dict[str, int] = {}
    for tensor in tensors:
        count = _count(tensor)
        parameters[tensor.dtype] = parameters.get(tensor.dtype, 0) + count
    return Part(parameters=parameters)


def describe(parts: Sequence[Part], config: bytes) -> WeightsHeader:
    """What a model of several parts says of itself.

    Args:
        config: its `config.json`, or b"" where it has none.
    """
    parameters: dict[str, int] = {}
    for part in parts:
        for dtype, count in part.parameters.items():
            parameters[dtype] = parameters.get(dtype, 0) + count
    said = _config(config)
    kind, context = said.get("model_type"), said.get("max_position_embeddings")
    return WeightsHeader(
        architecture=kind if isinstance(kind, str) and kind.isprintable() and 0 < len(kind) < 64 else "unknown",
        context_length=context if isinstance(context, int) and 0 < context < 2**31 else 0,
        parameters=sum(parameters.values()),
        precision=max(parameters, key=lambda dtype: parameters[dtype], default="").lower(),
        format="safetensors",
    )


def _header(stream: BinaryIO, size: int) -> tuple[list[_Tensor], int]:
    start = stream.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 0 < length <= min(_MAX_HEADER, size - 8):
        raise _unreadable(f"its header claims {length} bytes")
    data = stream.read(length)
    try:
        header = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        header.pop(_METADATA, None)
        if not 0 < len(header) <= _MAX_TENSORS:
            raise _unreadable(f"it claims {len(header)} tensors")
        return [msgspec.json.decode(value, type=_Tensor) for value in header.values()], 8 + length
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(f"its header is not what it should be: {error}") from error


def _check_offsets(tensors: list[_Tensor], size: int) -> None:
    """Every byte belongs to one tensor: bytes between them could hold anything."""
    at = 0
    for tensor in sorted(tensors, key=lambda each: each.data_offsets):
        begin, end = tensor.data_offsets
        if begin != at or end < begin or end - begin != _count(tensor) * _BYTES[tensor.dtype]:
            raise _unreadable("its tensors overlap, leave gaps or are not of their size")
        at = end
    if at != size:
        raise _unreadable(f"its tensors fill {at} of {size} bytes")


def _count(tensor: _Tensor) -> int:
    if tensor.dtype not in _BYTES or len(tensor.shape) > _MAX_DIMENSIONS:
        raise _unreadable(f"a tensor of the type {tensor.dtype[:20]!r} with {len(tensor.shape)} dimensions")
    count = 1
    for each in tensor.shape:
        if not 0 <= each < 2**40:
            raise _unreadable("a tensor has an impossible shape")
        count *= each
    return count


def _config(data: bytes) -> Mapping[str, Any]:
    try:
        said = msgspec.json.decode(data) if 0 < len(data) <= _MAX_CONFIG else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _unreadable(why: str) -> PackageError:
    return PackageError(
        f"the safetensors file cannot be read: {why}",
        code="package_weights_unreadable",
        hint="fetch the file again; if it stays unreadable, save the model again",
    )

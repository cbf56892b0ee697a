"""A bounded reader of GGUF headers: what a weights file says of itself.

Source: the GGUF specification (ggml, docs/gguf.md), versions 2 and 3, little endian. Values that are
not wanted are skipped, never held: no length in the file decides how much memory is taken.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from homeport.core.errors import PackageError

MAGIC = b"GGUF"
"""How a file begins."""

_VERSIONS = (2, 3)
_MAX_HEADER = 64 * 1024 * 1024
_MAX_KEYS = 4096
_MAX_TENSORS = 65_536
_MAX_KEY_LENGTH = 1024
_MAX_TEXT = 4096
_MAX_TEMPLATE = 1024 * 1024
_MAX_TEMPLATES = 16
_MAX_ARRAY_TEXTS = 4_000_000
_MAX_DIMENSIONS = 4
# No format stores a weight in less than a bit and a half.
_MAX_PARAMETERS_PER_BYTE = 8

_TEXT: Final = 8
_ARRAY: Final = 9
# Type number -> struct format, of the scalar types.
_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_UNSIGNED = frozenset({0, 2, 4, 10})

# `general.file_type` (enum llama_ftype) -> the name people use.
_FILE_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
    36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
_WANTED_TEXTS = frozenset({"general.architecture", "general.basename", "general.license"})
_WANTED_COUNTS = frozenset({"general.file_type", "split.count"})
_CONTEXT_LENGTH = ".context_length"
_TEMPLATE = "tokenizer.chat_template"


class WeightsHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of weights says of itself; "" and 0 where it does not say.

    Attributes:
        architecture: the graph an engine builds, such as "llama"; never "".
        basename: the model's family, such as "smollm2".
        license: as the file spells it, often an SPDX identifier in lower case.
        quantization: the name of the file type, such as "Q4_1".
        context_length: in tokens.
        parameters: how many weights its tensors hold.
        precision: of most numbers, such as "bf16", where they are not quantised.
        templates: its chat templates.
        format: of the file.
    """

    architecture: str
    basename: str = ""
    license: str = ""
    quantization: str = ""
    context_length: int = 0
    parameters: int
    precision: str = ""
    templates: tuple[str, ...] = ()
    format: str = "gguf"

    @property
    def param_size(self) -> str:
        """The number of parameters as ModelPack writes it: "135m", "4b"."""
        for unit, letter in ((10**9, "b"), (10**6, "m"), (10**3, "k")):
            if self.parameters >= unit:
                return (
                    f"{self.parameters / unit:.{1 if self.parameters < 10 * unit else 0}f}".removesuffix(".0") + letter
                )
        return str(self.parameters)


def read_header(path: Path) -> WeightsHeader:
    """Read the header of a weights file.

    Raises:
        PackageError: package_format_refused (not GGUF, or one part of a split model) or
            package_weights_unreadable (truncated, out of bounds, contradicting itself).
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise _refused("the weights are not a GGUF file", "use a .gguf file; pickles and archives are not loaded")
        size = os.fstat(stream.fileno()).st_size
        header = _read(_Cursor(stream, min(size, _MAX_HEADER)))
    if header.parameters > size * _MAX_PARAMETERS_PER_BYTE:
        raise _unreadable(f"{size} bytes cannot hold the {header.parameters} parameters that its tensors claim")
    return header


class _Cursor:
    """Reads forward through a header and never past its end."""

    def __init__(self, stream: BinaryIO, end: int) -> None:
        self._stream = stream
        self._left = end - len(MAGIC)
        self._texts_left = _MAX_ARRAY_TEXTS

    def scalar(self, form: str) -> int:
        """One little-endian value. Floats come back as 0: nothing that is wanted is one."""
        (value,) = struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))
        return value if isinstance(value, int) else 0

    def text(self, bound: int) -> str:
        """A string of at most `bound` bytes, without what a terminal could obey."""
        return "".join(character for character in self.lines(bound) if character.isprintable())

    def lines(self, bound: int) -> str:
        """A string of at most `bound` bytes, as it is written."""
        length = self.scalar("Q")
        if length > bound:
            raise _unreadable(f"a string of {length} bytes where at most {bound} make sense")
        try:
            return self._take(length).decode()
        except UnicodeDecodeError as error:
            raise _unreadable("a string is not UTF-8") from error

    def skip(self, kind: int) -> None:
        """Pass over a value of a type."""
        if kind == _TEXT:
            self._pass(self.scalar("Q"))
        elif kind == _ARRAY:
            self._skip_array()
        else:
            self._pass(struct.calcsize(_scalar_form(kind)))

    def _skip_array(self) -> None:
        kind, count = self.scalar("I"), self.scalar("Q")
        if kind == _ARRAY:
            raise _unreadable("an array of arrays")
        if kind != _TEXT:
            self._pass(count * struct.calcsize(_scalar_form(kind)))
            return
        self._texts_left -= count
        if self._texts_left < 0:
            raise _unreadable(f"an array of {count} strings")
        for _ in range(count):
            self._pass(self.scalar("Q"))

    def _take(self, count: int) -> bytes:
        self._spend(count)
        data = self._stream.read(count)
        if len(data) != count:
            raise _unreadable("it ends inside its header")
        return data

    def _pass(self, count: int) -> None:
        self._spend(count)
        self._stream.seek(count, 1)

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _unreadable("it ends inside its header, or its header is larger than 64 MiB")


def _read(cursor: _Cursor) -> WeightsHeader:
    version = cursor.scalar("I")
    if version not in _VERSIONS:
        raise _unreadable(f"GGUF version {version} is not known")
    tensors, keys = cursor.scalar("Q"), cursor.scalar("Q")
    if not 0 < tensors <= _MAX_TENSORS or keys > _MAX_KEYS:
        raise _unreadable(f"it claims {tensors} tensors and {keys} metadata keys")
    texts, counts, templates = _metadata(cursor, keys)
    if counts.get("split.count", 1) > 1:
        raise _refused("the weights are one part of a split model", "join the parts with llama-gguf-split --merge")
    return _header(texts, counts, tuple(templates), _parameters(cursor, tensors))


def _metadata(cursor: _Cursor, keys: int) -> tuple[dict[str, str], dict[str, int], list[str]]:
    templates: list[str] = []
    texts: dict[str, str] = {}
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for _ in range(keys):
        key, kind = cursor.text(_MAX_KEY_LENGTH), cursor.scalar("I")
        if key in seen:
            raise _unreadable(f"the key {key[:80]!r} is there twice")
        seen.add(key)
        if key in _WANTED_TEXTS:
            _require(kind == _TEXT, key)
            texts[key] = cursor.text(_MAX_TEXT)
        elif key.startswith(_TEMPLATE) and kind == _TEXT:
            _require(len(templates) < _MAX_TEMPLATES, key)
            templates.append(cursor.lines(_MAX_TEMPLATE))
        elif key in _WANTED_COUNTS or key.endswith(_CONTEXT_LENGTH):
            _require(kind in _UNSIGNED, key)
            counts[key] = cursor.scalar(_SCALARS[kind])
        else:
            cursor.skip(kind)
    return texts, counts, templates


def _parameters(cursor: _Cursor, tensors: int) -> int:
    total = 0
    for _ in range(tensors):
        cursor.text(_MAX_KEY_LENGTH)
        dimensions = cursor.scalar("I")
        if not 0 < dimensions <= _MAX_DIMENSIONS:
            raise _unreadable(f"a tensor of {dimensions} dimensions")
        elements = 1
        for _ in range(dimensions):
            elements *= cursor.scalar("Q")
        total += elements
        cursor.scalar("I")
        cursor.scalar("Q")
    if total == 0:
        raise _unreadable("its tensors are empty")
    return total


def _header(
    texts: dict[str, str], counts: dict[str, int], templates: tuple[str, ...], parameters: int
) -> WeightsHeader:
    architecture = texts.get("general.architecture", "")
    if not architecture:
        raise _unreadable("it names no architecture")
    return WeightsHeader(
        architecture=architecture,
        basename=texts.get("general.basename", ""),
        license=texts.get("general.license", ""),
        quantization=_FILE_TYPES.get(counts.get("general.file_type", -1), ""),
        context_length=counts.get(architecture + _CONTEXT_LENGTH, 0),
        parameters=parameters,
        templates=templates,
    )


def _scalar_form(kind: int) -> str:
    if kind not in _SCALARS:
        raise _unreadable(f"a value of the unknown type {kind}")
    return f"<{_SCALARS[kind]}"


def _require(holds: bool, key: str) -> None:
    if not holds:
        raise _unreadable(f"the key {key!r} has a value of the wrong type")


def _unreadable(why: str) -> PackageError:
    return PackageError(
        f"the weights cannot be read: {why}",
        code="package_weights_unreadable",
        hint="fetch the file again; if it stays unreadable, convert the model to GGUF again",
    )


def _refused(why: str, hint: str) -> PackageError:
    return PackageError(why, code="package_format_refused", hint=hint)

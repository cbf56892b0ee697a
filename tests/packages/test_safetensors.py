"""Headers of safetensors files: read within bounds, and nothing between the tensors."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.safetensors import Part, describe, looks_like, read_part
from tests.fakes.safetensors import safetensors

_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def _read(folder: Path, data: bytes) -> Part:
    path = folder / "model.safetensors"
    path.write_bytes(data)
    return read_part(path)


def test_a_file_says_how_many_numbers_of_which_type_it_has(tmp_path: Path) -> None:
    part = _read(tmp_path, safetensors())
    assert part.parameters == {"BF16": 8, "F32": 2}
    header = describe([part, part], b'{"model_type": "llama", "max_position_embeddings": 2048}')
    assert (header.architecture, header.context_length, header.parameters) == ("llama", 2048, 20)
    assert (header.precision, header.format) == ("bf16", "safetensors")


@pytest.mark.parametrize("config", [b"", b"[]", b"{", b'{"model_type": 7, "max_position_embeddings": -1}', b"[" * 9999])
def test_a_configuration_that_says_nothing_is_no_error(tmp_path: Path, config: bytes) -> None:
    header = describe([_read(tmp_path, safetensors())], config)
    assert (header.architecture, header.context_length) == ("unknown", 0)


def _tensor(dtype: str = "F32", shape: Any = (6,), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


BAD = {
    "nothing": b"",
    "a length alone": safetensors()[:8],
    "a length past the end": safetensors(length=10**9),
    "a huge length": safetensors(length=2**63),
    "a length of 0": safetensors(length=0),
    "no JSON": safetensors()[:8] + b"[" * 500,
    "a list": safetensors([]),  # type: ignore[arg-type] # that is the point
    "no tensors": safetensors({}, b""),
    "only metadata": safetensors({"__metadata__": {}}, b""),
    "a gap": safetensors({"a": _tensor(shape=(5,), offsets=(4, 24))}),
    "a tail": safetensors({"a": _tensor(shape=(5,), offsets=(0, 20))}),
    "an overlap": safetensors({"a": _tensor(shape=(4,), offsets=(0, 16)), "b": _tensor(shape=(3,), offsets=(12, 24))}),
    "another size": safetensors({"a": _tensor(shape=(7,))}),
    "an unknown type": safetensors({"a": _tensor("PICKLE")}),
    "a negative shape": safetensors({"a": _tensor(shape=(-6,))}),
    "a shape beyond all": safetensors({"a": _tensor(shape=(2**62, 2**62))}),
    "many dimensions": safetensors({"a": _tensor(shape=(1,) * 8 + (6,))}),
    "backwards": safetensors({"a": _tensor(offsets=(24, 0))}),
    "text for numbers": safetensors({"a": _tensor(offsets=("0", "24"))}),
    "too many": safetensors({str(n): _tensor(shape=(0,), offsets=(0, 0)) for n in range(65_537)}, b""),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        _read(tmp_path, data)
    assert caught.value.code == "package_weights_unreadable"


@_ONE_FOLDER
@given(st.binary(max_size=300), st.integers(0, 250))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, at: int) -> None:
    whole = safetensors()
    for each in (data, whole[:at] + data + whole[at + len(data) :]):
        with suppress(PackageError):
            _read(tmp_path, each)


def test_a_start_is_told_from_others() -> None:
    assert looks_like(safetensors())
    assert not any(looks_like(start) for start in (b"", b"GGUF", b"PK\x03\x04" + bytes(20), b"\x80\x04" + bytes(9)))

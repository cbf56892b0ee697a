import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.gguf import WeightsHeader, read_header
from tests.fakes.gguf import (
    ARRAY,
    STANDARD,
    TEXT,
    U8,
    U64,
    array_pair,
    count_pair,
    gguf,
    tensor,
    text,
    text_pair,
)

_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
_REFUSALS = {"package_weights_unreadable", "package_format_refused"}


def _read(folder: Path, data: bytes) -> WeightsHeader:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return read_header(path)


def _refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(PackageError) as caught:
        _read(folder, data)
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_says_what_it_is(tmp_path: Path, version: int) -> None:
    assert _read(tmp_path, gguf(version=version)) == WeightsHeader(
        architecture="llama",
        basename="tiny",
        license="apache-2.0",
        quantization="Q4_1",
        context_length=128,
        parameters=1600,
    )


def test_a_file_need_only_name_its_architecture(tmp_path: Path) -> None:
    header = _read(tmp_path, gguf([text_pair("general.architecture", "llama")]))
    assert (header.basename, header.quantization, header.context_length) == ("", "", 0)


def test_the_context_length_is_its_own_architectures(tmp_path: Path) -> None:
    pairs = [count_pair("clip.context_length", 7), *STANDARD]
    assert _read(tmp_path, gguf(pairs)).context_length == 128


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        (999, "999"),
        (1_600, "1.6k"),
        (134_515_008, "135m"),
        (1_000_000_000, "1b"),
        (7_615_616_512, "7.6b"),
        (70_553_706_496, "71b"),
    ],
)
def test_the_number_of_parameters_is_written_as_people_do(parameters: int, size: str) -> None:
    header = WeightsHeader(
        architecture="llama",
        basename="",
        license="",
        quantization="",
        context_length=0,
        parameters=parameters,
    )
    assert header.param_size == size


def test_what_a_terminal_would_obey_is_taken_out(tmp_path: Path) -> None:
    pairs = [text_pair("general.architecture", "llama"), text_pair("general.basename", "a\x1b[2Jb\nc")]
    assert _read(tmp_path, gguf(pairs)).basename == "a[2Jbc"


def test_pickles_archives_and_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps({}))
    others = [path.read_bytes(), pickle.dumps({"w": 1}), b"", b"GGU", b"GGML" + gguf()[4:], b"\x02\0\0\0\0\0\0\0{}"]
    assert [_refusal(tmp_path, data) for data in others] == ["package_format_refused"] * len(others)


def test_one_part_of_a_split_model_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path, gguf([*STANDARD, count_pair("split.count", 2)])) == "package_format_refused"


HOSTILE = {
    "unknown version": gguf(version=4),
    "big endian": gguf(version=0x03000000),
    "no tensors": gguf(tensors=[]),
    "huge tensor count": gguf(tensor_count=2**64 - 1),
    "huge key count": gguf(key_count=2**64 - 1),
    "more keys than are there": gguf(key_count=4096),
    "more tensors than are there": gguf(tensor_count=65_536),
    "no architecture": gguf([text_pair("general.name", "x")]),
    "empty architecture": gguf([text_pair("general.architecture", "")]),
    "architecture of another type": gguf([count_pair("general.architecture", 1)]),
    "file type of another type": gguf([*STANDARD[:5], text_pair("general.file_type", "Q4")]),
    "one key twice": gguf([*STANDARD, STANDARD[0]]),
    "unknown value type": gguf([*STANDARD, ("x", struct.pack("<I", 99))]),
    "nested arrays": gguf([*STANDARD, array_pair("x", ARRAY, 1, struct.pack("<IQ", U8, 0))]),
    "array of an unknown type": gguf([*STANDARD, array_pair("x", 99, 1)]),
    "array past the end": gguf([*STANDARD, array_pair("x", U64, 2**61)]),
    "array of too many strings": gguf([*STANDARD, array_pair("x", TEXT, 2**63)]),
    "array of strings past the end": gguf([*STANDARD, array_pair("x", TEXT, 1_000_000)]),
    "string past the end": gguf([*STANDARD, ("x", struct.pack("<IQ", TEXT, 2**64 - 1))]),
    "absurd key length": gguf()[:24] + struct.pack("<Q", 2**40) + bytes(100),
    "absurd name": gguf([text_pair("general.architecture", "x" * 5000)]),
    "a key that is not UTF-8": gguf()[:24] + text(b"\xff\xfe") + bytes(100),
    "a name that is not UTF-8": gguf([text_pair("general.architecture", b"\xff")]),
    "a tensor without dimensions": gguf(tensors=[tensor("t", ())]),
    "a tensor of many dimensions": gguf(tensors=[tensor("t", (1, 1, 1, 1, 1))]),
    "an empty tensor": gguf(tensors=[tensor("t", (0, 5))]),
    "more parameters than bytes": gguf(tensors=[tensor("t", (2**63, 2**63))]),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_unreadable_and_takes_no_memory(tmp_path: Path, data: bytes) -> None:
    tracemalloc.start()
    try:
        assert _refusal(tmp_path, data) == "package_weights_unreadable"
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_header_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gguf(data=b"")
    assert {_refusal(tmp_path, whole[:end]) for end in range(len(whole))} == _REFUSALS


@_ONE_FOLDER
@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_reader(tmp_path: Path, data: bytes) -> None:
    assert _refusal(tmp_path, b"GGUF\x03\0\0\0" + data) in _REFUSALS


@_ONE_FOLDER
@given(st.integers(0, len(gguf(data=b"")) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(tmp_path: Path, position: int, value: int) -> None:
    data = bytearray(gguf())
    data[position] = value
    header = _read_or_refuse(tmp_path, bytes(data))
    assert header is None or (header.architecture and 0 < header.parameters <= 8 * len(data))


def _read_or_refuse(folder: Path, data: bytes) -> WeightsHeader | None:
    try:
        return _read(folder, data)
    except PackageError:
        return None

"""Recordings are read as they are; what is none is refused with its line."""

import gzip
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.core.money import PicoRate
from homeport.ledger.traces import Arrival, read_trace, spent_in

CSV = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:04.0319600,3180,8\n\n2023-11-16 18:17:03.9799600,4808,10"
)
JSONL = (
    '{"timestamp": 27, "input_length": 7, "output_length": 5, "hash_ids": [1]}\n'
    '{"timestamp": 0, "input_length": 6, "output_length": 4}\n'
)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "trace"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        read_trace(write(folder, content))
    assert raised.value.code == "trace_unreadable"
    return raised.value


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_both_forms_packed_or_not_in_the_order_of_time(tmp_path: Path, pack: type[bytes]) -> None:
    one, two = read_trace(write(tmp_path, pack(CSV.encode())))
    assert (one.input_tokens, two.input_tokens, two.at - one.at) == (4808, 3180, 52_000_000)
    assert read_trace(write(tmp_path, pack(JSONL.encode()))) == [Arrival(0, 6, 4), Arrival(27_000_000, 7, 5)]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "columns"),
        (b"TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        (b"when,what\n1,2", "columns"),
        (CSV.replace("3180", "-1").encode(), "line 2"),
        (CSV.replace("3180", "9" * 5000).encode(), "line 2"),
        (CSV.replace("2023", "20x3").encode(), "line 2"),
        (CSV.replace(",8", "").encode(), "line 2"),
        (JSONL.replace("27", "1e300").encode(), "line 1"),
        (JSONL.replace("27", "NaN").encode(), "line 1"),
        (JSONL.replace("6", '"6"').encode(), "line 2"),
        (b'{"timestamp":' + b"[" * 100_000, "line 1"),
        (b"\xff\xfe\x00", "Unicode"),
        (gzip.compress(CSV.encode(), mtime=0)[:-20], ""),
        (b"\x1f\x8b" + b"\x00" * 40, ""),
        (b"x" * 5_000_000, "line 1"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, content: bytes, what: str) -> None:
    assert what in refusal(tmp_path, content).message


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError):
            read_trace(path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda tail: (CSV + "\n" + tail).encode())))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    with suppress(ConfigError):
        assert read_trace(write(tmp_path, content))


def test_spending_is_exact_and_all_there() -> None:
    trace = [Arrival(10, 4, 1), Arrival(14, 0, 2), Arrival(19, 1, 0)]
    assert spent_in(trace, 2, PicoRate(1_000), PicoRate(5_000)) == [9 + 10, 1]
    assert spent_in(trace[:1], 3, PicoRate(1_000), PicoRate(5_000)) == [9, 0, 0]

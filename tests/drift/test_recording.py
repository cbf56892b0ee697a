"""Rows of a recording, and whatever is none."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.drift.recording import MOST_LINE_BYTES, Row, parse_rows, read_rows


def line(**fields: Any) -> bytes:
    return json.dumps({"batch": "2026-03-01", "probe": "a", "output": "x", **fields}).encode() + b"\n"


def parsed(*lines: bytes) -> list[Row]:
    return list(parse_rows(io.BytesIO(b"".join(lines)), "f"))


def refused(*lines: bytes) -> str:
    with pytest.raises(ConfigError) as raised:
        parsed(*lines)
    assert raised.value.code == "recording_invalid"
    assert raised.value.hint
    return raised.value.message


def test_a_row_is_read() -> None:
    (row,) = parsed(b"\xef\xbb\xbf" + line(batch="2026-03-01T06:00:00+02:00", logprobs={"x": -0.5}, more=[1]))
    assert row == Row(
        seconds=1_772_337_600.0, batch="2026-03-01T06:00:00+02:00", probe="a", output="x", logprobs={"x": -0.5}
    )
    assert parsed(b"\n", line(logprobs=None), b"  \n")[0].logprobs == {}


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026-03-01T00:00", "2026-03-01 00:00:00Z", "2026-03-01T02:00+02:00", "20260301"]
)
def test_times_are_written_in_several_ways(text: str) -> None:
    assert parsed(line(batch=text))[0].seconds == parsed(line())[0].seconds


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"[]\n",
        b"NaN\n",
        b"\xff\xfe\n",
        b'{"batch": "2026-03-01", "probe": "a"}\n',
        b'{"batch": "2026-03-01", "probe": "a", "output": "\\ud800"}\n',
        b"[" * 100_000 + b"\n",
        line(output=5),
        line(output=None),
        line(probe=""),
        line(probe="a" * 1_001),
        line(batch="yesterday"),
        line(batch="2026-13-01"),
        line(batch="2026-03-01\u2028"),
        line(batch="\uff12\uff10\uff12\uff16-03-01"),
        line(batch=5),
        line(logprobs=[]),
        line(logprobs={"x": "y"}),
        line(logprobs={"x": 0.5}),
        line(logprobs={"x": 1e300}),
        line(logprobs={str(token): -1 for token in range(1_001)}),
        b'{"batch": "2026-03-01", "probe": "a", "output": "x", "logprobs": {"x": NaN}}\n',
        b'{"batch": "2026-03-01", "probe": "a", "output": "x", "logprobs": {"x": -1e999}}\n',
        line(output="x" * MOST_LINE_BYTES),
    ],
)
def test_what_is_no_row_is_told_with_its_line(bad: bytes) -> None:
    message = refused(line(), b"\n", bad)
    assert message.startswith("f, line 3, ")
    assert len(message) < 700
    assert message.isprintable()


@pytest.mark.parametrize("lines", [(), (b"\n",), (b"\xef\xbb\xbf",)])
def test_nothing_is_no_recording(lines: tuple[bytes, ...]) -> None:
    assert "no row" in refused(*lines)


def test_the_ends_of_time_are_times() -> None:
    first, last = parsed(line(batch="0001-01-01T00:00+23:59"), line(batch="9999-12-31T23:59-23:59"))
    assert first.seconds < last.seconds


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError) as raised:
            list(read_rows(path))
        assert raised.value.code == "recording_invalid"


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with suppress(ConfigError):
        parsed(data)

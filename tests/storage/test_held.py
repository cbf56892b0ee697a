"""Numbers that processes share: sealed with what they mean, passed over where they are not whole."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.storage.held import HeldNumbers


def test_every_process_reads_what_was_written_last(tmp_path: Path) -> None:
    one, other = HeldNumbers(tmp_path / "t"), HeldNumbers(tmp_path / "t")
    assert one.read(b"a") is None
    one.write(b"a", (0.5, 0.75))
    assert (other.read(b"a"), other.read(b"b")) == ((0.5, 0.75), None)
    other.write(b"a", (0.25,))
    assert one.read(b"a") == (0.25,)
    one.write(b"a", ())
    one.write(b"a", (0.0,) * 65)
    assert one.read(b"a") == (0.25,), "too few and too many change nothing"
    one.close()
    other.close()


@settings(max_examples=50)
@given(junk=st.binary(max_size=600), numbers=st.lists(st.floats(allow_nan=False), min_size=1, max_size=64))
def test_junk_is_passed_over(tmp_path_factory: pytest.TempPathFactory, junk: bytes, numbers: list[float]) -> None:
    path = tmp_path_factory.mktemp("held") / "t"
    path.write_bytes(junk)
    table = HeldNumbers(path)
    assert table.read(b"a") is None
    table.write(b"a", numbers)
    assert table.read(b"a") == tuple(numbers)
    table.close()


def test_half_a_write_is_nothing(tmp_path: Path) -> None:
    table = HeldNumbers(tmp_path / "t")
    table.write(b"a", (0.5, 0.75))
    with (tmp_path / "t").open("r+b") as file:
        file.seek(6)
        file.write(b"x")
    assert table.read(b"a") is None

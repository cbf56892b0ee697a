"""Lines of anybody: each with its number, none too long."""

import io

import msgspec
import pytest

from homeport.evaluation.jsonlines import LineError, decoder_of, encode_lines, numbered_lines


class Thing(msgspec.Struct):
    a: int


def test_lines_have_numbers_and_empty_ones_are_passed_by() -> None:
    file = io.BytesIO(b"\xef\xbb\xbf{}\n\n  \r\n [1] \r\n3")
    assert [*numbered_lines(file, 100)] == [(1, b"{}"), (4, b"[1]"), (5, b"3")]


def test_a_long_line_is_not_read() -> None:
    file = io.BytesIO(b"a\n" + b"x" * 5000)
    with pytest.raises(LineError) as caught:
        list(numbered_lines(file, 1024))
    assert (caught.value.number, caught.value.long) == (2, True)
    assert file.tell() == 2 + 1025


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"a": NaN}', b'{"a": "1"}', b"\xff", b"[" * 100_000])
def test_what_is_no_value_is_refused_with_its_number(line: bytes) -> None:
    with pytest.raises(LineError, match="line 7"):
        decoder_of(Thing)(7, line)


def test_written_and_read() -> None:
    assert [
        decoder_of(Thing)(*one).a for one in numbered_lines(io.BytesIO(encode_lines([Thing(1), Thing(2)])), 99)
    ] == [1, 2]

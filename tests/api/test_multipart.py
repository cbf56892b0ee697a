"""Uploads as clients and strangers write them, cut anywhere."""

import contextlib
import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.multipart import MAX_FIELD_BYTES, MAX_FIELDS, Upload
from homeport.core.errors import InvalidRequest
from tests.fakes.multipart import BOUNDARY, CONTENT_TYPE, form, part

END = f"--{BOUNDARY}--\r\n".encode()
FILE = part("file", b"{}", "a.jsonl")


def read(body: bytes, *cuts: int, content_type: str | None = CONTENT_TYPE) -> tuple[Upload, bytes]:
    pieces: list[bytes] = []
    upload = Upload(content_type, pieces.append)
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        upload.feed(body[start:end])
    upload.finish()
    return upload, b"".join(pieces)


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 1000), max_size=6))
def test_a_file_comes_out_as_it_went_in_wherever_it_is_cut(data: bytes, cuts: list[int]) -> None:
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + data:
        return
    upload, read_back = read(form(data, filename="a.jsonl", extra="x"), *cuts)
    assert read_back == data
    assert (upload.filename, upload.fields) == ("a.jsonl", {"purpose": "batch", "extra": "x"})


@pytest.mark.parametrize(
    "tail", [b"\r\n--a-boundar", b"\r\n--", b"\r", b"\r\n\r\n", b"\r\n--a-boundaryx", b"--a-boundary--"]
)
def test_a_file_that_looks_like_an_end(tail: bytes) -> None:
    data = b"{}" + tail + b"rest"
    for cut in range(len(form(data))):
        assert read(form(data), cut)[1] == data


@pytest.mark.parametrize("before", [b"x", b"-", b"a preamble\r\n", b"\r\nx\r\n", b"--other\r\n"])
def test_text_before_the_first_boundary_is_refused_wherever_it_is_cut(before: bytes) -> None:
    body = before + form(b"{}")
    for cut in range(len(body)):
        with pytest.raises(InvalidRequest) as caught:
            read(body, cut)
        assert caught.value.code == "invalid_multipart"


def test_empty_lines_before_the_first_boundary_are_read_wherever_they_are_cut() -> None:
    body = b"\r\n\r\n" + form(b"{}")
    for cut in range(len(body)):
        assert read(body, cut)[1] == b"{}"


@given(body=st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(body)
    assert caught.value.code == "invalid_multipart"


@given(cut=st.integers(0, 10_000), garbage=st.binary(min_size=1, max_size=8))
def test_a_damaged_upload_is_read_or_refused(cut: int, garbage: bytes) -> None:
    body = form(b'{"a":1}\n' * 5)
    place = cut % len(body)
    with contextlib.suppress(InvalidRequest):
        upload, data = read(body[:place] + garbage + body[place + len(garbage) :])
        assert len(data) <= len(body)
        assert upload.filename


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=a-boundary",
        f"multipart/form-data; boundary={'x' * 300}",
        "multipart/form-data; boundary*=utf-8''a-boundary",
    ],
)
def test_content_types_that_are_none(content_type: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(form(b"{}"), content_type=content_type)
    assert caught.value.code == "invalid_multipart"


@pytest.mark.parametrize(
    "body",
    [
        END,
        part("purpose", b"batch") + END,
        FILE,
        form(b"{}")[:-4],
        FILE + FILE + END,
        part("file", b"{}") + END,
        b"".join(part(str(number), b"") for number in range(MAX_FIELDS + 1)) + FILE + END,
        part("purpose", b"x" * (MAX_FIELD_BYTES + 1)) + FILE + END,
        part("purpose", b"\xff") + FILE + END,
        FILE.replace(b"a.jsonl", b"\xff") + END,
        f"--{BOUNDARY}\r\n\r\n{{}}\r\n".encode() + END,
        f"--{BOUNDARY}\r\nContent-Disposition: attachment; filename=a\r\n\r\n{{}}\r\n".encode() + END,
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name=""\r\n\r\n{{}}\r\n'.encode() + END,
        f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 20 + b"\r\n{}\r\n" + END,
        f"--{BOUNDARY}\r\nX: {'y' * 10_000}\r\n\r\n{{}}\r\n".encode() + END,
        f"--{BOUNDARY}\r\nno colon\r\n\r\n{{}}\r\n".encode() + END,
    ],
)
def test_uploads_that_are_none(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(body)
    assert caught.value.code == "invalid_multipart"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\x00b", "a\x00b"),
        ("x" * 1000, "x" * 255),
        ("Ünï.jsonl", "Ünï.jsonl"),
        ("", "file"),
    ],
)
def test_a_filename_is_only_text(sent: str, kept: str) -> None:
    """It is told back, and is never a path."""
    assert read(form(b"{}", filename=sent))[0].filename == kept


def test_what_is_wrong_in_a_body_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidRequest) as caught:
        read(f"--{BOUNDARY}\r\nSECRET\x01: y\r\n\r\n".encode())
    assert caplog.records == []
    assert "SECRET" not in caught.value.message

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.digest import copy_stream, digest_bytes, digest_file, hex_of, parse_digest


@given(st.binary())
def test_a_digest_is_sha256_in_oci_notation(data: bytes) -> None:
    digest = digest_bytes(data)
    assert digest == parse_digest(digest)
    assert hex_of(digest) == hashlib.sha256(data).hexdigest()


@given(st.text(max_size=80))
def test_nothing_but_a_digest_is_read_as_one(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        parse_digest(text)
    assert caught.value.code == "package_digest_invalid"


@pytest.mark.parametrize(
    "text",
    [
        "0" * 64,
        "sha512:" + "0" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha256:" + "\u0660" * 64,
        "sha256:../../../../etc/passwd",
    ],
)
def test_what_only_looks_like_a_digest_is_refused(text: str) -> None:
    with pytest.raises(PackageError, match="not a SHA-256 digest"):
        parse_digest(text)


def test_a_large_file_is_hashed_in_chunks_that_are_told(tmp_path: Path) -> None:
    path, data = tmp_path / "large", bytes(range(256)) * 40_000
    path.write_bytes(data)
    told: list[int] = []
    assert digest_file(path, told.append) == digest_bytes(data)
    assert told == sorted(set(told))
    assert told[-1] == len(data)
    assert len(told) > 1


def test_a_copy_is_hashed_on_its_way() -> None:
    target, told = io.BytesIO(), list[int]()
    assert copy_stream(io.BytesIO(b"weights"), target, 7, told.append) == digest_bytes(b"weights")
    assert target.getvalue() == b"weights"
    assert told == [7]


def test_a_copy_stops_at_its_limit() -> None:
    target = io.BytesIO()
    with pytest.raises(PackageError) as caught:
        copy_stream(io.BytesIO(b"weights"), target, 6)
    assert caught.value.code == "package_too_large"
    assert target.getvalue() == b""

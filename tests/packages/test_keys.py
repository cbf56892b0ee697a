"""Keys: made, written, read again, and refused where they are not what they should be."""

import os
import re
import resource
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.key_files import public_path, read_key_file, read_public_file, write_key
from homeport.packages.keys import KeyKind, make_key, read_private_key, read_public_key

kinds = pytest.mark.parametrize("kind", KeyKind)


def _never() -> bytes:
    raise AssertionError("nobody should be asked for a password")


def _refusal(read: Any) -> str:
    with pytest.raises(PackageError) as caught:
        read()
    assert caught.value.hint
    assert caught.value.__cause__ is None or "BEGIN" not in str(caught.value)
    return caught.value.code


@kinds
def test_a_key_signs_and_its_public_half_checks(kind: KeyKind) -> None:
    key, other = make_key(kind), make_key(kind)
    signature = key.sign(b"data")
    assert key.public.kind is kind
    assert key.public.signed(b"data", signature)
    assert not key.public.signed(b"date", signature)
    assert not key.public.signed(b"data", signature[:-1])
    assert not key.public.signed(b"data", b"")
    assert not other.public.signed(b"data", signature)


@kinds
def test_the_private_half_is_never_shown(kind: KeyKind) -> None:
    key = make_key(kind)
    assert "rivate" not in repr(key)
    assert b"BEGIN PRIVATE KEY" in key.pem()


@kinds
def test_a_public_key_is_read_as_pem_and_as_one_line(kind: KeyKind) -> None:
    public = make_key(kind).public
    assert re.fullmatch("[0-9a-f]{64}", public.id)
    assert read_public_key(public.pem) == read_public_key(public.line) == read_public_key(f"\n{public.pem} ") == public
    assert "\n" not in public.line


@kinds
@pytest.mark.parametrize("password", [None, b"four words of it"])
def test_a_key_file_is_closed_to_others_and_read_again(kind: KeyKind, password: bytes | None, tmp_path: Path) -> None:
    key, path = make_key(kind), tmp_path / "release.key"
    write_key(path, key, password)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (b"ENCRYPTED" in path.read_bytes()) == bool(password)
    assert read_key_file(path, lambda: password or _never()).public == key.public
    assert read_public_file(public_path(path)) == key.public


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(path, make_key())
    before = path.read_bytes(), public_path(path).read_bytes()
    assert _refusal(lambda: write_key(path, make_key())) == "signing_key_exists"
    public_path(path).unlink()
    assert _refusal(lambda: write_key(path, make_key())) == "signing_key_exists"
    assert not public_path(path).exists()
    assert path.read_bytes() == before[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o004])
def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_key(path, make_key())
    path.chmod(mode)
    assert _refusal(lambda: read_key_file(path, _never)) == "signing_key_exposed"


def test_a_wrong_password_is_told_from_a_missing_one(tmp_path: Path) -> None:
    pem = make_key().pem(b"right")
    assert _refusal(lambda: read_private_key(pem)) == "signing_key_password_needed"
    assert _refusal(lambda: read_private_key(pem, b"wrong")) == "signing_key_password_wrong"


def test_keys_of_other_kinds_are_refused() -> None:
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        assert _refusal(lambda pem=private: read_private_key(pem)) == "signing_key_kind_unknown"
        assert _refusal(lambda text=public: read_public_key(text)) == "signing_key_kind_unknown"


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    fifo, large, text = tmp_path / "fifo", tmp_path / "large", tmp_path / "text"
    os.mkfifo(fifo)
    large.write_bytes(bytes(1 << 17))
    text.write_text("no key")
    text.chmod(0o600)
    for path in (tmp_path / "none", tmp_path, fifo, large):
        assert _refusal(lambda path=path: read_key_file(path, _never)) == "signing_key_missing"
        assert _refusal(lambda path=path: read_public_file(path)) == "signing_key_missing"
    assert _refusal(lambda: read_key_file(text, _never)) == "signing_key_unreadable"
    assert _refusal(lambda: read_public_file(text)) == "signing_key_unreadable"


@given(text=st.text(max_size=60) | st.text(alphabet="ABab01+/=", max_size=120))
def test_no_text_is_a_public_key_by_chance(text: str) -> None:
    for form in (text, f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"):
        assert _refusal(lambda form=form: read_public_key(form)) in {
            "signing_key_unreadable",
            "signing_key_kind_unknown",
        }


def test_half_a_key_is_left_nowhere(tmp_path: Path) -> None:
    key, before = make_key(), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert len(key.public.pem) < 200 < len(key.pem())
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write_key(tmp_path / "key", key)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []

"""Signatures of texts and of packages: nothing but what was signed, by whom it was signed, is let through."""

import base64
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.bundle import BUNDLE_TYPE, MAX_BUNDLE_BYTES, seal, unseal
from homeport.packages.digest import digest_bytes
from homeport.packages.keys import KeyKind, SigningKey, make_key
from homeport.packages.signing import Signer, TrustedKey, check_bytes, open_package, sign_bytes, sign_package
from homeport.packages.statement import PackageStatement, SignedFile, decode_package, encode_package

TODAY = date(2026, 11, 23)
DATA = b'{"packages": []}'
KEYS = {kind: make_key(kind) for kind in KeyKind}
STRANGER = make_key()
TRUSTED = tuple(TrustedKey(name=kind, key=key.public) for kind, key in KEYS.items())
BUNDLES = {kind: sign_bytes(DATA, key) for kind, key in KEYS.items()}
STATEMENT = PackageStatement(
    name="legal-4b",
    version="1.4.0",
    manifest=digest_bytes(b"manifest"),
    files=(
        SignedFile(path="LICENSE", digest=digest_bytes(b"Free."), size=5),
        SignedFile(path="model.gguf", digest=digest_bytes(b"weights"), size=7),
    ),
    signed_at="2026-11-23T00:00:00Z",
)

kinds = pytest.mark.parametrize("kind", KeyKind)


def _refusal(bundle: bytes, data: bytes = DATA, trusted: tuple[TrustedKey, ...] = TRUSTED) -> str:
    with pytest.raises(PackageError) as caught:
        check_bytes(data, bundle, trusted, TODAY)
    assert caught.value.hint
    return caught.value.code


def _changed(bundle: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _resigned(change: Callable[[dict[str, Any]], object], key: SigningKey = STRANGER) -> bytes:
    """A package's statement with a change, well signed."""
    return seal(_changed(encode_package(STATEMENT), change), key)


@kinds
def test_who_signed_a_text_is_told(kind: KeyKind) -> None:
    signer = check_bytes(DATA, BUNDLES[kind], TRUSTED, TODAY)
    assert signer == Signer(name=kind, key_id=KEYS[kind].public.id, kind=kind)


@kinds
def test_a_bundle_is_what_the_standard_says(kind: KeyKind) -> None:
    document = json.loads(BUNDLES[kind])
    assert document["mediaType"] == BUNDLE_TYPE == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert document["verificationMaterial"] == {"publicKey": {"hint": KEYS[kind].public.id}, "tlogEntries": []}
    envelope = document["dsseEnvelope"]
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert json.loads(base64.b64decode(envelope["payload"]))["_type"] == "https://in-toto.io/Statement/v1"
    payload = base64.b64decode(envelope["payload"])
    authenticated = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    assert KEYS[kind].public.signed(authenticated, base64.b64decode(envelope["signatures"][0]["sig"]))


@kinds
@settings(max_examples=150)
@given(data=st.data())
def test_any_changed_byte_of_a_bundle_is_refused(kind: KeyKind, data: st.DataObject) -> None:
    bundle = bytearray(BUNDLES[kind])
    place = data.draw(st.integers(0, len(bundle) - 1))
    bundle[place] ^= data.draw(st.integers(1, 255))
    assert _refusal(bytes(bundle)).startswith("signature_")


@kinds
@given(data=st.data())
def test_a_bundle_with_bytes_lost_or_added_is_refused(kind: KeyKind, data: st.DataObject) -> None:
    bundle = BUNDLES[kind]
    start = data.draw(st.integers(0, len(bundle) - 1))
    end = data.draw(st.integers(start + 1, len(bundle)))
    assert _refusal(bundle[:start] + bundle[end:]).startswith("signature_")
    assert _refusal(bundle[:start] + data.draw(st.binary(min_size=1, max_size=4)) + bundle[start:])


@given(data=st.binary(max_size=40))
def test_any_other_text_is_refused(data: bytes) -> None:
    assume(data != DATA)
    assert _refusal(BUNDLES[KeyKind.ECDSA_P256], data) == "signature_mismatch"


@given(
    data=st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda one: json.dumps(one).encode())
)
def test_what_is_no_bundle_is_malformed(data: bytes) -> None:
    assert _refusal(data) == "signature_malformed"


def test_a_cut_and_an_endless_bundle_are_refused() -> None:
    bundle = BUNDLES[KeyKind.ECDSA_P256]
    assert _refusal(bundle[:-1]) == "signature_malformed"
    assert _refusal(b"") == "signature_malformed"
    assert _refusal(bundle + b" " * MAX_BUNDLE_BYTES) == "signature_too_large"
    assert _refusal(b"[" * 100_000) == "signature_malformed"


def test_the_same_bundle_in_another_form_is_refused() -> None:
    document = json.loads(BUNDLES[KeyKind.ECDSA_P256])
    assert _refusal(json.dumps(document).encode()) == "signature_malformed"
    assert _refusal(BUNDLES[KeyKind.ECDSA_P256] + b"\n") == "signature_malformed"


UNKNOWN: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
    "a certificate": lambda b: b.update(verificationMaterial={"certificate": {"rawBytes": "aGk="}, "tlogEntries": []}),
    "an entry of a log": lambda b: b["verificationMaterial"].update(tlogEntries=[{}]),
    "a message": lambda b: b.update(messageSignature=b.pop("dsseEnvelope")),
    "another payload": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "no signature": lambda b: b["dsseEnvelope"].update(signatures=[]),
    "two signatures": lambda b: b["dsseEnvelope"].update(signatures=b["dsseEnvelope"]["signatures"] * 2),
}


@pytest.mark.parametrize("change", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_other_kinds_of_bundles_are_told_apart(change: Callable[[dict[str, Any]], object]) -> None:
    assert _refusal(_changed(BUNDLES[KeyKind.ECDSA_P256], change)) == "signature_kind_unknown"


def test_a_key_that_nobody_trusts_is_refused() -> None:
    assert _refusal(sign_bytes(DATA, STRANGER)) == "signature_key_unknown"
    assert _refusal(BUNDLES[KeyKind.ED25519], trusted=()) == "signature_key_unknown"


@kinds
def test_a_stranger_in_the_name_of_a_trusted_key_is_refused(kind: KeyKind) -> None:
    forged = sign_bytes(DATA, make_key(kind))
    assert (
        _refusal(forged.replace(unseal(forged).key_id.encode(), KEYS[kind].public.id.encode())) == "signature_invalid"
    )


def test_a_key_holds_through_its_last_day() -> None:
    for last, holds in ((date(2026, 11, 23), True), (date(2026, 11, 22), False)):
        trusted = (msgspec.structs.replace(TRUSTED[0], valid_until=last),)
        bundle = BUNDLES[KeyKind(TRUSTED[0].name)]
        if holds:
            assert check_bytes(DATA, bundle, trusted, TODAY).name == TRUSTED[0].name
        else:
            assert _refusal(bundle, trusted=trusted) == "signature_key_expired"


def test_the_signature_of_a_package_is_none_of_a_text() -> None:
    payload = encode_package(STATEMENT)
    bundle = sign_package(STATEMENT, KEYS[KeyKind.ED25519])
    assert _refusal(bundle, payload) == "signature_kind_unknown"
    with pytest.raises(PackageError) as caught:
        open_package(BUNDLES[KeyKind.ED25519])
    assert caught.value.code == "signature_kind_unknown"


def test_a_statement_comes_back_as_it_was_signed() -> None:
    signed, statement = open_package(sign_package(STATEMENT, STRANGER))
    assert statement == STATEMENT
    assert STRANGER.public.signed(signed.authenticated, signed.signature)
    backwards = msgspec.structs.replace(STATEMENT, files=STATEMENT.files[::-1])
    assert encode_package(backwards) == encode_package(STATEMENT)


SAYS_OTHERWISE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another predicate": (lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"), "signature_kind_unknown"),
    "another statement": (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), "signature_kind_unknown"),
    "shards": (lambda s: s["predicate"]["serialization"].update(method="shards"), "signature_kind_unknown"),
    "links": (lambda s: s["predicate"]["serialization"].update(allow_symlinks=True), "signature_kind_unknown"),
    "files left out": (lambda s: s["predicate"]["serialization"].update(ignore_paths=["x"]), "signature_kind_unknown"),
    "another hash": (lambda s: s["predicate"]["resources"][0].update(algorithm="md5"), "signature_kind_unknown"),
    "no package": (lambda s: s["predicate"].pop("dev.homeport.package"), "signature_kind_unknown"),
    "another root": (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "signature_malformed"),
    "another subject": (lambda s: s["subject"][0].update(name="other"), "signature_malformed"),
    "a file dropped": (lambda s: s["predicate"]["resources"].pop(), "signature_malformed"),
    "a digest that is none": (lambda s: s["predicate"]["resources"][0].update(digest="x"), "signature_malformed"),
    "a manifest that is none": (
        lambda s: s["predicate"]["dev.homeport.package"].update(manifest="latest"),
        "signature_malformed",
    ),
    "files in disorder": (lambda s: s["predicate"]["resources"].reverse(), "signature_malformed"),
}


@pytest.mark.parametrize(("change", "code"), SAYS_OTHERWISE.values(), ids=SAYS_OTHERWISE.keys())
def test_a_statement_that_says_something_else_is_refused(change: Callable[[dict[str, Any]], object], code: str) -> None:
    with pytest.raises(PackageError) as caught:
        open_package(_resigned(change))
    assert caught.value.code == code


@given(payload=st.binary(max_size=80) | st.recursive(st.none(), st.lists).map(lambda one: json.dumps(one).encode()))
def test_what_is_no_statement_is_malformed(payload: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        decode_package(payload)
    assert caught.value.code == "signature_malformed"

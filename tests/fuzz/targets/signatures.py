"""Signatures that come with packages: bundles, what they sign, and the manifests that name them."""

import json
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec

from homeport.core.errors import PackageError
from homeport.core.trust import Unsigned
from homeport.packages.bundle import seal, unseal
from homeport.packages.digest import digest_bytes
from homeport.packages.keys import read_private_key
from homeport.packages.manifest import MANIFEST_TYPE, describe
from homeport.packages.referrers import decode_signature, encode_signature
from homeport.packages.signing import TrustedKey, sign_package
from homeport.packages.statement import PackageStatement, SignedFile, decode_package, encode_package
from homeport.packages.trust import Candidate, TrustPolicy, judge
from tests.fuzz.source import Source

# A key of this file alone: Ed25519 signs the same statement the same way, so that a crash is found again.
_KEY = read_private_key(b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
""")
_FILES = (
    SignedFile(path="LICENSE", digest=digest_bytes(b"Free."), size=5),
    SignedFile(path="model.gguf", digest=digest_bytes(b"weights"), size=7),
)
_PACKAGE = Candidate(name="legal-4b", version="1.0", manifest=digest_bytes(b"manifest"), files=_FILES)
_POLICY = TrustPolicy(keys=(TrustedKey(name="release", key=_KEY.public),), unsigned=Unsigned.REFUSE)
_STATEMENT = PackageStatement(
    name="legal-4b", version="1.0", manifest=_PACKAGE.manifest, files=_FILES, signed_at="2026-11-23T00:00:00Z"
)
_BUNDLE = sign_package(_STATEMENT, _KEY)
_TODAY = date(2026, 11, 23)
_SUBJECT = describe(b"manifest", MANIFEST_TYPE)
_MANIFEST = encode_signature(_SUBJECT, _BUNDLE).manifest


def bundles(data: bytes) -> None:
    """A bundle that is not the one that was signed is refused; what is read comes out as it went in."""
    source = Source(data)
    bundle = _changed(_BUNDLE, source) if source.flag() else source.rest()
    with suppress(PackageError):
        unseal(bundle)
        judge(_POLICY, _PACKAGE, (bundle,), _TODAY)
        assert bundle == _BUNDLE, "a signature that nobody made is taken"


def statements(data: bytes) -> None:
    """Whatever a trusted key signs: it is refused, or it is the statement of exactly this package."""
    source = Source(data)
    payload = _changed(encode_package(_STATEMENT), source) if source.flag() else _statement(source)
    with suppress(PackageError):
        said = decode_package(payload)
        assert encode_package(said) == payload, "a statement has two forms"
        judge(_POLICY, _PACKAGE, (seal(payload, _KEY),), _TODAY)
        assert msgspec.structs.replace(said, signed_at="") == msgspec.structs.replace(_STATEMENT, signed_at="")


def manifests(data: bytes) -> None:
    """The manifest of a signature is read or refused, and what it points at has a digest and a bound."""
    source = Source(data)
    with suppress(PackageError):
        read = decode_signature(_changed(_MANIFEST, source) if source.flag() else _manifest(source))
        assert len(read.subject) == len(read.bundle.digest) == 71
        assert 0 <= read.bundle.size <= 4 * 1024 * 1024


def _changed(data: bytes, source: Source) -> bytes:
    """With a few bytes replaced, lost or added."""
    start = source.integer(0, len(data))
    end = min(len(data), start + source.integer(0, 4))
    return data[:start] + source.take(source.integer(0, 6)) + data[end:]


def _statement(source: Source) -> bytes:
    """The statement with one value replaced."""
    document = json.loads(encode_package(_STATEMENT))
    predicate = document["predicate"]
    parts = (predicate["serialization"], predicate["resources"][0], predicate["dev.homeport.package"])
    return _edited(document, (document, document["subject"][0], predicate, *parts), source)


def _manifest(source: Source) -> bytes:
    """The manifest with one value replaced."""
    document = json.loads(_MANIFEST)
    return _edited(document, (document, document["subject"], document["layers"][0], document["config"]), source)


def _edited(document: Any, places: tuple[dict[str, Any], ...], source: Source) -> bytes:
    """With one value of one of its parts replaced, in the form in which it would be signed."""
    place = source.choice(places)
    place[source.choice(sorted(place))] = source.choice(
        (source.text(), source.integer(0, 10), -1, 1 << 40, None, [], {}, "sha256:" + "0" * 64, "0" * 64)
    )
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")

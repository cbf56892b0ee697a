"""Signatures go to a registry and come back; whatever a registry puts beside a package, nothing bad comes in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from homeport.bootstrap.signatures import statement_of
from homeport.bootstrap.trust import admission, judge_stored, utc_day
from homeport.core.errors import PackageError
from homeport.packages import exchange
from homeport.packages.base import StoredPackage
from homeport.packages.bundle import BUNDLE_TYPE
from homeport.packages.digest import Digest, parse_digest
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.layout import Store
from homeport.packages.manifest import MANIFEST_TYPE, describe
from homeport.packages.referrers import EMPTY, EMPTY_CONFIG, encode_signature
from homeport.packages.signing import TrustedKey, sign_bytes, sign_package
from homeport.packages.trust import TrustPolicy, TrustRule
from tests.fakes.gguf import gguf
from tests.fakes.registry import INDEX, FakeRegistry, digest, running
from tests.packages.places import REPOSITORY, SILENT, files_of, fill, place_at, registry_at

KEY, OTHER = make_key(), make_key()
POLICY = TrustPolicy(
    keys=(TrustedKey(name="release", key=KEY.public), TrustedKey(name="other", key=OTHER.public)),
    rules=(TrustRule(packages=("tiny",), keys=("release",)),),
)


@pytest.fixture(params=[True, False], ids=["referrers", "fallback tag"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    with running() as server:
        server.referrers = request.param
        yield server


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there", admission(POLICY))


def _sign(package: StoredPackage, key: SigningKey = KEY, **changes: object) -> bytes:
    return sign_package(msgspec.structs.replace(statement_of(package, "2026-11-23T00:00:00Z"), **changes), key)


def _push(fake: FakeRegistry, store: Store, tag: str = "1.0") -> None:
    exchange.push(store, "tiny", place_at(fake.host, tag), registry_at(fake), SILENT)
    fake.asked.clear()


def _pull(fake: FakeRegistry, there: Store, tag: str = "1.0", pin: Digest | None = None) -> StoredPackage:
    place = msgspec.structs.replace(place_at(fake.host, tag), digest=pin)
    return exchange.pull(there, place, registry_at(fake), SILENT)


def _refusal(fake: FakeRegistry, there: Store, tag: str = "1.0") -> str:
    before = files_of(there)
    with pytest.raises(PackageError) as caught:
        _pull(fake, there, tag)
    assert files_of(there) == before
    assert not list(there.root.glob(".staging/*"))
    assert caught.value.hint
    return caught.value.code


def _attach(fake: FakeRegistry, bundle: bytes) -> None:
    """Put a signature beside the tagged package, as anybody could who may push."""
    subject = describe(fake.manifests[REPOSITORY, "1.0"][0], MANIFEST_TYPE)
    made = encode_signature(subject, bundle)
    registry = registry_at(fake)
    registry.send_bytes(EMPTY, EMPTY_CONFIG)
    registry.send_bytes(bundle, made.layer)
    registry.refer(parse_digest(subject.digest), made.manifest, BUNDLE_TYPE)


def test_a_signature_comes_back_with_its_package(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    store.add_signature(package, _sign(package))
    store.add_signature(package, _sign(package, make_key()))
    _push(fake, store)
    pulled = _pull(fake, there)
    assert pulled.digest == package.digest
    assert pulled.origin == f"{fake.host}/{REPOSITORY}"
    assert there.signatures(pulled.digest) == store.signatures(package.digest)
    assert [one.name for one in judge_stored(POLICY, there, pulled, utc_day()).signers] == ["release"]


def test_pushing_and_pulling_again_changes_nothing(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    store.add_signature(package, _sign(package))
    _push(fake, store)
    _pull(fake, there)
    before, manifests = files_of(there), dict(fake.manifests)
    _push(fake, store)
    _pull(fake, there)
    assert (files_of(there), fake.manifests) == (before, manifests)


def test_an_unsigned_package_is_refused_before_its_files_are_fetched(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    _push(fake, store)
    assert _refusal(fake, there) == "package_unsigned"
    assert not fake.times("GET", package.weights.name)
    assert _pull(fake, Store(there.root)).digest == package.digest


BAD = {
    "another key's": (lambda package: _sign(package, OTHER), "signature_key_not_allowed"),
    "a stranger's": (lambda package: _sign(package, make_key()), "signature_key_unknown"),
    "a text's": (lambda package: sign_bytes(b"text", KEY), "signature_kind_unknown"),
    "another name's": (lambda package: _sign(package, name="other"), "signature_mismatch"),
    "another package's": (lambda package: _sign(package, manifest=Digest(digest(b"x"))), "signature_mismatch"),
    "of other files": (lambda package: _sign(package, files=()), "signature_mismatch"),
    "a cut one": (lambda package: _sign(package)[:-1], "signature_malformed"),
    "garbage": (lambda package: b"garbage", "signature_malformed"),
    "a forged one": (
        lambda package: _sign(package, OTHER).replace(OTHER.public.id.encode(), KEY.public.id.encode()),
        "signature_invalid",
    ),
}


@pytest.mark.parametrize(("make", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_signature_in_the_registry_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path, make: Callable[[StoredPackage], bytes], code: str
) -> None:
    package = fill(store, tmp_path / "shelf")
    _push(fake, store)
    bundle = make(package)
    _attach(fake, bundle)
    assert _refusal(fake, there) == code
    store.add_signature(package, _sign(package))
    _push(fake, store)
    if code in {"signature_key_not_allowed", "signature_key_unknown", "signature_kind_unknown"}:
        assert _pull(fake, there).digest == package.digest
    else:
        assert _refusal(fake, there) == code


def test_bytes_that_are_not_the_signature_s_are_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    store.add_signature(package, _sign(package))
    _push(fake, store)
    (signature,) = store.signatures(package.digest)
    whole = fake.blobs[signature.layer.digest]
    fake.blobs[signature.layer.digest] = whole[:-1] + b"]"
    assert _refusal(fake, there) == "package_digest_mismatch"
    fake.blobs[signature.layer.digest] = whole
    manifest, kind = fake.manifests[REPOSITORY, signature.entry.digest]
    fake.manifests[REPOSITORY, signature.entry.digest] = (manifest.replace(b'"size":2', b'"size":3'), kind)
    # The API lists what is there now, under another digest; the fallback's list keeps the old one.
    assert _refusal(fake, there) == ("package_not_found" if fake.referrers else "package_manifest_mismatch")


def test_a_signature_that_is_listed_with_another_package_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    old = fill(store, tmp_path / "shelf")
    store.add_signature(old, _sign(old))
    _push(fake, store, "0.9")
    (signature,) = store.signatures(old.digest)
    new = fill(store, tmp_path / "shelf", gguf(data=bytes(2000)))
    _push(fake, store)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST_TYPE, "digest": signature.entry.digest, "size": signature.entry.size,
         "artifactType": BUNDLE_TYPE}
    ]}  # fmt: skip
    fake.referrers = False
    tag = new.digest.replace(":", "-")
    fake.manifests[REPOSITORY, tag] = (json.dumps(index).encode(), INDEX)
    assert _refusal(fake, there) == "signature_mismatch"


def test_an_old_version_under_a_new_tag_is_refused_though_it_is_well_signed(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    assert package.version == "1.0"
    store.add_signature(package, _sign(package))
    for tag in ("1.0", "2.0", "latest", "1"):
        _push(fake, store, tag)
    assert _refusal(fake, there, "2.0") == "package_tag_mismatch"
    assert _pull(fake, there, "2.0", package.digest) == _pull(fake, there, "latest") == _pull(fake, there, "1")

"""Signatures in a store: beside what they are of, as OCI artifacts, and gone with it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.bootstrap.trust import admission
from homeport.core.errors import DigestMismatch, PackageError
from homeport.core.trust import Unsigned
from homeport.packages.attached import MAX_SIGNATURES, Arrival, Came
from homeport.packages.base import PackageSpec, StoredPackage
from homeport.packages.bundle import BUNDLE_TYPE
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.layout import Store
from homeport.packages.referrers import EMPTY, EMPTY_CONFIG, decode_signature
from homeport.packages.signing import TrustedKey, sign_bytes, sign_package
from homeport.packages.statement import PackageStatement
from homeport.packages.trust import TrustPolicy, signed_files
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.packages.conftest import Shelf

KEY = make_key()


@pytest.fixture
def package(store: Store, shelf: Shelf, spec: PackageSpec) -> StoredPackage:
    return store.add(spec, [shelf.weights(), shelf.doc()])


def _sign(package: StoredPackage, key: SigningKey = KEY) -> bytes:
    return sign_package(
        PackageStatement(
            name=package.name,
            version=package.version,
            manifest=package.digest,
            files=signed_files(package),
            signed_at="2026-11-23T00:00:00Z",
        ),
        key,
    )


def _bundles(store: Store, digest: Digest) -> list[bytes]:
    return [signature.bundle for signature in store.signatures(digest)]


def _blobs(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store.root / "blobs" / "sha256").iterdir()}


def _state(store: Store) -> object:
    return (store.root / "index.json").read_bytes(), _blobs(store), list((store.root / ".staging").iterdir())


def _fetched(store: Store, package: StoredPackage, folder: Path) -> tuple[bytes, dict[Digest, Path]]:
    """A package as a registry would give it: its manifest, and its configuration and files in a folder."""
    folder.mkdir()
    manifest = store.blobs.path(package.digest).read_bytes()
    names = [json.loads(manifest)["config"]["digest"], *(file.digest for file in package.files)]
    paths = {Digest(name): folder / str(number) for number, name in enumerate(names)}
    for digest, path in paths.items():
        path.write_bytes(store.blobs.path(digest).read_bytes())
    return manifest, paths


def test_signatures_are_found_by_what_they_are_of(store: Store, package: StoredPackage) -> None:
    assert store.signatures(package.digest) == ()
    bundles = [_sign(package), _sign(package, make_key())]
    for bundle in (*bundles, bundles[0]):
        store.add_signature(package, bundle)
    assert _bundles(store, package.digest) == bundles
    assert store.signatures(digest_bytes(b"")) == ()
    assert store.list() == (package,)
    assert verify(store, "tiny") == package


def test_a_signature_is_an_oci_artifact_with_a_subject(store: Store, package: StoredPackage) -> None:
    store.add_signature(package, _sign(package))
    (signature,) = store.signatures(package.digest)
    manifest = json.loads(signature.manifest)
    subject = store.blobs.path(package.digest)
    assert manifest == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [{"mediaType": BUNDLE_TYPE, "digest": digest_bytes(signature.bundle), "size": len(signature.bundle)}],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": package.digest,
            "size": subject.stat().st_size,
        },
    }
    entry = json.loads((store.root / "index.json").read_bytes())["manifests"][-1]
    assert "org.opencontainers.image.ref.name" not in entry["annotations"]
    assert entry["digest"] == digest_bytes(signature.manifest)
    assert store.blobs.path(Digest(EMPTY_CONFIG.digest)).read_bytes() == EMPTY
    read = decode_signature(signature.manifest)
    assert (read.subject, read.bundle.digest) == (package.digest, digest_bytes(signature.bundle))


def test_a_signature_goes_with_what_it_is_of(
    store: Store, package: StoredPackage, shelf: Shelf, spec: PackageSpec
) -> None:
    before = _state(store)
    other = store.add(msgspec.structs.replace(spec, name="other"), [shelf.weights(gguf(data=bytes(2000)))])
    store.add_signature(package, _sign(package))
    store.add_signature(other, _sign(other))
    assert (len(_bundles(store, package.digest)), len(_bundles(store, other.digest))) == (1, 1)
    store.remove("other")
    assert store.signatures(other.digest) == ()
    assert _bundles(store, package.digest)
    assert store.remove_signatures("tiny", lambda bundle: True) == 1
    assert _state(store) == before


def test_only_unwanted_signatures_are_removed(store: Store, package: StoredPackage) -> None:
    one, two = _sign(package), _sign(package, make_key())
    store.add_signature(package, one)
    store.add_signature(package, two)
    assert store.remove_signatures("tiny", lambda bundle: bundle == one) == 1
    assert _bundles(store, package.digest) == [two]
    with pytest.raises(PackageError) as caught:
        store.remove_signatures("none", lambda bundle: True)
    assert caught.value.code == "package_not_pulled"


def test_what_is_no_signature_of_the_package_leaves_the_store_as_it_was(store: Store, package: StoredPackage) -> None:
    other = msgspec.structs.replace(package, digest=digest_bytes(b"other"))
    for bundle, code in (
        (_sign(package)[:-1], "signature_malformed"),
        (b" " * (5 * 1024 * 1024), "signature_too_large"),
        (_sign(other), "signature_mismatch"),
        (sign_bytes(b"text", KEY), "signature_kind_unknown"),
    ):
        before = _state(store)
        with pytest.raises(PackageError) as caught:
            store.add_signature(package, bundle)
        assert caught.value.code == code
        assert _state(store) == before


def test_there_is_a_bound_on_signatures(store: Store, package: StoredPackage, tmp_path: Path) -> None:
    manifest, files = _fetched(store, package, tmp_path / "fetched")
    store.adopt(manifest, files, came=Came(bundles=tuple(_sign(package) for _ in range(MAX_SIGNATURES))))
    before = _state(store)
    with pytest.raises(PackageError) as caught:
        store.add_signature(package, _sign(package))
    assert caught.value.code == "too_many_signatures"
    assert _state(store) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_any_flipped_bit_of_a_stored_signature_is_found(
    store: Store, package: StoredPackage, data: st.DataObject
) -> None:
    if not store.signatures(package.digest):
        store.add_signature(package, _sign(package))
    (signature,) = store.signatures(package.digest)
    name = data.draw(st.sampled_from((signature.entry.digest, signature.layer.digest)))
    path = store.blobs.path(Digest(name))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        with pytest.raises(DigestMismatch):
            store.signatures(package.digest)
    finally:
        path.write_bytes(whole)


def test_a_signature_that_the_index_gives_to_another_package_is_refused(store: Store, package: StoredPackage) -> None:
    store.add_signature(package, _sign(package))
    index = store.root / "index.json"
    other = digest_bytes(b"other")
    document = json.loads(index.read_bytes())
    document["manifests"][-1]["annotations"]["dev.homeport.subject"] = other
    index.write_text(json.dumps(document))
    with pytest.raises(PackageError) as caught:
        store.signatures(other)
    assert caught.value.code == "signature_mismatch"


def test_an_adopted_package_brings_its_signatures(store: Store, package: StoredPackage, tmp_path: Path) -> None:
    bundle = _sign(package)
    manifest, files = _fetched(store, package, tmp_path / "fetched")
    there = Store(tmp_path / "there")
    came = Came(origin="registry/tiny", bundles=(bundle, sign_bytes(b"text", KEY)))
    adopted = there.adopt(manifest, files, came=came)
    assert (adopted.digest, adopted.origin) == (package.digest, "registry/tiny")
    assert there.get("tiny") == adopted
    assert _bundles(there, package.digest) == [bundle]
    assert package.origin == ""


def test_a_package_that_is_not_admitted_leaves_nothing_behind(
    store: Store, package: StoredPackage, tmp_path: Path, shelf: Shelf, spec: PackageSpec
) -> None:
    asked: list[Arrival] = []

    def refuse(arrival: Arrival) -> None:
        asked.append(arrival)
        raise PackageError("no", code="package_unsigned")

    manifest, files = _fetched(store, package, tmp_path / "fetched")
    there = Store(tmp_path / "there", refuse)
    bundle = _sign(package)
    ways: tuple[Callable[[], StoredPackage], ...] = (
        lambda: there.adopt(manifest, files, came=Came(origin="registry", tag="1.0", bundles=(bundle,))),
        lambda: there.add(spec, [shelf.weights(), shelf.doc()]),
    )
    for bring in ways:
        with pytest.raises(PackageError) as caught:
            bring()
        assert caught.value.code == "package_unsigned"
        assert there.list() == ()
        assert not (there.root / "index.json").exists()
        assert not list(there.root.glob("blobs/sha256/*"))
        assert not list((there.root / ".staging").iterdir())
    assert [(one.package.digest, one.package.origin, one.tag, one.bundles) for one in asked] == [
        (package.digest, "registry", "1.0", (bundle,)),
        (package.digest, "", "", ()),
    ]


def test_pulling_again_drops_a_damaged_signature(
    store: Store, package: StoredPackage, shelf: Shelf, spec: PackageSpec
) -> None:
    good, bad = _sign(package), _sign(package, make_key())
    store.add_signature(package, good)
    store.add_signature(package, bad)
    store.blobs.path(digest_bytes(bad)).write_bytes(bad[:-1])
    with pytest.raises(DigestMismatch):
        store.signatures(package.digest)
    assert store.add(spec, [shelf.weights(), shelf.doc()]) == package
    assert _bundles(store, package.digest) == [good]


@given(data=st.binary(max_size=60) | st.recursive(st.none(), st.lists).map(lambda one: json.dumps(one).encode()))
def test_what_is_no_manifest_of_a_signature_is_malformed(data: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        decode_signature(data)
    assert caught.value.code == "signature_malformed"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("artifactType", "application/vnd.cncf.model.manifest.v1+json", "signature_malformed"),
        ("layers", [], "signature_malformed"),
        ("subject", None, "signature_malformed"),
        ("subject", {"mediaType": "x", "digest": "sha256:../x", "size": 1}, "signature_malformed"),
        ("layers", [{"mediaType": "x", "digest": digest_bytes(b""), "size": 1}], "signature_malformed"),
        ("layers", [{"mediaType": BUNDLE_TYPE, "digest": "latest", "size": 1}], "signature_malformed"),
        ("layers", [{"mediaType": BUNDLE_TYPE, "digest": digest_bytes(b""), "size": 2**40}], "signature_too_large"),
    ],
)
def test_a_manifest_that_points_elsewhere_is_refused(
    store: Store, package: StoredPackage, field: str, value: object, code: str
) -> None:
    store.add_signature(package, _sign(package))
    (signature,) = store.signatures(package.digest)
    manifest = json.loads(signature.manifest) | {field: value}
    with pytest.raises(PackageError) as caught:
        decode_signature(json.dumps(manifest).encode())
    assert caught.value.code == code


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_changed_byte_of_the_tree_is_refused_though_its_digests_fit(
    store: Store, package: StoredPackage, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """As an attacker would who can write everything but a signature."""
    policy = TrustPolicy(keys=(TrustedKey(name="release", key=KEY.public),), unsigned=Unsigned.REFUSE)
    manifest = json.loads(store.blobs.path(package.digest).read_bytes())
    config = json.loads(store.blobs.path(Digest(manifest["config"]["digest"])).read_bytes())
    number = data.draw(st.integers(0, len(package.files) - 1))
    changed = bytearray(package.files[number].path.read_bytes())
    # Past the header of the weights, so that the file itself is as good as before.
    changed[data.draw(st.integers(1500 if number == 0 else 0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    fitting = digest_bytes(bytes(changed))
    manifest["layers"][number]["digest"] = config["modelfs"]["diffIds"][number] = fitting
    plain = json.dumps(config).encode()
    manifest["config"] |= {"digest": digest_bytes(plain), "size": len(plain)}
    folder = tmp_path_factory.mktemp("forged")
    files = {file.digest: file.path for file in package.files if file is not package.files[number]}
    for digest, content in ((fitting, bytes(changed)), (digest_bytes(plain), plain)):
        files[digest] = folder / str(len(files))
        files[digest].write_bytes(content)
    there = Store(folder / "there", admission(policy))
    with pytest.raises(PackageError) as caught:
        there.adopt(json.dumps(manifest).encode(), files, came=Came(origin="registry", bundles=(_sign(package),)))
    assert caught.value.code == "signature_mismatch"
    assert not list(there.root.glob("blobs/sha256/*"))

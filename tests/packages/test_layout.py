import json
import multiprocessing
import signal
from pathlib import Path

import msgspec
import pytest

from homeport.core.errors import DigestMismatch, PackageError, StorageError
from homeport.packages import catalogue
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.digest import digest_bytes, digest_file
from homeport.packages.layout import Store
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.fakes.safetensors import safetensors
from tests.packages.conftest import Shelf


def _named(spec: PackageSpec, name: str) -> PackageSpec:
    return msgspec.structs.replace(spec, name=name)


def _blobs(store: Store) -> set[str]:
    return {path.name for path in (store.root / "blobs" / "sha256").glob("*")}


def _staged(store: Store) -> list[Path]:
    return list((store.root / ".staging").glob("*"))


def test_making_a_store_touches_nothing(store: Store) -> None:
    assert store.list() == ()
    assert store.get("tiny") is None
    assert not store.root.exists()


def test_an_added_package_is_found_again(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    added = store.add(spec, [shelf.weights(), shelf.doc()])
    assert store.get("tiny") == added
    assert store.list() == (added,)
    assert (added.name, added.version, added.family, added.quantization) == ("tiny", "1.0", "tiny", "Q4_1")
    assert (added.source, added.source_sha256, added.source_file) == (spec.source, "0" * 64, "")
    assert added.context_length == 128
    assert added.weights.read_bytes() == gguf()
    assert added.size == len(gguf())
    assert _staged(store) == []


def test_the_folder_is_an_oci_image_layout(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    added = store.add(spec, [shelf.weights()])
    assert json.loads((store.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((store.root / "index.json").read_bytes())
    manifest = store.root / "blobs" / "sha256" / added.digest.removeprefix("sha256:")
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "digest": digest_file(manifest),
        "size": manifest.stat().st_size,
    }
    named = "org.opencontainers.image.ref.name"
    assert index == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {**entry, "annotations": {named: "tiny:1.0"}},
            {**entry, "annotations": {named: "tiny", "dev.homeport.history": added.digest}},
        ],
    }
    assert all(digest_file(path) == f"sha256:{path.name}" for path in manifest.parent.iterdir())


def test_the_same_files_give_the_same_digest_anywhere(tmp_path: Path, shelf: Shelf, spec: PackageSpec) -> None:
    one = Store(tmp_path / "one").add(spec, [shelf.doc(), shelf.weights(), shelf.doc(name="NOTICE")])
    two = Store(tmp_path / "two").add(spec, [shelf.doc(name="NOTICE"), shelf.weights(), shelf.doc()])
    later = Store(tmp_path / "three").add(spec, [shelf.weights(modified=1_800_000_000)])
    assert one.digest == two.digest != later.digest


def test_adding_leaves_the_source_files_alone(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    weights = shelf.weights()
    store.add(spec, [weights])
    assert weights.path.read_bytes() == gguf()


def test_a_link_to_weights_becomes_a_plain_file(store: Store, shelf: Shelf, spec: PackageSpec, tmp_path: Path) -> None:
    weights = shelf.weights()
    link = tmp_path / "link"
    link.symlink_to(weights.path)
    added = store.add(spec, [msgspec.structs.replace(weights, path=link)])
    assert not added.weights.is_symlink()
    assert verify(store, "tiny") == added


def test_a_model_in_parts_is_as_large_as_all_of_them(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    parts = [shelf.weights(safetensors(), name=f"model-{number}.safetensors") for number in (1, 2)]
    assert store.add(spec, parts).size == 2 * len(safetensors())


def test_two_documents_may_be_alike(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    store.add(spec, [shelf.weights(), shelf.doc(), shelf.doc(name="copy/LICENSE")])
    assert verify(store, "tiny").name == "tiny"
    assert len(_blobs(store)) == 4


def test_other_content_of_one_version_takes_its_place(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    old = store.add(spec, [shelf.weights()])
    new = store.add(spec, [shelf.weights(gguf(data=bytes(2000)))])
    assert store.list() == (new,)
    assert not old.weights.exists()
    assert len(_blobs(store)) == 3


def test_removing_keeps_what_another_package_uses(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    store.add(spec, [shelf.weights(), shelf.doc()])
    other = store.add(_named(spec, "another"), [shelf.weights()])
    assert [package.name for package in store.list()] == ["another", "tiny"]
    store.remove("tiny")
    assert store.list() == (other,)
    assert verify(store, "another") == other
    assert len(_blobs(store)) == 3
    store.remove("another")
    assert _blobs(store) == set()
    with pytest.raises(PackageError) as caught:
        store.remove("another")
    assert caught.value.code == "package_not_pulled"


def test_nothing_is_dropped_while_a_package_is_broken(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    broken = store.add(_named(spec, "broken"), [shelf.weights(gguf(data=bytes(2000)))])
    store.add(spec, [shelf.weights()])
    manifest = store.blobs.path(broken.digest)
    whole = manifest.read_bytes()
    manifest.write_bytes(b"?" * len(whole))
    with pytest.raises(DigestMismatch) as caught:
        store.list()
    assert caught.value.hint.startswith("homeport package pull broken;")
    store.remove("tiny")
    manifest.write_bytes(whole)
    assert verify(store, "broken") == broken


@pytest.mark.parametrize("data", [b"a pickle", gguf()[:60], b""])
def test_bad_weights_leave_the_store_as_it_was(store: Store, shelf: Shelf, spec: PackageSpec, data: bytes) -> None:
    before = store.add(spec, [shelf.weights()])
    file = shelf.weights()
    file.path.write_bytes(data)
    names = _blobs(store)
    with pytest.raises(PackageError):
        store.add(spec, [file])
    assert store.list() == (before,)
    assert (_blobs(store), _staged(store)) == (names, [])


def test_a_missing_source_file_leaves_nothing_behind(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    lost = SourceFile(path=store.root / "lost", filepath="LICENSE", role=FileRole.DOC, modified=0)
    with pytest.raises(StorageError):
        store.add(spec, [shelf.weights(), lost])
    assert store.list() == ()
    assert (_blobs(store), _staged(store)) == (set(), [])


def test_a_damaged_blob_is_replaced_by_adding_again(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    added = store.add(spec, [shelf.weights()])
    added.weights.unlink()
    added.weights.write_bytes(bytes(added.size))
    assert store.add(spec, [shelf.weights()]) == added
    assert verify(store, "tiny") == added


def test_a_folder_that_is_no_store_is_not_overwritten(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    store.add(spec, [shelf.weights()])
    index, layout = store.root / "index.json", store.root / "oci-layout"
    for path, data in ((index, b"{"), (index, b" " * (4 * 1024 * 1024 + 1)), (layout, b'{"imageLayoutVersion":"9"}')):
        whole = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(PackageError) as caught:
            store.add(spec, [shelf.weights()])
        assert caught.value.code == "package_store_invalid"
        assert str(store.root) in caught.value.hint
        assert path.read_bytes() == data
        path.write_bytes(whole)
    layout.unlink()
    with pytest.raises(PackageError, match="not a package store"):
        store.list()


def test_no_index_is_written_that_could_not_be_read_again(
    store: Store, shelf: Shelf, spec: PackageSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.add(spec, [shelf.weights()])
    names = _blobs(store)
    monkeypatch.setattr(catalogue, "MAX_DOCUMENT_BYTES", (store.root / "index.json").stat().st_size)
    with pytest.raises(PackageError) as caught:
        store.add(_named(spec, "another"), [shelf.weights()])
    assert (caught.value.code, _blobs(store), store.list()) == ("package_too_large", names, (before,))
    assert "homeport package remove" in caught.value.hint


def test_a_swapped_name_in_the_index_is_noticed(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    store.add(spec, [shelf.weights()])
    index = store.root / "index.json"
    index.write_bytes(index.read_bytes().replace(b'"tiny"', b'"other"'))
    assert store.get("tiny") is None
    with pytest.raises(PackageError) as caught:
        store.get("other")
    assert caught.value.code == "package_name_mismatch"


def test_a_root_that_is_a_file_is_a_storage_error(tmp_path: Path, shelf: Shelf, spec: PackageSpec) -> None:
    root = tmp_path / "file"
    root.write_bytes(b"")
    store = Store(root)
    for action in (store.list, lambda: store.get("tiny"), lambda: store.add(spec, [shelf.weights()])):
        with pytest.raises(StorageError) as caught:
            action()
        assert caught.value.code == "package_store_unavailable"
        assert caught.value.hint


def _interrupted(store: Store) -> None:
    with store.staging() as folder:
        (folder / "half").write_bytes(b"half")
        raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing_staged(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupted(store)
    assert _staged(store) == []


def _pull_until_killed(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with Store(root).staging() as folder:
        (folder / "half").write_bytes(b"half")
        ready.set()
        signal.pause()


def test_the_leftovers_of_a_killed_pull_go_and_those_of_a_living_one_stay(store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_pull_until_killed, args=(store.root, ready))
    process.start()
    assert ready.wait(60)
    with store.staging() as folder:
        assert len(_staged(store)) == 2
        process.kill()
        process.join()
        with store.staging():
            assert folder.exists()
            assert len(_staged(store)) == 2
    assert _staged(store) == []


def _add(root: Path, spec: PackageSpec, file: SourceFile, together: "multiprocessing.synchronize.Barrier") -> None:
    for _ in range(20):
        together.wait(60)
        added = Store(root).add(spec, [file])
        together.wait(60)
        assert Store(root).get(spec.name) == added
        together.wait(60)
        Store(root).remove(spec.name)
    Store(root).add(spec, [file])


def test_two_processes_may_add_at_once(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    spawn = multiprocessing.get_context("spawn")
    names, together = ("one", "two"), spawn.Barrier(2)
    processes = [
        spawn.Process(target=_add, args=(store.root, _named(spec, name), shelf.weights(), together)) for name in names
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert tuple(verify(store, name) for name in names) == store.list()
    assert _staged(store) == []


def test_blobs_are_named_by_what_is_in_them(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    added = store.add(spec, [shelf.weights()])
    assert added.weights.name == digest_bytes(gguf()).removeprefix("sha256:")

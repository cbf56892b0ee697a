"""Packages that have adapters and no weights: they stand on the package they were tuned from."""

import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, Lineage, PackageFacts, PackageSpec, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.packages.conftest import Shelf


@pytest.fixture
def base(store: Store, shelf: Shelf, spec: PackageSpec) -> StoredPackage:
    return store.add(spec, [shelf.weights(), shelf.file(FileRole.TEMPLATE, "chat.jinja"), shelf.doc()])


def _tuned(store: Store, shelf: Shelf, spec: PackageSpec, base: str) -> StoredPackage:
    tuned = msgspec.structs.replace(spec, name="tuned")
    files = [
        shelf.file(FileRole.ADAPTER, "lora.gguf", gguf(data=bytes(1601))),
        shelf.file(FileRole.SUITE, "suite/law.jsonl"),
    ]
    return store.add(tuned, files, PackageFacts(lineage=Lineage(base=base)))


def test_adapters_are_served_with_the_weights_of_their_base(
    store: Store, shelf: Shelf, spec: PackageSpec, base: StoredPackage
) -> None:
    tuned = _tuned(store, shelf, spec, base.digest)
    assert (tuned.weights, tuned.size, tuned.context_length) == (base.weights, base.size, base.context_length)
    assert [file.filepath for file in tuned.files] == ["lora.gguf", "suite/law.jsonl"]
    assert [file.filepath for file in tuned.find(FileRole.ADAPTER)] == ["lora.gguf"]
    assert [file.filepath for file in tuned.find(FileRole.TEMPLATE)] == ["chat.jinja"]
    assert tuned.lineage.base == base.digest
    assert tuned.base == base == verify(store, "tuned").base


def test_a_base_stays_as_long_as_adapters_need_it(
    store: Store, shelf: Shelf, spec: PackageSpec, base: StoredPackage
) -> None:
    tuned = _tuned(store, shelf, spec, base.digest)
    store.remove("tiny")
    assert store.list() == (tuned,)
    assert verify(store, "tuned").weights.read_bytes() == gguf()
    store.remove("tuned")
    assert not base.weights.exists()


def test_a_base_that_is_not_there_is_missed(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    with pytest.raises(PackageError) as caught:
        _tuned(store, shelf, spec, "sha256:" + "0" * 64)
    assert caught.value.code == "package_base_missing"
    assert store.list() == ()
    assert not (store.root / "blobs").exists()


def test_adapters_are_no_base(store: Store, shelf: Shelf, spec: PackageSpec, base: StoredPackage) -> None:
    tuned = _tuned(store, shelf, spec, base.digest)
    with pytest.raises(PackageError) as caught:
        _tuned(store, shelf, spec, tuned.digest)
    assert caught.value.code == "package_base_missing"


def test_flipped_bits_of_the_base_are_found(store: Store, shelf: Shelf, spec: PackageSpec, base: StoredPackage) -> None:
    _tuned(store, shelf, spec, base.digest)
    base.weights.write_bytes(bytes(base.size))
    with pytest.raises(PackageError) as caught:
        verify(store, "tuned")
    assert caught.value.code == "package_digest_mismatch"

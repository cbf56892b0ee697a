import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.base import PackageSpec, StoredPackage
from homeport.packages.digest import digest_bytes
from homeport.packages.layout import Store
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.fakes.progress import RecordedProgress
from tests.packages.conftest import Shelf

Document = dict[str, Any]


@pytest.fixture
def package(store: Store, shelf: Shelf, spec: PackageSpec) -> StoredPackage:
    return store.add(spec, [shelf.weights(), shelf.doc()])


def _refusal(store: Store, expected: str | None = None) -> str:
    with pytest.raises(PackageError) as caught:
        verify(store, "tiny", expected)
    assert caught.value.hint.startswith("homeport package pull tiny;")
    return caught.value.code


def _blobs(store: Store) -> list[Path]:
    return sorted((store.root / "blobs" / "sha256").iterdir())


def _rewrite(store: Store, package: StoredPackage, change: Callable[[Document], object]) -> None:
    """Change the manifest as an attacker would: with digests that fit."""
    manifest = json.loads(store.blobs.path(package.digest).read_bytes())
    change(manifest)
    _index(store, json.dumps(manifest).encode())


def _index(store: Store, data: bytes, **changes: Any) -> None:
    store.blobs.path(digest_bytes(data)).write_bytes(data)
    path = store.root / "index.json"
    index = json.loads(path.read_bytes())
    for entry in index["manifests"]:
        entry.update({"digest": digest_bytes(data), "size": len(data), **changes})
    path.write_text(json.dumps(index))


def test_a_whole_package_is_verified(store: Store, package: StoredPackage) -> None:
    assert verify(store, "tiny") == package
    assert verify(store, "tiny", package.digest) == package


def test_progress_counts_every_file(store: Store, package: StoredPackage) -> None:
    progress = RecordedProgress()
    verify(store, "tiny", progress=progress)
    total = len(gguf()) + len(b"Free.")
    assert progress.told[0] == ("start", "Verifying tiny")
    assert progress.of("total") == [total]
    assert progress.of("advance") == [len(gguf()), total]
    assert progress.told[-1] == ("finish", None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_any_flipped_bit_is_found(store: Store, package: StoredPackage, data: st.DataObject) -> None:
    blobs = _blobs(store)
    assert len(blobs) == 4
    path = data.draw(st.sampled_from(blobs))
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        assert _refusal(store) == "package_digest_mismatch"
    finally:
        path.write_bytes(whole)
    assert verify(store, "tiny") == package


@pytest.mark.parametrize("blob", range(4))
def test_a_missing_longer_or_shorter_blob_is_found(store: Store, package: StoredPackage, blob: int) -> None:
    path = _blobs(store)[blob]
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0")
    assert _refusal(store) == "package_size_mismatch"
    path.write_bytes(whole[:-1])
    assert _refusal(store) == "package_size_mismatch"
    path.unlink()
    assert _refusal(store) == "package_blob_missing"


@pytest.mark.parametrize("blob", range(4))
def test_what_is_not_a_plain_file_is_refused(store: Store, package: StoredPackage, tmp_path: Path, blob: int) -> None:
    path = _blobs(store)[blob]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert _refusal(store) == "package_path_unsafe"
    path.unlink()
    os.mkfifo(path)
    assert _refusal(store) == "package_path_unsafe"
    path.unlink()
    path.mkdir()
    assert _refusal(store) == "package_path_unsafe"


def test_a_package_that_was_never_pulled_is_told_apart(store: Store) -> None:
    assert _refusal(store) == "package_not_pulled"


def test_a_swapped_index_entry_is_found(store: Store, package: StoredPackage, shelf: Shelf, spec: PackageSpec) -> None:
    other = msgspec.structs.replace(spec, source="pypi://tiny-weights==2.0")
    swapped = store.add(other, [shelf.weights(gguf(data=bytes(2000)))])
    assert verify(store, "tiny") == swapped
    with pytest.raises(DigestMismatch):
        verify(store, "tiny", package.digest)
    assert _refusal(store, package.digest) == "package_manifest_mismatch"


def test_an_expected_digest_must_be_one(store: Store, package: StoredPackage) -> None:
    with pytest.raises(PackageError) as caught:
        verify(store, "tiny", "latest")
    assert caught.value.code == "package_digest_invalid"


CHANGES: dict[str, tuple[Callable[[Document], object], str]] = {
    "a path upward": (
        lambda m: m["layers"][0]["annotations"].update({"org.cncf.model.filepath": "../../x"}),
        "package_path_unsafe",
    ),
    "an absolute path": (
        lambda m: m["layers"][1]["annotations"].update({"org.cncf.model.filepath": "/etc/x"}),
        "package_path_unsafe",
    ),
    "one layer twice": (lambda m: m["layers"].append(m["layers"][1]), "package_manifest_invalid"),
    "layers in another order": (lambda m: m["layers"].reverse(), "package_manifest_invalid"),
    "a layer dropped": (lambda m: m["layers"].pop(), "package_manifest_invalid"),
    "an unknown layer": (
        lambda m: m["layers"][1].update({"mediaType": "application/x-python-pickle"}),
        "package_media_type_unknown",
    ),
    "an unknown artifact": (lambda m: m.update({"artifactType": "x"}), "package_media_type_unknown"),
    "another size": (lambda m: m["layers"][0].update({"size": 5}), "package_size_mismatch"),
    "other weights": (
        lambda m: m["layers"][0].update({"digest": "sha256:" + "0" * 64}),
        "package_manifest_invalid",
    ),
    "another config": (lambda m: m["config"].update({"digest": "sha256:" + "0" * 64}), "package_blob_missing"),
    "a digest that is a path": (lambda m: m["config"].update({"digest": "sha256:../x"}), "package_digest_invalid"),
}


@pytest.mark.parametrize(("change", "code"), CHANGES.values(), ids=CHANGES.keys())
def test_a_forged_manifest_is_refused(
    store: Store, package: StoredPackage, change: Callable[[Document], object], code: str
) -> None:
    _rewrite(store, package, change)
    assert _refusal(store) == code
    with pytest.raises(PackageError):
        verify(store, "tiny", package.digest)


def test_a_harmless_looking_rewrite_fails_the_expected_digest(store: Store, package: StoredPackage) -> None:
    _rewrite(store, package, lambda m: m["annotations"].update({"dev.homeport.source": "elsewhere"}))
    assert verify(store, "tiny").source == "elsewhere"
    assert _refusal(store, package.digest) == "package_manifest_mismatch"


def test_a_manifest_over_4_mib_is_not_read(store: Store, package: StoredPackage) -> None:
    _index(store, b" " * (4 * 1024 * 1024 + 1))
    assert _refusal(store) == "package_too_large"
    _index(store, b"{}", size=2**40)
    assert _refusal(store) == "package_too_large"


def test_a_manifest_that_lies_about_its_own_size_is_found(store: Store, package: StoredPackage) -> None:
    data = store.blobs.path(package.digest).read_bytes()
    _index(store, data, size=len(data) + 1)
    assert _refusal(store) == "package_size_mismatch"


@pytest.mark.parametrize("note", ["", "-1", "9" * 40, "x", "\u00b2"])
def test_an_absurd_context_length_means_unknown(store: Store, package: StoredPackage, note: str) -> None:
    _rewrite(store, package, lambda m: m["annotations"].update({"dev.homeport.gguf.context-length": note}))
    assert verify(store, "tiny").context_length == 0


def _forget_roles(manifest: Document) -> None:
    for layer in manifest["layers"]:
        del layer["annotations"]["dev.homeport.role"]


def test_a_package_from_before_there_were_roles_is_read_as_it_was_meant(store: Store, package: StoredPackage) -> None:
    _rewrite(store, package, _forget_roles)
    old = verify(store, "tiny")
    assert [file.role for file in old.files] == ["weights", "doc"]
    assert (old.weights, old.size) == (package.weights, package.size)


@pytest.mark.parametrize("role", ["", "weight", "suite", "doc\n", "tokenizer"])
def test_a_role_that_does_not_fit_is_refused(store: Store, package: StoredPackage, role: str) -> None:
    _rewrite(store, package, lambda m: m["layers"][1]["annotations"].update({"dev.homeport.role": role}))
    assert _refusal(store) == "package_manifest_invalid"

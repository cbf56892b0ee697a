"""A package as a plain folder: whole and checked, or not at all."""

import json
from pathlib import Path

import pytest

from homeport.core.errors import HomeportError, StorageError
from homeport.packages.base import FileRole, PackageSpec, SilentProgress
from homeport.packages.contents import Contents
from homeport.packages.export import export
from homeport.packages.layout import Store
from tests.fakes.gguf import gguf
from tests.packages.conftest import Shelf


@pytest.fixture
def contents(store: Store, shelf: Shelf, spec: PackageSpec) -> Contents:
    store.add(spec, [shelf.weights(), shelf.doc(), shelf.file(FileRole.PROMPT, "prompts/a.md", b"Be short.")])
    found = store.read("tiny")
    assert found is not None
    return found


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _refusal(store: Store, contents: Contents, folder: Path) -> str:
    beside = sorted(folder.parent.iterdir()) if folder.parent.is_dir() else []
    with pytest.raises(HomeportError) as caught:
        export(store, contents, folder, SilentProgress())
    assert caught.value.hint
    assert (sorted(folder.parent.iterdir()) if folder.parent.is_dir() else []) == beside, "something was left behind"
    return caught.value.code


def test_a_package_becomes_a_folder(store: Store, contents: Contents, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "tiny"
    export(store, contents, folder, SilentProgress())
    assert _tree(folder) == {"tiny.gguf": gguf(), "LICENSE": b"Free.", "prompts/a.md": b"Be short."}
    (folder / "tiny.gguf").write_bytes(b"mine")
    assert contents.package.weights.read_bytes() == gguf(), "what is written there is not the store's"


def test_an_empty_folder_may_be_there(store: Store, contents: Contents, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    export(store, contents, tmp_path / "empty", SilentProgress())
    assert len(_tree(tmp_path / "empty")) == 3


@pytest.mark.parametrize("kind", ["a folder", "a file", "a link", "a link to nowhere"])
def test_nothing_is_overwritten(store: Store, contents: Contents, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "out" / "there"
    folder.parent.mkdir()
    if kind == "a folder":
        folder.mkdir()
        (folder / "mine").write_bytes(b"mine")
    elif kind == "a file":
        folder.write_bytes(b"mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / ("elsewhere" if kind == "a link" else "nowhere"))
    assert _refusal(store, contents, folder) == "package_export_exists"


@pytest.mark.parametrize("number", range(3))
def test_a_flipped_bit_leaves_no_folder(store: Store, contents: Contents, tmp_path: Path, number: int) -> None:
    path = contents.package.files[number].path
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    assert _refusal(store, contents, tmp_path / "out" / "tiny") == "package_digest_mismatch"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["tiny.gguf/x", "license", "LICENSE/a/b"])
def test_paths_in_each_others_way_are_refused(
    store: Store, shelf: Shelf, spec: PackageSpec, tmp_path: Path, name: str
) -> None:
    store.add(spec, [shelf.weights(), shelf.doc(), shelf.doc(b"Other.", name=name)])
    contents = store.read("tiny")
    assert contents is not None
    assert _refusal(store, contents, tmp_path / "out") == "package_path_unsafe"


def test_a_folder_that_cannot_be_made_is_told(store: Store, contents: Contents, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(json.dumps("mine").encode())
    with pytest.raises(StorageError) as caught:
        export(store, contents, tmp_path / "file" / "tiny", SilentProgress())
    assert caught.value.code == "package_export_failed"

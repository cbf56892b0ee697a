"""What a file of a package may be: by its content, whatever it is called, and nothing is left of what is refused."""

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.layout import Store
from homeport.packages.manifest import MANIFEST_TYPE
from homeport.packages.screening import screen
from homeport.packages.verify import verify
from tests.fakes.gguf import STANDARD, gguf, text_pair
from tests.fakes.safetensors import safetensors
from tests.packages.conftest import Shelf


class _Runs:
    """Its pickle calls something when it is loaded, as a hostile one does."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return print, ("run",)


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


PICKLES = {
    **{f"protocol {number}": pickle.dumps(_Runs(), protocol=number) for number in range(6)},
    "plain values": pickle.dumps({"a": [1, 2]}, protocol=4),
    "after a text with an escape that there is not": b"S'\\ '\ncos\nsystem\n(R.",
    "in a zip, as PyTorch writes it": _zip({"archive/data.pkl": pickle.dumps(_Runs()), "archive/data/0": bytes(99)}),
    "in a tar": _tar({"model.pkl": pickle.dumps(_Runs())}),
}
REACHING = "{{ cycler.__init__.__globals__ }}"


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def _refusal(folder: Path, data: bytes, name: str, role: FileRole) -> str:
    with pytest.raises(PackageError) as caught:
        screen(_file(folder, data), name, role)
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("data", PICKLES.values(), ids=PICKLES.keys())
@pytest.mark.parametrize("name", ["model.gguf", "model.safetensors", "tokenizer.json", "README.md"])
def test_a_pickle_is_refused_whatever_it_is_called(tmp_path: Path, data: bytes, name: str) -> None:
    for role in FileRole:
        assert _refusal(tmp_path, data, name, role) == "package_pickle_refused", role


@pytest.mark.parametrize("suffix", ["pkl", "pickle", "pt", "pth", "ckpt", "bin", "joblib", "npz", "PT", "Bin"])
def test_the_name_of_a_pickle_is_enough(tmp_path: Path, suffix: str) -> None:
    assert _refusal(tmp_path, b"harmless", f"pytorch_model.{suffix}", FileRole.TOKENIZER) == "package_pickle_refused"
    assert _refusal(tmp_path, b"harmless", f"pytorch_model.{suffix}", FileRole.WEIGHTS) == "package_pickle_refused"


@pytest.mark.parametrize(
    "data",
    [
        _zip({"a": bytes(10_000_000)}),
        _tar({"a": b"b"}),
        b"\x1f\x8b" + bytes(99),
        b"\x28\xb5\x2f\xfd" + bytes(9),
        b"\x7fELF" + bytes(9),
        b"#!/bin/sh\n",
    ],
    ids=["a zip bomb", "a tar", "gzip", "zstd", "a program", "a script"],
)
@pytest.mark.parametrize("role", FileRole)
def test_archives_and_programs_are_refused_in_every_role(tmp_path: Path, data: bytes, role: FileRole) -> None:
    assert _refusal(tmp_path, data, "file.json", role) == "package_format_refused"


@pytest.mark.parametrize("role", [FileRole.TEMPLATE, FileRole.PROFILES, FileRole.PROMPT, FileRole.SUITE])
@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b", bytes(10)])
def test_texts_are_texts(tmp_path: Path, role: FileRole, data: bytes) -> None:
    assert _refusal(tmp_path, data, "file.json", role) == "package_format_refused"


@pytest.mark.parametrize("data", [b"[]", b'{"llamacpp": 7}', b"{", b"[" * 100_000])
def test_profiles_are_engines_with_options(tmp_path: Path, data: bytes) -> None:
    assert _refusal(tmp_path, data, "homeport/engines.json", FileRole.PROFILES) == "package_format_refused"


def test_code_is_no_tokenizer(tmp_path: Path) -> None:
    assert _refusal(tmp_path, b"import os", "modeling.py", FileRole.TOKENIZER) == "package_format_refused"


def _in_weights(key: str) -> bytes:
    return gguf([*STANDARD, text_pair(key, REACHING)])


def _hidden() -> dict[str, tuple[bytes, str, FileRole]]:
    one = {"chat_template": REACHING}
    named = {"chat_template": [{"name": "default", "template": "{{ 1 }}"}, {"name": "b", "template": REACHING}]}
    return {
        "a template": (REACHING.encode(), "chat.jinja", FileRole.TEMPLATE),
        "beside a tokenizer": (REACHING.encode(), "chat_template.jinja", FileRole.TOKENIZER),
        "in a configuration": (json.dumps(one).encode(), "tokenizer_config.json", FileRole.TOKENIZER),
        "one of several": (json.dumps(named).encode(), "x/tokenizer_config.json", FileRole.TOKENIZER),
        "in the weights": (_in_weights("tokenizer.chat_template"), "m.gguf", FileRole.WEIGHTS),
        "a second one in the weights": (
            _in_weights("tokenizer.chat_template.tools"),
            "m.gguf",
            FileRole.WEIGHTS,
        ),
    }


@pytest.mark.parametrize(("data", "name", "role"), _hidden().values(), ids=_hidden().keys())
def test_a_template_that_reaches_for_python_is_found_wherever_it_is(
    tmp_path: Path, data: bytes, name: str, role: FileRole
) -> None:
    assert _refusal(tmp_path, data, name, role) == "package_template_unsafe"


@pytest.mark.parametrize(("role", "limit"), [(FileRole.TEMPLATE, 2**18), (FileRole.PROMPT, 2**20)])
def test_a_file_of_a_kind_has_a_bound(tmp_path: Path, role: FileRole, limit: int) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(limit + 1)
    with pytest.raises(PackageError) as caught:
        screen(path, "file", role)
    assert caught.value.code == "package_too_large"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=400), st.sampled_from(list(FileRole)), st.sampled_from(["a.gguf", "a.safetensors", "a.json"]))
def test_any_bytes_are_kept_or_refused(tmp_path: Path, data: bytes, role: FileRole, name: str) -> None:
    with suppress(PackageError):
        screen(_file(tmp_path, data), name, role)


def _blobs(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != ".lock"]


def _hostile(shelf: Shelf) -> list[SourceFile]:
    return [
        shelf.file(FileRole.DOC, "README.md", PICKLES["protocol 4"]),
        shelf.file(FileRole.TOKENIZER, "tokenizer.json", _zip({"a": bytes(10_000_000)})),
        shelf.file(FileRole.TEMPLATE, "chat.jinja", REACHING.encode()),
        shelf.file(FileRole.TEMPLATE, "chat.jinja", b"{{ ''['_' ~ '_class_' ~ '_'] }}"),
        shelf.file(FileRole.ADAPTER, "lora.gguf", PICKLES["in a tar"]),
        shelf.file(FileRole.DOC, "../README.md", b"Free."),
    ]


def test_nothing_is_left_of_a_package_that_is_refused(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    for hostile in _hostile(shelf):
        with pytest.raises(PackageError):
            store.add(spec, [shelf.weights(), hostile])
        assert _blobs(store) == []
        assert list((store.root / ".staging").glob("*")) == [], hostile.filepath


def _forged(
    store: Store, spec: PackageSpec, shelf: Shelf, role: FileRole, data: bytes
) -> tuple[bytes, dict[Digest, Path]]:
    """A package as an attacker would make it: a file is another one, and every digest fits."""
    added = store.add(spec, [shelf.weights(), shelf.file(role, "file.json", b"{}")])
    manifest = json.loads(store.blobs.path(added.digest).read_bytes())
    config = json.loads(store.blobs.path(Digest(manifest["config"]["digest"])).read_bytes())
    manifest["layers"][1].update(digest=digest_bytes(data), size=len(data))
    config["modelfs"]["diffIds"][1] = digest_bytes(data)
    document = json.dumps(config).encode()
    manifest["config"].update(digest=digest_bytes(document), size=len(document))
    paths = {digest_bytes(document): document, digest_bytes(data): data, added.files[0].digest: gguf()}
    fetched = {digest: shelf.file(role, digest, each).path for digest, each in paths.items()}
    return json.dumps(manifest).encode(), fetched


@pytest.mark.parametrize(
    ("role", "data", "code"),
    [
        (FileRole.DOC, PICKLES["in a zip, as PyTorch writes it"], "package_pickle_refused"),
        (FileRole.TEMPLATE, REACHING.encode(), "package_template_unsafe"),
        (FileRole.TEMPLATE, b"{{ 'a' * 10**10 }}", "package_template_unsafe"),
        (FileRole.PROMPT, b"PK\x03\x04" + bytes(99), "package_format_refused"),
    ],
)
def test_a_hostile_package_from_elsewhere_leaves_nothing_behind(
    tmp_path: Path, store: Store, shelf: Shelf, spec: PackageSpec, role: FileRole, data: bytes, code: str
) -> None:
    manifest, paths = _forged(store, spec, shelf, role, data)
    other = Store(tmp_path / "other")
    with pytest.raises(PackageError) as caught:
        other.adopt(manifest, paths)
    assert caught.value.code == code
    assert _blobs(other) == []


@pytest.mark.parametrize(
    ("role", "data", "code"),
    [
        (FileRole.DOC, PICKLES["protocol 2"], "package_pickle_refused"),
        (FileRole.TEMPLATE, REACHING.encode(), "package_template_unsafe"),
    ],
)
def test_a_hostile_package_in_the_store_is_refused_before_it_is_served(
    store: Store, shelf: Shelf, spec: PackageSpec, role: FileRole, data: bytes, code: str
) -> None:
    manifest, paths = _forged(store, spec, shelf, role, data)
    for digest, path in {**paths, digest_bytes(manifest): shelf.file(role, "manifest", manifest).path}.items():
        store.blobs.path(digest).write_bytes(path.read_bytes())
    index = json.loads((store.root / "index.json").read_bytes())
    for entry in index["manifests"]:
        assert entry["mediaType"] == MANIFEST_TYPE
        entry.update(digest=digest_bytes(manifest), size=len(manifest))
    (store.root / "index.json").write_text(json.dumps(index))
    with pytest.raises(PackageError) as caught:
        verify(store, "tiny")
    assert caught.value.code == code


def test_a_safetensors_model_in_parts_is_a_package(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    part = msgspec.structs.replace(shelf.file(FileRole.WEIGHTS, "model-1.safetensors", safetensors()), version="2.0")
    config = b'{"model_type": "llama", "max_position_embeddings": 2048}'
    files = [
        part,
        shelf.file(FileRole.WEIGHTS, "model-2.safetensors", safetensors()),
        shelf.file(FileRole.TOKENIZER, "config.json", config),
    ]
    added = store.add(spec, files)
    contents = store.read("tiny")
    assert contents is not None
    assert (added.family, added.context_length, added.version) == ("llama", 2048, "2.0")
    assert (contents.config.config.format, contents.config.config.precision) == ("safetensors", "bf16")
    assert contents.config.config.param_size == "20"
    assert verify(store, "tiny") == added

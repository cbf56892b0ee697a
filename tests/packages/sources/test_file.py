import os
from pathlib import Path

import pytest

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.sources.file import fetch
from tests.fakes.gguf import gguf
from tests.fakes.progress import RecordedProgress


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def _model(tmp_path: Path, name: str = "model.gguf") -> Path:
    path = tmp_path / name
    path.write_bytes(gguf())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def _fetch(source: str, into: Path) -> SourceFile:
    (file,) = fetch(PackageSpec(name="tiny", source=source), into, RecordedProgress())
    return file


def _refusal(spec: PackageSpec, into: Path) -> str:
    with pytest.raises(PackageError) as caught:
        fetch(spec, into, RecordedProgress())
    assert caught.value.hint
    assert list(into.iterdir()) == []
    return caught.value.code


def test_a_path_and_a_url_mean_the_same_file(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _model(tmp_path, "my model #1.gguf")
    monkeypatch.chdir(tmp_path)
    for source in (str(path), path.name, path.as_uri()):
        file = _fetch(source, into)
        assert file == SourceFile(
            path=into / "weights",
            filepath="my model #1.gguf",
            role=FileRole.WEIGHTS,
            modified=0,
        )
        assert file.path.read_bytes() == gguf()


def test_a_copy_tells_its_progress(tmp_path: Path, into: Path) -> None:
    progress = RecordedProgress()
    fetch(PackageSpec(name="tiny", source=str(_model(tmp_path))), into, progress)
    size = len(gguf())
    assert progress.told == [("start", "Copying model.gguf"), ("total", size), ("advance", size), ("finish", None)]


def test_what_is_not_a_plain_file_is_refused(tmp_path: Path, into: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        assert _refusal(PackageSpec(name="tiny", source=str(path)), into) == "package_format_refused"


@pytest.mark.parametrize(
    "source",
    [
        "file://host/model.gguf",
        "file://model.gguf",
        "file://",
        "file:///model.gguf?x=1",
        "file:///model.gguf#x",
        "file:///model%00.gguf",
        "file://[x/model.gguf",
    ],
)
def test_an_address_that_is_no_local_path_is_refused(source: str, into: Path) -> None:
    assert _refusal(PackageSpec(name="tiny", source=source), into) == "package_source_invalid"


def test_a_file_inside_a_file_makes_no_sense(tmp_path: Path, into: Path) -> None:
    spec = PackageSpec(name="tiny", source=str(_model(tmp_path)), file="a.gguf")
    assert _refusal(spec, into) == "package_source_invalid"


def test_a_path_that_the_system_cannot_follow_is_a_package_error(tmp_path: Path, into: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert _refusal(PackageSpec(name="tiny", source=str(loop)), into) == "package_source_unreachable"
    below = _model(tmp_path) / "x"
    assert _refusal(PackageSpec(name="tiny", source=str(below)), into) == "package_not_found"
    assert _refusal(PackageSpec(name="tiny", source="x" * 4000), into) == "package_source_unreachable"

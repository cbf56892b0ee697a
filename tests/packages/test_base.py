import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.base import PackageSpec, check_filepath, check_name, repaired_by_pull, step
from tests.fakes.progress import RecordedProgress


@pytest.mark.parametrize("name", ["a", "smollm2", "legal-4b", "a.b_c-9", "x" * 63])
def test_a_plain_name_is_accepted(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "-x", "x-", "A", "a/b", "a b", "..", "a\n", "é", "x" * 64, "a:b"])
def test_a_name_that_could_mean_something_else_is_refused(name: str) -> None:
    with pytest.raises(PackageError) as caught:
        PackageSpec(name=name, source="model.gguf")
    assert caught.value.code == "package_name_invalid"


@pytest.mark.parametrize("path", ["model.gguf", "folder/model.gguf", "a b/é.gguf", "..model"])
def test_a_plain_relative_path_is_accepted(path: str) -> None:
    check_filepath(path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../x", "a/./x", "a//x", "a/", ".", "a\\b", "C:x", "a\nb", "a\0b", "x" * 1025],
)
def test_a_path_that_could_leave_its_folder_is_refused(path: str) -> None:
    with pytest.raises(PackageError) as caught:
        PackageSpec(name="tiny", source="pypi://a==1", sha256="0" * 64, file=path)
    assert caught.value.code == "package_path_unsafe"


@given(st.text())
def test_every_accepted_path_stays_inside(path: str) -> None:
    try:
        check_filepath(path)
    except PackageError:
        return
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert path.isprintable()


@pytest.mark.parametrize("source", ["", "a\nb", "a\x1b[2J", "x" * 5000])
def test_a_source_that_no_one_would_write_is_refused(source: str) -> None:
    with pytest.raises(PackageError) as caught:
        PackageSpec(name="tiny", source=source)
    assert caught.value.code == "package_source_invalid"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/home/somebody/models/tiny.gguf", "tiny.gguf"),
        ("models/tiny.gguf", "tiny.gguf"),
        ("file:///home/somebody/tiny.gguf", "tiny.gguf"),
        ("https://example.org/a/tiny.gguf?signature=secret", "https://example.org/a/tiny.gguf"),
        ("hf://org/tiny@0/a?.gguf", "hf://org/tiny@0/a"),
        ("pypi://tiny-weights==1.0", "pypi://tiny-weights==1.0"),
        ("oci://host:5000/models/tiny:1.0", "oci://host:5000/models/tiny:1.0"),
    ],
)
def test_a_source_is_told_without_what_is_nobodys_business(source: str, told: str) -> None:
    assert PackageSpec(name="tiny", source=source).told_source == told


@pytest.mark.parametrize("sha256", ["", "0" * 63, "sha256:" + "0" * 64, "G" * 64, "A" * 64])
def test_a_pin_is_64_digits(sha256: str) -> None:
    with pytest.raises(PackageError) as caught:
        PackageSpec(name="tiny", source="model.gguf", sha256=sha256)
    assert caught.value.code == "package_digest_invalid"


def test_a_step_is_finished_however_it_ends() -> None:
    progress = RecordedProgress()
    with pytest.raises(KeyboardInterrupt), step(progress, "Copying", 3):
        raise KeyboardInterrupt
    assert progress.told == [("start", "Copying"), ("total", 3), ("finish", None)]


def test_a_stored_package_that_is_wrong_is_repaired_by_a_pull() -> None:
    with pytest.raises(PackageError) as caught, repaired_by_pull("tiny"):
        raise PackageError("broken", code="package_blob_missing", hint="something else")
    assert caught.value.hint.startswith("homeport package pull tiny;")

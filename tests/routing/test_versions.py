"""Router versions: numbered, whole or not there, and never changed."""

import threading
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError, StorageError
from homeport.routing.versions import CONFIDENCE, GAP, THRESHOLDS, Version, Versions
from tests.fakes.clock import ManualClock

CLOCK = ManualClock()
DAMAGED = "router_version_damaged"


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "router", CLOCK.wall_ns)


def test_without_a_folder_the_one_that_comes_with_homeport_is_in_use(versions: Versions, tmp_path: Path) -> None:
    assert versions.current() == Version()
    assert versions.every() == (Version(),)
    assert versions.read(versions.current(), GAP) is None
    assert not (tmp_path / "router").exists()


def test_a_version_is_in_use_once_it_is_pointed_at(versions: Versions) -> None:
    added = versions.add({GAP: b"{}"}, "fitted on 12 rows", {"apgr": 0.7})
    assert (added.number, added.parent, added.created_at) == (1, 0, CLOCK.wall_ns())
    assert versions.current().number == 0
    assert versions.point(1) == added == versions.current() == versions.every()[1]
    assert versions.read(added, GAP) == b"{}"
    assert versions.point(0).number == versions.current().number == 0


def test_what_is_not_given_is_the_current_versions(versions: Versions) -> None:
    versions.point(versions.add({GAP: b"gap", CONFIDENCE: b"sure"}, "first").number)
    versions.add({GAP: b"unused"}, "never in use")
    third = versions.add({THRESHOLDS: b"at", GAP: b"new"}, "third")
    assert third.parent == 1
    assert [versions.read(third, part) for part in (GAP, CONFIDENCE, THRESHOLDS)] == [b"new", b"sure", b"at"]


def test_other_parts_and_endless_metrics_are_refused(versions: Versions) -> None:
    with pytest.raises(ValueError, match="parts"):
        versions.add({"../gap.json": b""}, "")
    with pytest.raises(ValueError, match="finite"):
        versions.add({GAP: b""}, "", {"apgr": float("nan")})


@pytest.mark.parametrize("number", [2, 10**9, -1])
def test_a_version_that_is_not_there_is_told(versions: Versions, number: int) -> None:
    versions.add({GAP: b"gap"}, "first")
    with pytest.raises(ConfigError) as caught:
        versions.point(number)
    assert caught.value.code == "router_version_unknown"
    assert versions.current().number == 0


@pytest.mark.parametrize("name", ["gap.json", "about.json"])
@pytest.mark.parametrize("change", [b"", b"{", b'{"number": 7}', b"\xff", None], ids=repr)
def test_a_changed_version_is_never_used(versions: Versions, tmp_path: Path, name: str, change: bytes | None) -> None:
    versions.point(versions.add({GAP: b"gap"}, "whole").number)
    versions.point(versions.add({GAP: b"gap"}, "changed").number)
    path = tmp_path / "router" / "000002" / name
    path.unlink() if change is None else path.write_bytes(change)
    with pytest.raises((StorageError, ConfigError)) as caught:
        versions.read(versions.current(), GAP)
    assert caught.value.code == ("router_version_unknown" if change is None and name == "about.json" else DAMAGED)
    with pytest.raises((StorageError, ConfigError)):
        versions.point(2)
    assert versions.point(1).note == "whole"
    assert [version.number for version in versions.every()] == ([0, 1] if name == "about.json" else [0, 1, 2])


@pytest.mark.parametrize("text", [b"", b"two", b"1 2", b"\xff\xfe", b"9" * 5000, b"-1", "\u0663".encode()], ids=repr)
def test_a_torn_pointer_is_told(versions: Versions, tmp_path: Path, text: bytes) -> None:
    versions.point(versions.add({GAP: b"gap"}, "first").number)
    (tmp_path / "router" / "current").write_bytes(text)
    with pytest.raises(StorageError) as caught:
        versions.current()
    assert caught.value.code == DAMAGED
    assert versions.point(1).number == versions.current().number == 1


def test_what_was_left_half_written_is_no_version(versions: Versions, tmp_path: Path) -> None:
    (tmp_path / "router" / ".new-abc").mkdir(parents=True)
    (tmp_path / "router" / "notes").mkdir()
    assert versions.every() == (Version(),)
    assert versions.add({GAP: b"gap"}, "first").number == 1


def test_processes_that_add_at_once_get_numbers_of_their_own(versions: Versions) -> None:
    threads = [threading.Thread(target=versions.add, args=({GAP: bytes([i])}, str(i))) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = versions.every()
    assert [version.number for version in every] == list(range(13))
    assert sorted(version.note for version in every[1:]) == sorted(map(str, range(12)))
    assert all(versions.read(version, GAP) == bytes([int(version.note)]) for version in every[1:])

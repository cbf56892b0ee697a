"""The files of an audited model."""

from pathlib import Path

import pytest

from homeport.core.errors import ConfigError, HomeportError
from homeport.drift.asking import Reply
from homeport.drift.baselines import Asked, Baseline, archive_of, archives, asked, iso, nanoseconds
from homeport.drift.border import Probe
from homeport.drift.recording import read_rows
from homeport.drift.search import Method

MADE = Baseline(
    name="fast/large v2",
    made_at=7,
    method=Method.EDITS,
    steady=True,
    probes=(Probe(name="border-01", prompt="Yes or no?"),),
    repeats=3,
    seed="secret",
    batch_tokens=90,
)


def test_a_baseline_is_read_as_it_was_written_and_its_folder_is_closed_to_others(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, MADE.name)
    assert archive.read() is None
    archive.begin(MADE)
    assert archive.read() == MADE
    assert archive.folder.stat().st_mode & 0o077 == 0
    assert [one.folder for one in archives(tmp_path)] == [archive.folder]


def test_names_that_look_alike_have_folders_of_their_own(tmp_path: Path) -> None:
    names = ("a/b", "a-b", "a b", "../a", "", "x" * 300, "x" * 301, "ä")
    folders = [archive_of(tmp_path, name).folder for name in names]
    assert len({*folders}) == len(names)
    assert all(folder.parent == tmp_path and len(folder.name) < 60 for folder in folders)


def test_another_baseline_moves_what_there_was_aside(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, MADE.name)
    archive.begin(MADE)
    archive.append(archive.answers, [Asked(batch=iso(0), probe="p", output="yes")])
    archive.begin(MADE)
    assert not archive.answers.exists()
    assert (archive.folder / "before-7" / "answers.jsonl").exists()


def test_an_answer_is_a_row_of_a_recording(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, "m")
    archive.begin(MADE)
    reply = Reply(text="é", logprobs={"é": -0.1}, model="m-2", fingerprint="fp", input_tokens=9, seconds=0.5)
    archive.append(archive.answers, [asked(iso(1_700_000_000 * 10**9), "p", reply)])
    [row] = read_rows(archive.answers)
    assert (row.seconds, row.probe, row.output, row.logprobs) == (1_700_000_000, "p", "é", {"é": -0.1})
    [line] = archive.rows(archive.answers)
    assert (line.model, line.fingerprint, line.input_tokens) == ("m-2", "fp", 9)


def test_times_are_read_as_they_are_written() -> None:
    assert nanoseconds(iso(1_700_000_000_123 * 10**6)) == pytest.approx(1_700_000_000_123 * 10**6, abs=1_000)
    assert nanoseconds("1970-01-02") == 86_400 * 10**9


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"name": 1}', b"[" * 100_000])
def test_a_baseline_that_is_none(tmp_path: Path, content: bytes) -> None:
    archive = archive_of(tmp_path, "m")
    archive.begin(MADE)
    (archive.folder / "baseline.json").write_bytes(content)
    with pytest.raises(HomeportError, match="cannot be read") as caught:
        archive.read()
    assert caught.value.code == "baseline_unreadable"


@pytest.mark.parametrize("line", [b"{", b'{"batch": 3}', b"\xff\n", b"[" * 100_000])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: bytes) -> None:
    archive = archive_of(tmp_path, "m")
    archive.begin(MADE)
    archive.append(archive.answers, [Asked(batch=iso(0), probe="p", output="yes")])
    with archive.answers.open("ab") as file:
        file.write(line)
    with pytest.raises(ConfigError, match="line 2, cannot be read"):
        list(archive.rows(archive.answers))

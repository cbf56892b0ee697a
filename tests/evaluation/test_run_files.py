"""Files of runs while they are written: nothing is lost, and nothing of others is overwritten."""

from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.run_files import RunFile
from homeport.evaluation.runs import read_run
from tests.fakes.runs import answered, head

HEAD = head(3)


def write(path: Path, *cases: str, fresh: bool = False) -> tuple[str, ...]:
    """What was there before."""
    with RunFile(path, HEAD, fresh=fresh) as file:
        for case in cases:
            file(answered(case, 1.0))
        return tuple(one.case for one in file.answered)


def refused(path: Path, code: str, *, fresh: bool = False) -> None:
    with pytest.raises(ConfigError) as caught:
        write(path, fresh=fresh)
    assert caught.value.code == code
    assert caught.value.hint


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.jsonl"
    assert write(path, "a") == ()
    assert write(path, "b") == ("a",)
    assert [one.case for one in read_run(path).answers] == ["a", "b"]


@pytest.mark.parametrize("torn", [b'{"case": "b", "sc', b'{"case": "b", "score": 1.0}', b""])
def test_after_it_was_killed(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "r.jsonl"
    write(path, "a")
    with path.open("ab") as file:
        file.write(torn)
    before = write(path, "c")
    assert before == (("a", "b") if torn.endswith(b"}") else ("a",))
    assert [one.case for one in read_run(path).answers] == [*before, "c"]


def test_an_answer_is_on_disk_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunFile(path, HEAD) as file:
        file(answered("a", 1.0))
        assert len(read_run(path).answers) == 1


def test_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write(path, "a")
    assert write(path, "b", fresh=True) == ()
    assert [one.case for one in read_run(path).answers] == ["b"]


def test_another_run_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunFile(path, head(3, route="other", epochs=2)) as file:
        file(answered("a", 1.0))
    with pytest.raises(ConfigError, match="epochs, route differ"):
        write(path)
    refused(path, "eval_run_differs")


def test_one_without_an_answer_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunFile(path, head(3, route="other")):
        pass
    write(path, "a")
    assert read_run(path).head == HEAD


def test_what_is_no_run_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "dataset.jsonl"
    path.write_text('{"id": "a"}\n')
    refused(path, "eval_run_invalid")
    refused(path, "eval_run_invalid", fresh=True)
    assert path.read_text() == '{"id": "a"}\n'


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunFile(path, HEAD):
        refused(path, "eval_run_busy")
    write(path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    refused(tmp_path, "eval_run_unwritable")
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "r.jsonl", "eval_run_unwritable")

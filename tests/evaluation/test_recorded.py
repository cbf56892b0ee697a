"""Recorded answers: plain lines, or a run that is scored again."""

from pathlib import Path
from typing import Any

import pytest

from homeport.core.errors import ConfigError
from homeport.core.money import Nano
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import DatasetCase
from homeport.evaluation.experiments import Ask, Reply
from homeport.evaluation.recorded import read_recorded
from tests.fakes.runs import run_of, write_lines, write_run


async def said(path: Path, case: str, epoch: int = 0) -> Reply:
    ask = Ask(case=DatasetCase(id=case, question="?"), epoch=epoch, question=Question())
    return await read_recorded(path)(ask)


async def test_plain_lines(tmp_path: Path) -> None:
    lines = [{"id": "a", "answer": "yes", "cost_nanodollars": 5, "other": 1}, {"id": "a", "epoch": 1, "answer": "no"}]
    path = write_lines(tmp_path / "r.jsonl", lines)
    assert await said(path, "a") == Reply(text="yes", cost=Nano(5))
    assert (await said(path, "a", 1)).text == "no"
    assert (await said(path, "b")).error == "eval_answer_missing"


async def test_a_run_again(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r.jsonl", run_of([1.0, None]))
    assert (await said(path, "case 0")).text == "answer to case 0"
    assert (await said(path, "case 1")).error == "eval_answer_missing"


@pytest.mark.parametrize(
    "line", [{"id": "b"}, {"id": "", "answer": "x"}, {"id": "b", "answer": 1}, {"id": "a", "answer": ""}, []]
)
def test_a_line_that_is_no_answer_is_refused_with_its_number(tmp_path: Path, line: Any) -> None:
    path = write_lines(tmp_path / "r.jsonl", [{"id": "a", "answer": "x"}, line])
    with pytest.raises(ConfigError, match="line 2") as caught:
        read_recorded(path)
    assert caught.value.code == "recorded_answers_invalid"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_recorded(tmp_path / "none")
    assert caught.value.code == "recorded_answers_invalid"

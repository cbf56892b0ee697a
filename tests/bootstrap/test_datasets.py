"""Datasets of kept requests: what was asked, what was answered, and what makes no case."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from tests.storage.events import finished
from tests.traces.kept import HOSTILE, chat, kept

from homeport.bootstrap.datasets import Gathered, write_dataset
from homeport.core.errors import ConfigError
from homeport.evaluation.datasets import read_dataset
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.request_filter import RequestFilter

ASKED: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


def answer(finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello", **message}, "finish_reason": finish}
        ]
    }


@pytest.fixture
def bodies(tmp_path: Path) -> BodyStore:
    return BodyStore(tmp_path / "captured", keep_days=7, most_bytes=1 << 30)


def fill(engine: Engine, count: int) -> None:
    with writing(engine) as connection:
        insert_events(connection, [finished(f"r{number}", started_at=number) for number in range(count)])


def test_cases_with_their_answers_as_references(engine: Engine, bodies: BodyStore, tmp_path: Path) -> None:
    bodies.put(chat("r0", prompt=HOSTILE, answer="one"))
    bodies.put(kept("r1", {**ASKED, "max_tokens": 9}, answer()))
    fill(engine, 3)
    out = tmp_path / "d.jsonl"
    told = write_dataset(engine, bodies, out, RequestFilter(), 10, replace=False)
    assert told == Gathered(cases=2, not_kept=1, unsuited=0)
    assert out.stat().st_mode & 0o777 == 0o600
    found = read_dataset(out)
    assert [case.id for case in found.cases] == ["r0", "r1"]
    assert [case.reference for case in found.cases] == ["one", "Hello"]
    assert found.cases[0].asked == HOSTILE
    assert found.cases[1].longest(64) == 9
    assert found.cases[0].longest(64) == 64
    with pytest.raises(ConfigError) as caught:
        write_dataset(engine, bodies, out, RequestFilter(), 10, replace=False)
    assert caught.value.code == "export_file_exists"


def test_what_was_asked_twice_is_there_once_and_newest(engine: Engine, bodies: BodyStore, tmp_path: Path) -> None:
    for number, text in enumerate(("old", "other", "new")):
        bodies.put(chat(f"r{number}", prompt="b" if text == "other" else "a", answer=text))
    fill(engine, 3)
    out = tmp_path / "d.jsonl"
    assert write_dataset(engine, bodies, out, RequestFilter(), 10, replace=False).cases == 2
    assert [case.reference for case in read_dataset(out).cases] == ["other", "new"]
    assert write_dataset(engine, bodies, out, RequestFilter(), 1, replace=True).cases == 1
    assert json.loads(out.read_text())["reference"] == "new"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (ASKED, answer(finish="length")),
        (ASKED, answer(content="")),
        (ASKED, {"error": {}}),
        (ASKED, b"\xff"),
        (ASKED, answer(tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}])),
        ({**ASKED, "messages": [{"role": "tool", "content": "x"}]}, answer()),
        (
            {**ASKED, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            answer(),
        ),
        ({**ASKED, "messages": [{"role": "user", "content": "x" * 300_000}]}, answer()),
        (b"[]", answer()),
    ],
)
def test_what_makes_no_case_is_left_out(
    engine: Engine, bodies: BodyStore, tmp_path: Path, asked: Any, answered: Any
) -> None:
    bodies.put(kept("r0", asked, answered))
    fill(engine, 1)
    told = write_dataset(engine, bodies, tmp_path / "d.jsonl", RequestFilter(), 10, replace=False)
    assert told == Gathered(cases=0, not_kept=0, unsuited=1)

"""Requests as files: what is in them is what was said, and no terminal acts on it."""

import json
import tracemalloc
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.errors import ConfigError
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_rows import NAMES
from homeport.traces.export import export_requests, line_of, records
from tests.storage.events import finished
from tests.traces.kept import HOSTILE, chat


@pytest.fixture
def bodies(tmp_path: Path) -> BodyStore:
    kept = BodyStore(tmp_path / "captured", keep_days=7, most_bytes=1 << 30)
    kept.put(chat("r1", prompt=HOSTILE, answer=HOSTILE))
    return kept


def fill(engine: Engine, count: int = 3) -> None:
    events = [
        msgspec.structs.replace(finished(f"r{number}", started_at=number), end_user=HOSTILE) for number in range(count)
    ]
    with writing(engine) as connection:
        insert_events(connection, events)


def test_json_lines(engine: Engine, bodies: BodyStore, tmp_path: Path) -> None:
    fill(engine)
    out = tmp_path / "a.jsonl"
    assert export_requests(engine, bodies, "jsonl", out, RequestFilter(), replace=False) == 3
    assert out.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["request_id"] for line in lines] == ["r0", "r1", "r2"]
    assert set(lines[0]) == {*NAMES, "messages", "answer", "tool_calls", "request"}
    assert (lines[0]["messages"], lines[0]["request"]) == (None, None)
    assert lines[1]["messages"][1] == {"role": "user", "text": HOSTILE}
    assert lines[1]["answer"] == HOSTILE
    assert lines[1]["request"]["messages"][1]["content"] == HOSTILE
    assert lines[1]["attempts"][0]["target"] == "smollm2"
    assert lines[1]["end_user"] == HOSTILE
    raw = out.read_bytes().decode()
    assert {unicodedata.category(letter) for letter in raw if letter != "\n"} & {"Cc", "Cf", "Zl", "Zp"} == set()


def test_without_what_was_said(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    out = tmp_path / "a.jsonl"
    wanted = RequestFilter(since=1, until=2)
    assert export_requests(engine, None, "jsonl", out, wanted, replace=False) == 1
    assert set(json.loads(out.read_text())) == set(NAMES)


def test_parquet(engine: Engine, bodies: BodyStore, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    fill(engine)
    out = tmp_path / "a.parquet"
    assert export_requests(engine, bodies, "parquet", out, RequestFilter(), replace=False) == 3
    table = parquet.read_table(out)
    [_, row, _] = table.to_pylist()
    assert {name: str(table.schema.field(name).type) for name in ("started_at", "local", "answer")} == {
        "started_at": "int64",
        "local": "bool",
        "answer": "string",
    }
    assert (row["request_id"], row["cost"], row["outcome"], row["answer"]) == ("r1", 7, "completed", HOSTILE)
    assert json.loads(row["messages"])[1]["text"] == HOSTILE
    assert "\x1b" not in row["messages"]


@given(st.text())
def test_escaping_changes_no_text(text: str) -> None:
    line = line_of({"text": text})
    assert json.loads(line) == {"text": text}
    assert line.count(b"\n") == 1


def test_a_file_that_is_there_stays(engine: Engine, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    out.write_text("kept")
    with pytest.raises(ConfigError):
        export_requests(engine, None, "jsonl", out, RequestFilter(), replace=False)
    assert out.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_memory_stays_bounded(engine: Engine) -> None:
    fill(engine, 6_000)
    tracemalloc.start()
    count = sum(1 for _ in records(engine, None, RequestFilter()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 6_000
    assert peak < 8 << 20

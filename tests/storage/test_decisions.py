"""What is kept of decisions beside the ledger: once, only where there is something, and only for a time."""

import zlib
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select, text

from homeport.core.events import RequestFinished
from homeport.ledger.verification import Verification, What
from homeport.storage import journal
from homeport.storage.db import writing
from homeport.storage.decisions import prune
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.tables import decisions
from tests.storage.events import finished

SCORED = {
    "decided": "local",
    "propensity": 0.01,
    "router_version": 3,
    "score": 0.25,
    "explored": True,
    "prompt_id": "ab" * 16,
    "follows": "cd" * 16,
    "reask": True,
    "features": b"\0\xff",
    "baseline_cost": 70,
}


def keep(engine: Engine, folder: Path, *events: RequestFinished) -> None:
    written = Journal(folder / "journal")
    for event in events:
        written.record(event)
    written.close()
    ingest(engine, folder / "journal")


def kept(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [*connection.execute(select(decisions.c.request_id).order_by(decisions.c.started_at)).scalars()]


def test_a_decision_is_kept_beside_its_row(engine: Engine, tmp_path: Path) -> None:
    scored = msgspec.structs.replace(finished("r1", started_at=5), **SCORED)
    keep(engine, tmp_path, scored, finished("r2"), scored)
    with engine.connect() as connection:
        [row] = connection.execute(select(decisions)).mappings()
    expected = {**SCORED, "request_id": "r1", "started_at": 5, "ended_at": 1_000_005, "escalation": ""}
    del expected["baseline_cost"]
    assert dict(row) == expected
    assert [*Verification(engine).findings()] == []


def test_a_baseline_is_in_the_chain(engine: Engine, tmp_path: Path) -> None:
    keep(engine, tmp_path, msgspec.structs.replace(finished("r1"), baseline_cost=70))
    with writing(engine) as connection:
        connection.execute(text("UPDATE requests SET baseline_cost = 71"))
    assert {finding.what for finding in Verification(engine).findings()} == {What.CHANGED, What.SUMS}


@pytest.mark.parametrize(
    "odd",
    [
        {"score": float("nan")},
        {"score": float("inf")},
        {"propensity": 0.0},
        {"propensity": float("nan")},
        {"propensity": 7.0},
        {"escalation": "x" * 5_000},
        {"decided": "a\0b" * 200, "score": 0.0},
    ],
)
def test_what_no_policy_should_say_stops_nothing(engine: Engine, tmp_path: Path, odd: dict[str, object]) -> None:
    keep(engine, tmp_path, msgspec.structs.replace(finished("r1"), **odd), finished("r2"))
    with engine.connect() as connection:
        [row] = connection.execute(select(decisions)).mappings()
    assert 0 < row["propensity"] <= 1
    assert row["score"] in (None, 0.0)
    assert len(row["escalation"]) <= 64
    assert len(row["decided"]) <= 160


def test_records_of_the_release_before_are_read() -> None:
    record = msgspec.to_builtins(finished("r1"))
    old = {name: value for name, value in record.items() if name not in {*SCORED, "escalation"}}
    payload = msgspec.msgpack.encode(old)
    frame = journal.HEADER.pack(journal.MAGIC, len(payload), zlib.crc32(payload)) + payload
    assert journal.read_frames(frame, abandoned=True) == ([finished("r1")], len(frame), 0)


def test_old_decisions_are_forgotten_the_oldest_first(engine: Engine, tmp_path: Path) -> None:
    events = [msgspec.structs.replace(finished(f"r{at}", started_at=at), score=0.5) for at in range(5)]
    keep(engine, tmp_path, *events)
    assert prune(engine, 4, 3) == 3
    assert kept(engine) == ["r3", "r4"]
    assert prune(engine, 4, 3) == 1
    assert prune(engine, 4, 3) == 0
    assert kept(engine) == ["r4"]

"""Whatever keeps rows out of the database: none is lost, none comes twice, and the reason is told."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError

from homeport.ledger.verification import Verification
from homeport.storage import db
from homeport.storage import ingest as ingest_module
from homeport.storage.db import unusable
from homeport.storage.ingest import Ingested, ingest
from homeport.storage.journal import MAGIC, Journal
from homeport.storage.tables import requests
from tests.databases import migrated
from tests.storage.events import finished


def write(folder: Path, count: int, start: int = 0) -> None:
    journal = Journal(folder / "journal")
    for number in range(start, start + count):
        journal.record(finished(f"r{number}", cost=number, started_at=number))
    journal.close()


def ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [*connection.execute(select(requests.c.request_id).order_by(requests.c.sequence)).scalars()]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the database."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.rollback()
    other.close()


@contextmanager
def told(engine: Engine, pragma: str) -> Iterator[None]:
    def tell(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(pragma)

    engine.dispose()
    event.listen(engine, "connect", tell)
    yield
    event.remove(engine, "connect", tell)
    engine.dispose()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("locked", "database is locked"), ("full", "database or disk is full"), ("read-only", "readonly database")],
)
def test_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: str) -> None:
    path = tmp_path / "homeport.db"
    engine = migrated(path)
    write(tmp_path, 300)
    assert ingest(engine, tmp_path / "journal").rows == 300
    write(tmp_path, 3_000, start=300)
    monkeypatch.setattr(db, "_BUSY_SECONDS", 0)
    troubles = {
        "locked": lambda: locked(path),
        "full": lambda: told(engine, "PRAGMA max_page_count = 1"),  # the least is what there is
        "read-only": lambda: told(engine, "PRAGMA query_only = 1"),
    }
    with troubles[kind](), pytest.raises(OperationalError) as failure:
        ingest(engine, tmp_path / "journal")
    assert words in unusable(failure.value).message
    assert len(list((tmp_path / "journal").iterdir())) == 1
    there = len(ids(engine))
    assert ingest(engine, tmp_path / "journal").rows == 3_300 - there
    assert ids(engine) == [f"r{number}" for number in range(3_300)]
    assert [*Verification(engine).findings()] == []
    engine.dispose()


def test_a_clock_that_jumps_back(engine: Engine, tmp_path: Path) -> None:
    """Segments and requests seem older than those that are there; the chain goes on where it ended."""
    for number, clock in enumerate((5_000, 3_000, 4_000, 3_000)):
        journal = Journal(tmp_path / "journal", wall_ns=partial(int, clock))
        journal.record(finished(f"r{number}", started_at=clock))
        journal.close()
        assert ingest(engine, tmp_path / "journal").rows == 1
    assert ids(engine) == ["r0", "r1", "r2", "r3"]
    assert [*Verification(engine).findings()] == []


def test_a_segment_of_many_batches(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "BATCH_ROWS", 7)
    write(tmp_path, 50)
    assert ingest(engine, tmp_path / "journal") == Ingested(rows=50, segments=1)
    assert len(ids(engine)) == 50


@pytest.mark.parametrize("junk", [b"x", MAGIC * 3, b"\0" * 70])
def test_megabytes_that_no_frame_explains(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    """More than is read at once, in the middle of a segment: what is after it comes in too."""
    monkeypatch.setattr(ingest_module, "_READ_BYTES", 1_000)
    write(tmp_path, 5)
    [segment] = (tmp_path / "journal").iterdir()
    good = segment.read_bytes()
    wrong = junk * (5_000 // len(junk))
    segment.write_bytes(good + wrong)
    write(tmp_path, 5, start=5)
    [second] = [path for path in (tmp_path / "journal").iterdir() if path != segment]
    segment.write_bytes(good + wrong + second.read_bytes())
    second.unlink()
    done = ingest(engine, tmp_path / "journal")
    assert (done.rows, done.lost_bytes, done.segments) == (10, len(wrong), 1)
    said = f"{len(wrong)} unreadable bytes of the journal segment {segment.name} were skipped"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_a_row_that_is_there_is_neither_changed_nor_counted(engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, 3)
    ingest(engine, tmp_path / "journal")
    write(tmp_path, 4)
    assert ingest(engine, tmp_path / "journal").rows == 1
    assert [*Verification(engine).findings()] == []


def test_who_wants_to_know_is_told_of_each_event_once(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "homeport.db")
    write(tmp_path, 3)
    told: list[str] = []
    for _ in range(2):
        ingest(engine, tmp_path / "journal", lambda events: told.extend(one.request_id for one in events))
    assert told == ids(engine) == ["r0", "r1", "r2"]
    engine.dispose()

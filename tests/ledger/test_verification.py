"""Whatever is done to the database behind the ledger's back is found, and the row is named."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.ledger.verification import Finding, Verification, What
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.tables import requests
from tests.databases import migrated
from tests.storage.events import finished

COLUMNS = [column.name for column in requests.columns]
VICTIM = "r3"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of twelve rows in two projects, to be copied."""
    folder = tmp_path_factory.mktemp("honest")
    engine = migrated(folder / "homeport.db")
    journal = Journal(folder / "journal")
    for number in range(1, 7):
        journal.record(event(number, "acme"))
        journal.record(event(number + 10, "other"))
    journal.close()
    assert ingest(engine, folder / "journal").rows == 12
    engine.dispose()
    return folder / "homeport.db"


@pytest.fixture
def engine(tmp_path: Path, honest: Path) -> Iterator[Engine]:
    shutil.copy(honest, tmp_path / "homeport.db")
    engine = open_database(sqlite_url(tmp_path / "homeport.db"))
    yield engine
    engine.dispose()


def event(number: int, project: str) -> RequestFinished:
    row = finished(f"r{number}", cost=number, started_at=number)
    return msgspec.structs.replace(row, project=project, end_user=f"user-{number}")


def tamper(tmp_path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(tmp_path / "homeport.db") as connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def findings(engine: Engine, project: str = "") -> Sequence[Finding]:
    return [*Verification(engine, project).findings()]


def named(found: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(each.what, each.request_id) for each in found if each.request_id]


def test_an_honest_ledger(engine: Engine) -> None:
    reading = Verification(engine)
    assert [*reading.findings()] == []
    assert reading.rows == 12
    assert {name: head.sequence for name, head in reading.heads.items()} == {"acme": 6, "other": 6}


def test_an_empty_ledger(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "empty.db")
    assert findings(engine) == []


@pytest.mark.parametrize("column", COLUMNS)
def test_one_byte_of_any_column(engine: Engine, tmp_path: Path, column: str) -> None:
    with sqlite3.connect(tmp_path / "homeport.db") as connection:
        [value] = connection.execute(f"SELECT {column} FROM requests WHERE request_id = ?", (VICTIM,)).fetchone()
    connection.close()
    changed = value ^ 1 if isinstance(value, int) else f"{value[:-1]}{chr(ord(value[-1:] or 'x') ^ 8)}"
    if column == "sequence":
        changed = 9  # the index forbids the places that are taken
    tamper(tmp_path, f"UPDATE requests SET {column} = ? WHERE request_id = ?", changed, VICTIM)
    found = findings(engine)
    name = changed if column == "request_id" else VICTIM
    moved = column in ("sequence", "project")
    assert named(found) == [(What.INSERTED if moved else What.CHANGED, name)]
    if moved:
        assert (What.REMOVED, 3) in [(each.what, each.sequence) for each in found]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["''", "x''", "2", "CAST(x'ff' AS TEXT)", "9223372036854775807"])
def test_values_of_another_kind(engine: Engine, tmp_path: Path, column: str, value: str) -> None:
    """SQLite keeps a text in a column of numbers, and bytes that are no Unicode in one of texts."""
    kept = f"SELECT typeof({column}) || hex({column}) FROM requests WHERE sequence = 3 AND project = 'acme'"
    with sqlite3.connect(tmp_path / "homeport.db", isolation_level=None) as connection:
        before = connection.execute(kept).fetchone()
        connection.execute(f"UPDATE OR IGNORE requests SET {column} = {value} WHERE request_id = ?", (VICTIM,))
        same = connection.execute(kept).fetchone() == before
    connection.close()
    assert bool(findings(engine)) is not same


def test_a_row_that_was_removed(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "DELETE FROM requests WHERE request_id = ?", VICTIM)
    [removed, *sums] = findings(engine)
    assert (removed.what, removed.project, removed.sequence) == (What.REMOVED, "acme", 3)
    assert {(each.what, each.project) for each in sums} == {(What.SUMS, "acme")}


def test_the_last_row_of_a_project(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "DELETE FROM requests WHERE request_id = 'r6'")
    assert (What.REMOVED, 6) in [(each.what, each.sequence) for each in findings(engine)]


def test_a_whole_project(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "DELETE FROM requests WHERE project = 'acme'")
    found = findings(engine)
    assert (What.REMOVED, "acme", 1) in [(each.what, each.project, each.sequence) for each in found]
    assert {each.project for each in found} == {"acme"}


@pytest.mark.parametrize(("project", "sequence"), [("acme", 7), ("acme", 0), ("acme", -5), ("new", 1), ("acme", 2**62)])
def test_a_row_that_was_put_in(engine: Engine, tmp_path: Path, project: str, sequence: int) -> None:
    others = ", ".join(name for name in COLUMNS if name not in ("request_id", "project", "sequence"))
    copy = f"INSERT INTO requests (request_id, project, sequence, {others})"
    tamper(tmp_path, f"{copy} SELECT 'forged', ?, ?, {others} FROM requests WHERE request_id = 'r6'", project, sequence)
    assert (What.INSERTED, "forged") in named(findings(engine))


def test_two_rows_in_each_other_s_place(engine: Engine, tmp_path: Path) -> None:
    for old, new in (("r3", "x"), ("r4", "r3"), ("x", "r4")):
        tamper(tmp_path, "UPDATE requests SET request_id = ? WHERE request_id = ?", new, old)
    assert named(findings(engine)) == [(What.CHANGED, "r4"), (What.CHANGED, "r3")]


def test_a_row_with_a_hash_made_for_it_is_betrayed_by_the_next(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "UPDATE requests SET cost = 0, hash = ? WHERE request_id = ?", "ab" * 32, VICTIM)
    assert (What.CHANGED, VICTIM) in named(findings(engine))


def test_heads(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "UPDATE ledger_heads SET hash = ? WHERE project = 'acme'", "ab" * 32)
    assert [(each.what, each.project) for each in findings(engine)] == [(What.HEAD, "acme")]
    tamper(tmp_path, "DELETE FROM ledger_heads WHERE project = 'acme'")
    assert {each.what for each in findings(engine)} == {What.INSERTED}
    tamper(tmp_path, "UPDATE ledger_heads SET sequence = 3 WHERE project = 'other'")
    assert len(findings(engine, "other")) == 4


def test_sums(engine: Engine, tmp_path: Path) -> None:
    for times, table in enumerate(("rollups", "day_rollups"), 1):
        tamper(tmp_path, f"UPDATE {table} SET cost = cost + ? WHERE project = 'acme'", 1)
        assert [(each.what, each.project) for each in findings(engine)] == [(What.SUMS, "acme")] * times
    assert findings(engine, "other") == []


def test_one_project_alone(engine: Engine, tmp_path: Path) -> None:
    tamper(tmp_path, "UPDATE requests SET cost = cost + 1 WHERE request_id = ?", VICTIM)
    assert named(findings(engine, "acme")) == [(What.CHANGED, VICTIM)]
    assert findings(engine, "other") == []
    assert findings(engine, "acme' OR 1=1 --") == []

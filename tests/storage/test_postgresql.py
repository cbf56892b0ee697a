"""What PostgreSQL needs that SQLite does not: one writer at a time, hostile text, servers that go away, a driver."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bench.postgres_server import PostgresServer
from homeport.core.errors import StorageError
from homeport.storage.db import open_database, schema_version, sqlite_url, unusable, upgrade, writing
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.tables import SCHEMA_HEAD, journal_offsets, requests
from tests.storage.events import finished

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(postgres: str) -> Iterator[Engine]:
    opened = open_database(postgres)
    yield opened
    opened.dispose()


def test_who_writes_writes_alone(engine: Engine) -> None:
    """A count that is read and written back loses nothing: the second transaction waits before it reads."""

    def count_up() -> None:
        for _ in range(20):
            with writing(engine) as connection:
                seen = connection.execute(select(journal_offsets.c.offset)).scalar_one()
                connection.execute(journal_offsets.update().values(offset=seen + 1))

    with writing(engine) as connection:
        connection.execute(insert(journal_offsets).values(segment="s", offset=0))
    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.execute(select(journal_offsets.c.offset)).scalar_one() == 80


def test_who_only_reads_waits_for_nobody(engine: Engine) -> None:
    with writing(engine), engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(requests)).scalar_one() == 0


def test_a_writer_that_waits_too_long_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.storage.postgresql.LOCK_SECONDS", 0.05)
    with writing(engine):
        with pytest.raises(OperationalError, match="lock timeout") as caught, writing(engine):
            pass
        assert "lock timeout" in unusable(caught.value).message
    with writing(engine):
        pass


def test_several_processes_may_migrate_at_once(empty_postgres: str) -> None:
    program = "import sys; from homeport.storage.db import open_database, upgrade; upgrade(open_database(sys.argv[1]))"
    children = [subprocess.Popen([sys.executable, "-c", program, empty_postgres]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    engine = open_database(empty_postgres)
    assert schema_version(engine) == SCHEMA_HEAD
    engine.dispose()


def test_text_that_postgresql_does_not_take_stops_nothing(engine: Engine, tmp_path: Path) -> None:
    """A caller chooses these words: one that is too long, or has a NUL in it, must not keep the others out."""
    journal = Journal(tmp_path / "journal")
    words = {"requested_model": "\0" * 5000, "reason": "\U0001f600" * 161, "end_user": "a\0b"}
    journal.record(msgspec.structs.replace(finished("hostile"), **words))
    journal.record(finished("harmless"))
    journal.close()
    assert ingest(engine, tmp_path / "journal").rows == 2
    with engine.connect() as connection:
        row = connection.execute(select(requests).where(requests.c.request_id == "hostile")).mappings().one()
    assert (row["end_user"], row["reason"]) == ("a\ufffdb", "\U0001f600" * 160)
    assert row["requested_model"] == "\ufffd" * 160


def test_the_largest_sums_are_exact(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        connection.execute(insert(journal_offsets), [{"segment": f"{n}", "offset": (1 << 62) - n} for n in range(4)])
        total = connection.execute(select(func.sum(journal_offsets.c.offset))).scalar_one()
    assert int(total) == 4 * (1 << 62) - 6


def test_a_server_that_was_away_is_found_again(postgres_server: PostgresServer, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    postgres_server.stop()
    with pytest.raises(DBAPIError) as caught, engine.connect():
        pass
    postgres_server.start()
    said = unusable(caught.value)
    assert "storage.url" in said.hint
    assert "homeport:" not in said.message  # the password
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_is_not_there_is_said_soon() -> None:
    started = time.monotonic()
    with pytest.raises(StorageError) as caught:
        upgrade(open_database("postgresql+psycopg://nobody:secret@127.0.0.1:1/none"))
    assert caught.value.code == "database_upgrade_failed"
    assert "secret" not in caught.value.message
    assert "storage.url" in caught.value.hint
    assert time.monotonic() - started < 30


def test_a_driver_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StorageError) as caught:
        open_database("postgresql+psycopg://localhost/homeport")
    assert caught.value.code == "database_driver_missing"
    assert "pip install" in caught.value.hint


def test_what_the_url_says_wins(postgres: str) -> None:
    engine = open_database(f"{postgres}?application_name=mine&connect_timeout=1")
    with engine.connect() as connection:
        assert connection.execute(text("SHOW application_name")).scalar_one() == "mine"
    engine.dispose()


def test_sqlite_is_told_of_its_file(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "missing" / "a.db"))
    with pytest.raises(DBAPIError) as caught, engine.connect():
        pass
    assert "state folder" in unusable(caught.value).hint

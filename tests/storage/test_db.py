"""The schema: migrations lead to exactly the tables the code uses."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, select

import homeport.storage
from homeport.core.errors import StorageError
from homeport.storage import (
    baseline_tables,
    cached_tables,
    incident_tables,
    input_tables,
    opinion_tables,
    people_tables,
    score_tables,
)
from homeport.storage.db import locking, open_database, schema_version, sqlite_url, upgrade, writing
from homeport.storage.tables import SCHEMA_HEAD, STEPS, keys, metadata, step_of
from homeport.storage.words_postgresql import kept_words

TABLES = (
    baseline_tables,
    cached_tables,
    incident_tables,
    opinion_tables,
    people_tables,
    score_tables,
    input_tables,
)  # which are in the metadata once they are imported


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_migrations_lead_to_the_tables(empty: Engine) -> None:
    assert schema_version(empty) is None
    assert upgrade(empty) is True
    assert schema_version(empty) == SCHEMA_HEAD
    assert upgrade(empty) is False
    with empty.connect() as connection:
        # Several are taken too; alembic's annotation says one.
        tables: Any = [metadata, kept_words.metadata] if empty.dialect.name == "postgresql" else metadata
        found = compare_metadata(MigrationContext.configure(connection), tables)
    # A changed column is a list of its changes. Comments are for readers of tables.py and in no database.
    assert [each for each in found if not is_of_comments(each)] == []


def test_indexes_by_steps_are_those_that_queries_say(empty: Engine) -> None:
    """SQLite does not tell them in a way that the test above could compare."""
    upgrade(empty)
    source = "pg_indexes" if empty.dialect.name == "postgresql" else "sqlite_master"
    column, name = ("indexdef", "indexname") if empty.dialect.name == "postgresql" else ("sql", "name")
    for measured in STEPS:
        with empty.connect() as connection:
            query = f"SELECT {column} FROM {source} WHERE {name} = 'requests_by_{measured}'"
            assert step_of(measured) in connection.exec_driver_sql(query).scalar_one()


def is_of_comments(change: Any) -> bool:
    return isinstance(change, list) and all(part[0] == "modify_comment" for part in change)


def test_the_head_we_name_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(homeport.storage.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_HEAD


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        upgrade(open_database(sqlite_url(tmp_path / "missing" / "a.db")))
    assert caught.value.code == "database_upgrade_failed"
    assert "homeport db upgrade" in caught.value.hint


def test_a_database_of_a_newer_release_is_said(empty: Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError) as caught:
        upgrade(empty)
    assert caught.value.code == "database_too_new"
    assert "backup" in caught.value.hint
    assert schema_version(empty) == "9999"


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError):
        upgrade(open_database(sqlite_url(tmp_path / "a.db")))


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    row = {
        "id": "k", "name": "n", "digest": "d", "created_at": 1, "data_class": "open", "models": "[]", "tiers": "[]"
    }  # fmt: skip

    def insert_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(keys).values(row))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        insert_and_fail()
    with engine.connect() as connection:
        assert connection.execute(select(keys)).all() == []


def test_a_transaction_says_how_long_it_waits_and_the_next_one_waits_as_ever(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "a.db"))
    for opened, waits in ((locking(engine, 0.2), 200), (writing(engine), 30_000)):
        with opened as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == waits


def test_who_ingests_holds_more_pages_and_moves_the_log_before_others_must(tmp_path: Path) -> None:
    told = []
    for ingests in (False, True):
        engine = open_database(sqlite_url(tmp_path / "homeport.db"), ingests=ingests)
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
            told.append((pages, connection.exec_driver_sql("PRAGMA cache_size").scalar_one()))
        engine.dispose()
    (others, _), (ours, held) = told
    assert ours < others
    assert held == -32_768

"""Opening the database and bringing its schema up to date."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, Insert, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from homeport.core.errors import StorageError
from homeport.storage.postgresql import open_postgresql
from homeport.storage.tables import SCHEMA_HEAD

_BUSY_SECONDS = 30
_OURS = (f"busy_timeout = {_BUSY_SECONDS * 1000}", "journal_mode = WAL", "synchronous = NORMAL")
_LOG_PAGES = 32_000
"""So long the log of changes grows before whoever commits moves it into the database, where nobody else did."""
_ANSWERING = ("cache_size = -256", f"wal_autocheckpoint = {_LOG_PAGES}")
"""A gateway has a connection for each thread that looks something up; the system holds the pages for all of them."""
_INGESTING = ("cache_size = -32768", "wal_autocheckpoint = 8000")
"""Rows go to many places of their indexes: 32 MB of pages are held, and as many moved into the database at once."""


def open_database(url: str, *, ingests: bool = False) -> Engine:
    """An engine for a SQLAlchemy URL.

    Args:
        ingests: for the process that brings many rows in.

    SQLite runs in WAL mode with explicit transactions: the driver's own implicit BEGIN is off, so
    a transaction that will write can take its lock at the start (see `writing`).

    Raises:
        StorageError: database_driver_missing, for PostgreSQL without psycopg.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return open_postgresql(parsed)
    engine = create_engine(parsed)
    engine.dialect.statement_compiler = _SqliteCompiler
    event.listen(engine, "connect", _prepare_ingesting if ingests else _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class _SqliteCompiler(SQLiteCompiler):
    """SQLAlchemy's, which passes the hints of a statement over."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is the only writer from its first statement to its commit."""
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        yield connection


@contextmanager
def locking(engine: Engine, patience: float) -> Iterator[Connection]:
    """A transaction that waits at most `patience` seconds for a lock, and then fails.

    On SQLite it is the only writer; on PostgreSQL it must lock the rows it goes by (FOR UPDATE).
    """
    milliseconds = round(patience * 1000)
    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(immediate=True, busy_ms=milliseconds) as connection, connection.begin():
            yield connection
    else:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
            yield connection


def unusable(error: SQLAlchemyError) -> StorageError:
    """What to tell a person whom the database failed: the driver's own words, without the statement and its values."""
    words = str(error.orig).strip() if isinstance(error, DBAPIError) else str(error) or type(error).__name__
    return StorageError(f"the database cannot be used: {words}", hint=_hint(error))


def insert_new(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves rows alone whose key is already there; `rowcount` tells what was inserted."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def upsert(connection: Connection, table: Table, kept: Collection[str] = ()) -> Insert:
    """An INSERT that takes the place of a row with the same primary key, but for the columns that are `kept`."""
    keys = [column.name for column in table.primary_key]
    insert: postgresql.Insert | sqlite.Insert
    insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    changed = {
        column.name: insert.excluded[column.name] for column in table.columns if column.name not in (*keys, *kept)
    }
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)


def schema_version(engine: Engine) -> str | None:
    """The migration the database is at; None for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine) -> bool:
    """Run the migrations that are missing; True if there were any.

    Raises:
        StorageError: the database cannot be reached, written or migrated, or a newer release made it.
    """
    try:
        version = schema_version(engine)
        if version == SCHEMA_HEAD:
            return False
        if version is not None and version > SCHEMA_HEAD:
            raise StorageError(
                f"the database has schema {version}, of a newer release; this one knows up to {SCHEMA_HEAD}",
                code="database_too_new",
                hint="run the release that made it, or restore the backup from before it",
            )
        _run_migrations(engine)
    except DBAPIError as error:
        raise StorageError(
            f"the database cannot be brought to schema {SCHEMA_HEAD}: {error.orig}",
            code="database_upgrade_failed",
            hint=f"{_hint(error)}; then: homeport db upgrade",
        ) from error
    return True


def _hint(error: SQLAlchemyError) -> str:
    if isinstance(error, DBAPIError) and type(error.orig).__module__.startswith("sqlite3"):
        return (
            "check disk space and that the state folder is writable, or restore the file from a backup; "
            "keys and the ledger are in it"
        )
    return "check storage.url, that its PostgreSQL runs and has room, and that it lets this user in"


def _run_migrations(engine: Engine) -> None:
    # Alembic takes 0.2 s to import and is needed once a release.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # As the only writer: whoever starts at the same time finds it done.
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    _prepare(connection, *_OURS, *_ANSWERING)


def _prepare_ingesting(connection: Any, _record: object) -> None:
    _prepare(connection, *_OURS, *_INGESTING)


def _prepare(connection: Any, *pragmas: str) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    immediate = options.get("immediate", False)
    if immediate:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {options.get('busy_ms', _BUSY_SECONDS * 1000)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

"""Settings that hold for every test, and the databases that tests are tried on."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from bench.postgres_server import PostgresServer
from homeport.storage.db import open_database, sqlite_url, upgrade
from tests.databases import migrated

settings.register_profile("homeport", deadline=None, print_blob=True)
settings.load_profile("homeport")


def pytest_collection_finish() -> None:
    """What was collected stays to the end, so nothing looks through it for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL, for as long as the tests run."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated(postgres_server: PostgresServer) -> str:
    """A database at the newest schema, to be copied: that is quicker than migrating each."""
    url = postgres_server.new_database()
    engine = open_database(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database of this test's own, without a table."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def postgres(postgres_server: PostgresServer, _migrated: str) -> Iterator[str]:
    """The URL of a database of this test's own, at the newest schema."""
    url = postgres_server.new_database(_migrated)
    yield url
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of either kind without a table."""
    here = request.param == "sqlite"
    engine = open_database(sqlite_url(tmp_path / "a.db") if here else request.getfixturevalue("empty_postgres"))
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of either kind, at the newest schema."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres"))
    return migrated(tmp_path / "homeport.db").url.render_as_string()


@pytest.fixture
def connect(database: str) -> Iterator[Callable[[], Engine]]:
    """What opens that database as another process would."""
    engines: list[Engine] = []

    def opened() -> Engine:
        engines.append(open_database(database))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(connect: Callable[[], Engine]) -> Engine:
    """A fresh database of either kind, open."""
    return connect()

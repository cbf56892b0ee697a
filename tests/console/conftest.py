"""Fixtures of the console's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.storage.db import open_database, sqlite_url, upgrade
from tests.console.office import Office


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at the newest schema, to be copied: that is quicker than migrating each."""
    path = tmp_path_factory.mktemp("console") / "homeport.db"
    engine = open_database(sqlite_url(path))
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def open_office(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., Office]]:
    """Makes an office by the given sections of the configuration."""
    opened: list[Office] = []

    def make(**sections: Any) -> Office:
        opened.append(Office(tmp_path, migrated, **sections))
        return opened[-1]

    yield make
    for office in opened:
        office.close()


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()

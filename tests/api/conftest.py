"""A fresh database at the newest schema; the tests of storage try PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from homeport.storage.db import open_database, sqlite_url, upgrade


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(sqlite_url(tmp_path / "homeport.db"))
    upgrade(opened)
    yield opened
    opened.dispose()

"""A fresh database at the newest schema; the tests of storage try PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.databases import migrated


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = migrated(tmp_path / "homeport.db")
    yield opened
    opened.dispose()

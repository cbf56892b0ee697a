"""A state folder and its database, for what is composed over both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.databases import migrated

from homeport.config.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    engine = migrated(home.database)
    yield engine
    engine.dispose()

"""SQLite databases at the newest schema, copied from one that was migrated: much quicker than migrating each."""

import functools
import tempfile
from pathlib import Path

from sqlalchemy import Engine

from homeport.storage.db import open_database, sqlite_url, upgrade


def migrated(path: Path) -> Engine:
    """A new database at the newest schema, open."""
    path.write_bytes(_newest())
    return open_database(sqlite_url(path))


@functools.cache
def _newest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "homeport.db"
        engine = open_database(sqlite_url(path))
        upgrade(engine)
        engine.dispose()  # what the log of changes holds is in the file now
        assert [*path.parent.iterdir()] == [path]
        return path.read_bytes()

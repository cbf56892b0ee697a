"""A configuration that is adopted is in the audit log, without its secrets."""

import asyncio
from pathlib import Path

from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings
from tests.databases import migrated

from homeport.bootstrap.adopted import noting
from homeport.storage.audit import Asked, Entry, Recorder, entries
from homeport.storage.db import open_database, sqlite_url

SECRET = "sk-a-secret-of-the-provider"


async def written(engine: Engine, count: int) -> list[Entry]:
    """Once there are so many; it is written beside the requests."""
    async with asyncio.timeout(10):
        while len(found := list(entries(engine, Asked(), 10))) < count:
            await asyncio.sleep(0.01)
    return found


async def test_what_differs_is_written_down(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "a.db")
    adopted = noting(Recorder(engine, lambda: 7), settings())
    adopted(settings())
    adopted(settings(aliases={"a": "m"}))
    (row,) = await written(engine, 1)
    assert (row.actor, row.origin, row.action) == ("homeport", "system", "config.adopt")
    assert (row.before["aliases"], row.after["aliases"]) == ({}, {"a": "m"})
    assert set(row.after) == {"aliases", "digest"}
    engine.dispose()


async def test_of_a_secret_the_digest_tells(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "a.db")

    def keyed(key: str) -> dict[str, object]:
        provider = {"provider": "openai_compatible", "base_url": "https://a.example/v1", "api_key": key}
        return {"p": {"provider": "simulated"}, "q": provider}

    adopted = noting(Recorder(engine, lambda: 7), settings(providers=keyed("sk-old")))
    adopted(settings(providers=keyed(SECRET)))
    (row,) = await written(engine, 1)
    assert set(row.after) == {"digest"}
    assert SECRET not in str(row)
    engine.dispose()


async def test_a_database_that_fails_stops_nothing(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "a.db"))
    noting(Recorder(engine, lambda: 7), settings())(settings(aliases={"a": "m"}))
    await asyncio.sleep(0.2)
    engine.dispose()

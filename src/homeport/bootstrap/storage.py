"""The database and the keys in it."""

import asyncio
import contextlib
import logging
import time

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.auth import StoredKeyRing, digest, new_token, read_pepper, write_secret
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.types import Key
from homeport.storage.db import open_database, sqlite_url, upgrade
from homeport.storage.keys import add_key, list_keys

logger = logging.getLogger(__name__)

_KEY_REFRESH_SECONDS = 1.0


def open_storage(settings: Settings, home: Home) -> Engine:
    """The database, at the newest schema. Raises StorageError."""
    engine = open_database(settings.storage.url or sqlite_url(home.database))
    upgrade(engine)
    return engine


def make_key(engine: Engine, home: Home, key: Key) -> str:
    """Store a key under a new id and return its token; only its hash is kept."""
    key_id, token = new_token()
    stored = msgspec.structs.replace(key, id=key_id)
    add_key(engine, stored, digest(read_pepper(home.pepper), token), time.time_ns())
    return token


def ensure_local_key(engine: Engine, home: Home) -> None:
    """The key file of this machine's user (mode 0600); a new key when it is missing or no longer live."""
    if home.local_key.exists():
        if key_ring(engine, home).find(home.local_key.read_text().strip()) is not None:
            return
        home.local_key.unlink()
    token = make_key(engine, home, Key(id="", name="local"))
    with contextlib.suppress(FileExistsError):
        write_secret(home.local_key, f"{token}\n".encode())


def key_ring(engine: Engine, home: Home) -> StoredKeyRing:
    """The live keys, in memory."""
    ring = StoredKeyRing(lambda: list_keys(engine), read_pepper(home.pepper), time.time)
    ring.refresh()
    return ring


async def refresh_keys(keys: StoredKeyRing) -> None:
    """Read them again each second, until cancelled."""
    while True:
        await asyncio.sleep(_KEY_REFRESH_SECONDS)
        try:
            await asyncio.to_thread(keys.refresh)
        except SQLAlchemyError as error:
            logger.error("keys could not be refreshed, the old ones stay: %s", error.__class__.__name__)

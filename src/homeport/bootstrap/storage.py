"""The database and the keys in it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.auth import StoredKeyRing, read_pepper, write_secret
from homeport.api.budgets import BudgetRegistry
from homeport.api.holders import HolderRegistry
from homeport.api.incidents import IncidentRegistry
from homeport.api.keys import KeyFields, KeyRegistry, Offer, state_of
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.budgets import Budget
from homeport.core.types import Key, Scope
from homeport.privacy.classes import Classes
from homeport.storage.budgets import list_budgets
from homeport.storage.db import open_database, schema_version, sqlite_url, unusable, upgrade
from homeport.storage.keys import list_keys
from homeport.storage.tables import SCHEMA_HEAD

logger = logging.getLogger(__name__)

_KEY_REFRESH_SECONDS = 1.0


def open_storage(settings: Settings, home: Home, *, ingests: bool = False) -> Engine:
    """The database, at the newest schema; see `open_database`. Raises StorageError."""
    engine = open_database(settings.storage.url or sqlite_url(home.database), ingests=ingests)
    upgrade(engine)
    return engine


def try_storage(settings: Settings, home: Home) -> str:
    """What the database is, without changing it. Raises StorageError for one that cannot be reached."""
    url = settings.storage.url
    if url is None and not home.database.exists():
        return "will be made in the state folder"
    engine = open_database(url or sqlite_url(home.database))
    try:
        with engine.connect() as connection:
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        return f"{engine.dialect.name} {version}, schema {schema_version(engine) or '(none yet)'}"
    except SQLAlchemyError as error:
        raise unusable(error) from error
    finally:
        engine.dispose()


def caps(settings: Settings, home: Home) -> tuple[Sequence[Budget], Sequence[Key]]:
    """The budgets and the live keys, read without changing the database; none where that is not up to date."""
    url = settings.storage.url
    if url is None and not home.database.exists():
        return (), ()
    engine = open_database(url or sqlite_url(home.database))
    try:
        if schema_version(engine) != SCHEMA_HEAD:
            return (), ()
        live = [stored.key for stored in list_keys(engine) if state_of(stored, time.time_ns()) == "live"]
        return [stored.budget for stored in list_budgets(engine)], live
    except SQLAlchemyError as error:
        raise unusable(error) from error
    finally:
        engine.dispose()


def key_registry(engine: Engine, settings: Settings, home: Home) -> KeyRegistry:
    """What makes and changes keys. Raises StorageError for a pepper that is none."""
    return KeyRegistry(engine, read_pepper(home.pepper), lambda: offer_of(settings), time.time_ns)


def budget_registry(engine: Engine) -> BudgetRegistry:
    """What makes and changes budgets."""
    return BudgetRegistry(engine, time.time_ns)


def incident_registry(engine: Engine) -> IncidentRegistry:
    """What people look at incidents with, and say what they did."""
    return IncidentRegistry(engine, time.time_ns)


def holder_registry(engine: Engine, home: Home) -> HolderRegistry:
    """What lists and gives up those who hold money of budgets."""
    return HolderRegistry(engine, home, time.time_ns)


def offer_of(settings: Settings) -> Offer:
    """The names that a key can be limited to."""
    return Offer(
        models=tuple(target.public_name for tier in settings.tiers for target in tier.targets),
        tiers=tuple(tier.name for tier in settings.tiers),
        classes=Classes(settings.privacy).names,
    )


def ensure_own_keys(settings: Settings, home: Home) -> None:
    """The key files of this machine's user (mode 0600), one to infer and one to administer.

    A key is made where its file is missing, or the key in it is no longer live.
    """
    engine = open_storage(settings, home)
    for path, scope in ((home.local_key, Scope.INFERENCE), (home.admin_key, Scope.ADMIN)):
        _ensure_key(engine, settings, home, path, KeyFields(name=path.stem, scopes=[scope]))


def _ensure_key(engine: Engine, settings: Settings, home: Home, path: Path, fields: KeyFields) -> None:
    if path.exists():
        if key_ring(engine, home).find(path.read_text().strip()) is not None:
            return
        path.unlink()
    token = key_registry(engine, settings, home).create(fields).token
    with contextlib.suppress(FileExistsError):
        write_secret(path, f"{token}\n".encode())


def key_ring(engine: Engine, home: Home) -> StoredKeyRing:
    """The live keys, in memory."""
    ring = StoredKeyRing(lambda: list_keys(engine), read_pepper(home.pepper), time.time)
    ring.refresh()
    return ring


async def refresh_keys(keys: StoredKeyRing, reserve: Callable[[Mapping[str, int]], None]) -> None:
    """Read them again each second, and keep their places free, until cancelled."""
    while True:
        reserve(keys.reservations())
        await asyncio.sleep(_KEY_REFRESH_SECONDS)
        try:
            await asyncio.to_thread(keys.refresh)
        except SQLAlchemyError as error:
            logger.error("keys could not be refreshed, the old ones stay: %s", error.__class__.__name__)

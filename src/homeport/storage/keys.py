"""Keys at rest: never a token, only its keyed hash."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from homeport.core.caching import Purge
from homeport.core.types import Key, RateLimits, Scope
from homeport.storage.cached_removal import purge_entries
from homeport.storage.db import writing
from homeport.storage.tables import keys


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the database has it. Times are nanoseconds since the epoch.

    Attributes:
        previous_digest: of the token before the last rotation; it is good until `previous_until`.
    """

    key: Key
    digest: str
    created_at: int
    revoked_at: int | None
    rotated_at: int | None = None
    previous_digest: str | None = None
    previous_until: int | None = None


Noted = Callable[[Connection, StoredKey | None, StoredKey], None]
"""Writes down a change in its transaction: what the key was, and what it is."""


def add_key(engine: Engine, key: Key, digest: str, created_at: int, note: Noted | None = None) -> None:
    stored = StoredKey(key=key, digest=digest, created_at=created_at, revoked_at=None)
    with writing(engine) as connection:
        connection.execute(insert(keys).values(_row(stored)))
        if note is not None:
            note(connection, None, stored)


def list_keys(engine: Engine) -> Sequence[StoredKey]:
    """Every key, revoked ones too, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(select(keys).order_by(keys.c.created_at)).mappings()
        return [_stored(row) for row in rows]


def key_name(engine: Engine, key_id: str) -> str:
    """What people call a key; "" where there is none of that id."""
    with engine.connect() as connection:
        return connection.execute(select(keys.c.name).where(keys.c.id == key_id)).scalar() or ""


def change_key(
    engine: Engine, key_id: str, change: Callable[[StoredKey], StoredKey], note: Noted | None = None
) -> StoredKey | None:
    """Read a key that is not revoked, change it and write it, as the only writer; None if there is none."""
    with writing(engine) as connection:
        return _change(connection, key_id, change, note)


def revoke_key(engine: Engine, key_id: str, at: int, note: Noted | None = None) -> StoredKey | None:
    """Revoke a key, and take the answers out of the cache that it was given; None if there is no such live key."""
    with writing(engine) as connection:
        revoked = _change(connection, key_id, lambda stored: msgspec.structs.replace(stored, revoked_at=at), note)
        if revoked is not None:
            purge_entries(connection, Purge(key_id=key_id), at)
    return revoked


def _change(
    connection: Connection, key_id: str, change: Callable[[StoredKey], StoredKey], note: Noted | None
) -> StoredKey | None:
    live = (keys.c.id == key_id) & keys.c.revoked_at.is_(None)
    row = connection.execute(select(keys).where(live)).mappings().one_or_none()
    if row is None:
        return None
    before = _stored(row)
    changed = change(before)
    connection.execute(update(keys).where(live).values(_row(changed)))
    if note is not None:
        note(connection, before, changed)
    return changed


def _row(stored: StoredKey) -> Mapping[str, Any]:
    key = stored.key
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "digest": stored.digest,
        "created_at": stored.created_at,
        "expires_at": None if key.expires_at is None else int(key.expires_at * 1e9),
        "revoked_at": stored.revoked_at,
        "data_class": str(key.data_class),
        "models": _array(key.models),
        "tiers": _array(key.tiers),
        "scopes": _array(key.scopes),
        **msgspec.structs.asdict(key.limits or RateLimits()),
        "reserved_percent": key.reserved_percent,
        "rotated_at": stored.rotated_at,
        "previous_digest": stored.previous_digest,
        "previous_until": stored.previous_until,
    }


def _stored(row: RowMapping) -> StoredKey:
    limits = RateLimits(**{name: row[name] for name in RateLimits.__struct_fields__})
    return StoredKey(
        key=Key(
            id=row["id"],
            name=row["name"],
            project=row["project"],
            data_class=row["data_class"],
            models=frozenset(msgspec.json.decode(row["models"], type=list[str])),
            tiers=frozenset(msgspec.json.decode(row["tiers"], type=list[str])),
            scopes=frozenset(msgspec.json.decode(row["scopes"], type=list[Scope])),
            limits=None if limits == RateLimits() else limits,
            reserved_percent=row["reserved_percent"],
            expires_at=None if row["expires_at"] is None else row["expires_at"] / 1e9,
        ),
        digest=row["digest"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        rotated_at=row["rotated_at"],
        previous_digest=row["previous_digest"],
        previous_until=row["previous_until"],
    )


def _array(names: frozenset[Any]) -> str:
    return msgspec.json.encode(sorted(names)).decode()

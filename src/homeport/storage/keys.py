"""Inference keys at rest: never the key, only its keyed hash."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine, RowMapping, insert, select, update

from homeport.core.types import DataClass, Key
from homeport.storage.db import writing
from homeport.storage.tables import keys


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the database has it. Times are nanoseconds since the epoch."""

    key: Key
    digest: str
    created_at: int
    revoked_at: int | None


def add_key(engine: Engine, key: Key, digest: str, created_at: int) -> None:
    row = {
        "id": key.id,
        "name": key.name,
        "digest": digest,
        "created_at": created_at,
        "expires_at": None if key.expires_at is None else int(key.expires_at * 1e9),
        "data_class": str(key.data_class),
        "models": msgspec.json.encode(sorted(key.models)).decode(),
        "tiers": msgspec.json.encode(sorted(key.tiers)).decode(),
    }
    with writing(engine) as connection:
        connection.execute(insert(keys).values(row))


def list_keys(engine: Engine) -> Sequence[StoredKey]:
    """Every key, revoked ones too, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(select(keys).order_by(keys.c.created_at)).mappings()
        return [_stored(row) for row in rows]


def revoke_key(engine: Engine, key_id: str, at: int) -> bool:
    """Revoke a key; False if there is no such live key."""
    live = (keys.c.id == key_id) & keys.c.revoked_at.is_(None)
    with writing(engine) as connection:
        return connection.execute(update(keys).where(live).values(revoked_at=at)).rowcount == 1


def _stored(row: RowMapping) -> StoredKey:
    return StoredKey(
        key=Key(
            id=row["id"],
            name=row["name"],
            data_class=DataClass(row["data_class"]),
            models=frozenset(msgspec.json.decode(row["models"], type=list[str])),
            tiers=frozenset(msgspec.json.decode(row["tiers"], type=list[str])),
            expires_at=None if row["expires_at"] is None else row["expires_at"] / 1e9,
        ),
        digest=row["digest"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )

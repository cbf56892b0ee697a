"""Users of the console and their sessions at rest: never a password or a session's id, only their hashes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from homeport.core.people import Role
from homeport.storage.audit import Facts, Note
from homeport.storage.db import insert_new, writing
from homeport.storage.people_tables import console_sessions, users


class StoredUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the console. `created_at` is in nanoseconds since the epoch.

    Attributes:
        password: its hash; "" for one who signs in at an OpenID provider.
        issuer: of that provider; "" for a local user.
    """

    name: str
    role: Role
    password: str
    created_at: int
    issuer: str = ""


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session, and the user whose it is. Times are nanoseconds since the epoch."""

    digest: str
    user: StoredUser
    created_at: int
    seen_at: int


def list_users(engine: Engine) -> Sequence[StoredUser]:
    """Every user, by name."""
    with engine.connect() as connection:
        return [_user(row) for row in connection.execute(select(users).order_by(users.c.name)).mappings()]


def find_user(engine: Engine, name: str) -> StoredUser | None:
    if "\0" in name:  # PostgreSQL takes none
        return None
    with engine.connect() as connection:
        return _found(connection, name)


def has_users(engine: Engine) -> bool:
    with engine.connect() as connection:
        return connection.execute(select(users.c.name).limit(1)).first() is not None


def add_user(engine: Engine, user: StoredUser, note: Note) -> bool:
    """False where one has the name."""
    with writing(engine) as connection:
        added = connection.execute(insert_new(connection, users), [_row(user)]).rowcount > 0
        if added:
            note(connection, {}, user_facts(user))
    return added


def change_user(engine: Engine, name: str, change: Callable[[StoredUser], StoredUser], note: Note) -> StoredUser | None:
    """Change a user as the only writer, and end the user's sessions; None if there is none.

    Raises what `change` and `note` raise, and changes nothing then.
    """
    with writing(engine) as connection:
        before = _found(connection, name, lock=True)
        if before is None:
            return None
        after = change(before)
        connection.execute(update(users).where(users.c.name == name).values(_row(after)))
        _end_all(connection, name)
        note(connection, user_facts(before), {**user_facts(after), **_renewed(before, after)})
    return after


def remove_user(engine: Engine, name: str, note: Note) -> bool:
    """Remove a user and the user's sessions; False if there is none."""
    with writing(engine) as connection:
        before = _found(connection, name, lock=True)
        if before is None:
            return False
        connection.execute(delete(users).where(users.c.name == name))
        _end_all(connection, name)
        note(connection, user_facts(before), {})
    return True


def count_admins(connection: Connection) -> int:
    """How many users may everything; their rows are locked until the transaction ends."""
    query = select(users.c.name).where(users.c.role == str(Role.ADMIN)).with_for_update()
    return len(connection.execute(query).all())


def begin_session(engine: Engine, digest: str, user: StoredUser, address: str, at: int, note: Note) -> bool:
    """Keep a new session of a user; False where the user is gone, or is not as given any more."""
    row = {"digest": digest, "user_name": user.name, "created_at": at, "seen_at": at, "address": address[:64]}
    with writing(engine) as connection:
        if _found(connection, user.name, lock=True) != user:
            return False
        connection.execute(insert(console_sessions).values(row))
        note(connection, {}, {})
    return True


def find_session(engine: Engine, digest: str) -> StoredSession | None:
    """The session, with its user as the user is now."""
    query = (
        select(
            console_sessions.c.digest, console_sessions.c.created_at.label("began"), console_sessions.c.seen_at, users
        )
        .join(users, users.c.name == console_sessions.c.user_name)
        .where(console_sessions.c.digest == digest)
    )
    with engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return StoredSession(digest=digest, user=_user(row), created_at=row["began"], seen_at=row["seen_at"])


def touch_session(engine: Engine, digest: str, at: int) -> None:
    """It was used."""
    with writing(engine) as connection:
        connection.execute(update(console_sessions).where(console_sessions.c.digest == digest).values(seen_at=at))


def end_session(engine: Engine, digest: str, note: Note) -> None:
    with writing(engine) as connection:
        if connection.execute(delete(console_sessions).where(console_sessions.c.digest == digest)).rowcount:
            note(connection, {}, {})


def end_sessions(engine: Engine, name: str, note: Note) -> int:
    """End every session of a user; how many there were."""
    with writing(engine) as connection:
        ended = _end_all(connection, name)
        note(connection, {"sessions": ended}, {"sessions": 0})
    return ended


def prune_sessions(engine: Engine, began_before: int, seen_before: int) -> int:
    """Remove sessions that are over by one of these times, in nanoseconds since the epoch."""
    over = (console_sessions.c.created_at < began_before) | (console_sessions.c.seen_at < seen_before)
    with engine.connect() as connection:
        if not connection.execute(select(func.count()).select_from(console_sessions).where(over)).scalar_one():
            return 0
    with writing(engine) as connection:
        return int(connection.execute(delete(console_sessions).where(over)).rowcount)


def user_facts(user: StoredUser) -> Facts:
    """What may be told of a user."""
    return {"role": str(user.role), "issuer": user.issuer}


def _renewed(before: StoredUser, after: StoredUser) -> Facts:
    return {} if before.password == after.password else {"password": "changed"}


def _end_all(connection: Connection, name: str) -> int:
    return int(connection.execute(delete(console_sessions).where(console_sessions.c.user_name == name)).rowcount)


def _found(connection: Connection, name: str, *, lock: bool = False) -> StoredUser | None:
    query = select(users).where(users.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else _user(row)


def _row(user: StoredUser) -> Mapping[str, Any]:
    return {**msgspec.structs.asdict(user), "role": str(user.role)}


def _user(row: RowMapping) -> StoredUser:
    return StoredUser(
        name=row["name"],
        role=Role(row["role"]),
        password=row["password"],
        created_at=row["created_at"],
        issuer=row["issuer"],
    )

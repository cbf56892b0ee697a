"""Every change to the console's users: `homeport users` and the console are two ways to ask for it."""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Self

import msgspec
from sqlalchemy import Connection, Engine

from homeport.console import passwords
from homeport.core.audit import HOMEPORT, Actor
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.people import Role
from homeport.storage import users
from homeport.storage.audit import Facts, Note, write
from homeport.storage.users import StoredUser

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
MOST_USERS = 10_000


class UserRegistry:
    """The users of the database.

    Args:
        wall_ns: nanoseconds since the epoch.

    Raises (every change): InvalidRequest user_name_invalid, user_name_taken, last_admin, user_changed or
    password_unusable; NotFound user_unknown.
    """

    def __init__(self, engine: Engine, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._wall_ns = wall_ns
        self._actor = HOMEPORT

    def by(self, actor: Actor) -> Self:
        """The same, for changes that somebody makes."""
        mine = copy.copy(self)
        mine._actor = actor
        return mine

    def every(self) -> Sequence[StoredUser]:
        """Every user, by name."""
        return users.list_users(self._engine)

    def find(self, name: str) -> StoredUser | None:
        return users.find_user(self._engine, name)

    def any(self) -> bool:
        """Whether there is one."""
        return users.has_users(self._engine)

    def add(self, name: str, role: Role, password: str) -> StoredUser:
        """A local user."""
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                "a user's name has 1 to 128 letters, digits and . _ @ + -", code="user_name_invalid", param="name"
            )
        if len(self.every()) >= MOST_USERS:
            raise InvalidRequest(f"there are {MOST_USERS} users already", code="too_many_users", hint="remove some")
        return self._added(name, role, password=passwords.hashed(password))

    def admit(self, name: str, issuer: str, role: Role) -> StoredUser:
        """The user that an OpenID provider vouches for, made or brought up to date.

        Args:
            issuer: the provider's and its own name of the user; who has that name here must be of the same.
        """
        plain = name.isprintable() and name == name.strip() and "/" not in name and name not in (".", "..")
        if not 0 < len(name) <= 128 or not plain:
            raise InvalidRequest("the provider's name of you is no user's name", code="user_name_invalid")
        known = self.find(name)
        if known is None:
            return self._added(name, role, issuer=issuer)
        if known.issuer != issuer:
            raise _taken(name)
        return known if known.role is role else self.set_role(name, role)

    def set_role(self, name: str, role: Role) -> StoredUser:
        """Ends the user's sessions, so that none goes on with what it might before."""
        return self._changed(name, "user.role", lambda user: msgspec.structs.replace(user, role=role))

    def set_password(self, name: str, password: str, *, shown: StoredUser | None = None) -> StoredUser:
        """Ends the user's sessions.

        Args:
            shown: whose old password was shown; that takes a while, and who was changed meanwhile is not changed.
        """
        kept = passwords.hashed(password)

        def change(user: StoredUser) -> StoredUser:
            if user.issuer:
                raise InvalidRequest(
                    f"{name[:64]!r} signs in at an OpenID provider, and has no password here", code="user_not_local"
                )
            if shown not in (None, user):
                raise InvalidRequest(
                    f"{name[:64]!r} was changed a moment ago", code="user_changed", hint="sign in anew"
                )
            return msgspec.structs.replace(user, password=kept)

        return self._changed(name, "user.password", change)

    def remove(self, name: str) -> None:
        if not users.remove_user(self._engine, name, self._note("user.remove", name)):
            raise _unknown(name)

    def end_sessions(self, name: str) -> int:
        """Sign a user out everywhere; how many sessions that were."""
        if self.find(name) is None:
            raise _unknown(name)
        return users.end_sessions(self._engine, name, self._note("session.end_all", name, keeps_admin=False))

    def _added(self, name: str, role: Role, *, password: str = "", issuer: str = "") -> StoredUser:
        user = StoredUser(name=name, role=role, password=password, issuer=issuer, created_at=self._wall_ns())
        if not users.add_user(self._engine, user, self._note("user.add", name)):
            raise _taken(name)
        return user

    def _changed(self, name: str, action: str, change: Callable[[StoredUser], StoredUser]) -> StoredUser:
        changed = users.change_user(self._engine, name, change, self._note(action, name))
        if changed is None:
            raise _unknown(name)
        return changed

    def _note(self, action: str, name: str, *, keeps_admin: bool = True) -> Note:
        def note(connection: Connection, before: Facts, after: Facts) -> None:
            was_admin = before.get("role") == Role.ADMIN and after.get("role") != Role.ADMIN
            if keeps_admin and was_admin and not users.count_admins(connection):
                raise InvalidRequest(
                    f"{name[:64]!r} is the last admin",
                    code="last_admin",
                    hint="make another first: homeport users add NAME --role admin",
                )
            write(connection, self._actor, action, name, before, after, self._wall_ns())

        return note


def _taken(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"there is a user named {name[:64]!r}", code="user_name_taken", param="name", hint="choose another name"
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no user named {name[:64]!r}", code="user_unknown", hint="homeport users list")

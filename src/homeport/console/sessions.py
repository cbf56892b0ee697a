"""Sessions: who a browser's cookie stands for, and until when.

A session's id is 256 random bits and is kept as a keyed hash alone. A browser that has not signed in has such a
cookie too, which stands for nobody: its forms are as safe as the others. Signing in always makes a new id.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Engine

from homeport.core.audit import Actor
from homeport.core.errors import NotAuthenticated
from homeport.core.people import Role
from homeport.storage import users
from homeport.storage.audit import Facts, Note, write
from homeport.storage.users import StoredUser

_SECOND = 1_000_000_000
_TOUCH_NS = 60 * _SECOND
_ID_LENGTH = 43


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in user, as the user is now."""

    user: str
    role: Role
    local: bool


class Lifetime(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session lasts, in seconds: without a request, and in all."""

    idle: int = 30 * 60
    whole: int = 12 * 3_600


class Sessions:
    """The sessions of the database.

    Args:
        pepper: what the hashes are keyed with; it is in no database.
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, engine: Engine, pepper: bytes, lifetime: Lifetime, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._pepper = pepper
        self._lifetime = lifetime
        self._wall_ns = wall_ns

    def begin(self, actor: Actor, user: StoredUser) -> str:
        """A new session of a user; its id, for the browser alone.

        Args:
            user: as it was when the password, or the provider's word, was checked: that takes a while.

        Raises:
            NotAuthenticated: sign_in_refused; the user was changed or removed meanwhile.
        """
        token = new_id()
        now = self._wall_ns()
        note = self._note(actor, "session.begin", now)
        if not users.begin_session(self._engine, self._digest(token), user, actor.address, now, note):
            raise NotAuthenticated("this user was changed a moment ago", code="sign_in_refused", hint="sign in anew")
        return token

    def find(self, token: str, *, used: bool = True) -> Session | None:
        """The session of an id; None where there is none or it is over.

        Args:
            used: by a person; what a page asks by itself does not keep a session alive.
        """
        if not is_id(token):
            return None
        stored = users.find_session(self._engine, self._digest(token))
        if stored is None:
            return None
        now = self._wall_ns()
        idle, whole = now - stored.seen_at, now - stored.created_at
        if idle > self._lifetime.idle * _SECOND or whole > self._lifetime.whole * _SECOND:
            return None
        if used and idle > _TOUCH_NS:
            users.touch_session(self._engine, stored.digest, now)
        return Session(user=stored.user.name, role=stored.user.role, local=not stored.user.issuer)

    def end(self, token: str, actor: Actor) -> None:
        """Sign out."""
        users.end_session(self._engine, self._digest(token), self._note(actor, "session.end", self._wall_ns()))

    def tidy(self) -> int:
        """Forget sessions that are over; how many."""
        now = self._wall_ns()
        return users.prune_sessions(
            self._engine, now - self._lifetime.whole * _SECOND, now - self._lifetime.idle * _SECOND
        )

    def proof(self, token: str, purpose: str) -> str:
        """A secret that follows from a cookie, and tells nobody the cookie: for forms, and for OpenID."""
        return hashlib.blake2b(f"{purpose}\0{token}".encode(), key=self._pepper, digest_size=32).hexdigest()

    def proves(self, token: str, purpose: str, shown: str) -> bool:
        """Whether `shown` is the proof; text that is no ASCII is not."""
        return hmac.compare_digest(self.proof(token, purpose).encode(), shown.encode(errors="replace"))

    def _digest(self, token: str) -> str:
        return hashlib.blake2b(token.encode(), key=self._pepper, digest_size=32, person=b"session").hexdigest()

    def _note(self, actor: Actor, action: str, now: int) -> Note:
        def note(connection: Connection, before: Facts, after: Facts) -> None:
            write(connection, actor, action, actor.name, before, after, now)

        return note


def new_id() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def is_id(text: str) -> bool:
    return len(text) == _ID_LENGTH and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def cookie_name(*, secure: bool) -> str:
    """Over https the name keeps other hosts of the domain, and pages without TLS, from setting it."""
    return "__Host-homeport" if secure else "homeport_console"


def read_cookie(header: str | None, *, secure: bool) -> str:
    """The id in a Cookie header; "" where there is none."""
    name = cookie_name(secure=secure)
    # Not with http.cookies, which reads nothing after a cookie that it cannot: another service of the host may set one.
    pairs = (part.partition("=") for part in (header or "").split(";"))
    return next((value.strip() for said, _, value in pairs if said.strip() == name and is_id(value.strip())), "")


def write_cookie(token: str, *, secure: bool) -> str:
    """A Set-Cookie header. It ends with the browser, and sooner here."""
    place = "Path=/; Secure" if secure else "Path=/console"
    return f"{cookie_name(secure=secure)}={token}; {place}; HttpOnly; SameSite=Lax"

"""Every change to keys: `homeport keys` and the admin API are two ways to ask for it."""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection, Engine

from homeport.api.auth import another_token, digest, new_token
from homeport.config.privacy import CLASS_NAME
from homeport.core.audit import HOMEPORT, Actor
from homeport.core.errors import ConfigError, InvalidRequest, NotFound
from homeport.core.types import DEFAULT_PROJECT, Key, RateLimits, Scope
from homeport.storage import audit
from homeport.storage.keys import Noted, StoredKey, add_key, change_key, list_keys, revoke_key

MAX_GRACE_SECONDS = 30 * 86_400
_MOST_RESERVED_PERCENT = 90
_SECOND = 1_000_000_000

Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=256)]
PROJECT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,51}(/[A-Za-z0-9][A-Za-z0-9._-]{0,51}){0,2}$"
Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class Offer(Struct, frozen=True):
    """What the configuration has, and keys can be limited to."""

    models: tuple[str, ...]
    tiers: tuple[str, ...]
    classes: tuple[str, ...] = ("open", "private")


class KeyFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a key, all at once or in part; what is left out stays as it is.

    Attributes:
        project: up to three names with slashes between them, `organisation/team/project`.
        models, tiers: empty means any.
        expires_in: seconds from now; null means never.
        requests_per_minute, tokens_per_minute, concurrent_requests: null means not limited.
        reserved_percent: of server.max_in_flight.
    """

    name: str | UnsetType = UNSET
    project: Annotated[str, Meta(max_length=160, pattern=PROJECT)] | UnsetType = UNSET
    scopes: Annotated[list[Scope], Meta(min_length=1)] | UnsetType = UNSET
    models: Names | UnsetType = UNSET
    tiers: Names | UnsetType = UNSET
    data_class: Annotated[str, Meta(pattern=CLASS_NAME)] | UnsetType = UNSET
    expires_in: Annotated[float, Meta(gt=0, le=36_500 * 86_400)] | UnsetType | None = UNSET
    requests_per_minute: Limit | UnsetType | None = UNSET
    tokens_per_minute: Limit | UnsetType | None = UNSET
    concurrent_requests: Limit | UnsetType | None = UNSET
    reserved_percent: Annotated[int, Meta(ge=0, le=_MOST_RESERVED_PERCENT)] | UnsetType = UNSET


class Issued(Struct, frozen=True):
    """A key, and its new token, which is told this once."""

    stored: StoredKey
    token: str


class KeyRegistry:
    """The keys of the database.

    Args:
        offer: models and tiers of the configuration that holds now.
        wall_ns: nanoseconds since the epoch.

    Raises (every change): ConfigError key_limit_unknown, InvalidRequest for a value that cannot be,
    NotFound key_unknown where no live key has the id.
    """

    def __init__(self, engine: Engine, pepper: bytes, offer: Callable[[], Offer], wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._pepper = pepper
        self._offer = offer
        self._wall_ns = wall_ns
        self._actor = HOMEPORT

    def by(self, actor: Actor) -> Self:
        """The same, for changes that somebody makes: the audit log has them with the name."""
        mine = copy.copy(self)
        mine._actor = actor
        return mine

    def every(self) -> Sequence[StoredKey]:
        """Every key, revoked and expired ones too, oldest first."""
        return list_keys(self._engine)

    def get(self, key_id: str) -> StoredKey:
        for stored in self.every():
            if stored.key.id == key_id:
                return stored
        raise _unknown(key_id)

    def create(self, fields: KeyFields) -> Issued:
        if fields.name is UNSET:
            raise _wrong_name()
        key_id, token = new_token()
        key = self._applied(fields, Key(id=key_id, name=""))
        now = self._wall_ns()
        shown = digest(self._pepper, token)
        add_key(self._engine, key, shown, now, self._note("key.create"))
        return Issued(StoredKey(key=key, digest=shown, created_at=now, revoked_at=None), token)

    def update(self, key_id: str, fields: KeyFields) -> StoredKey:
        def change(stored: StoredKey) -> StoredKey:
            return msgspec.structs.replace(stored, key=self._applied(fields, stored.key))

        # What is wrong with the fields is found before the database is locked for the change.
        self._applied(fields, self.get(key_id).key)
        return self._changed(key_id, change, "key.update")

    def rotate(self, key_id: str, grace_seconds: float) -> Issued:
        """A new token for a key; the token it had is good for `grace_seconds` more, one that was older is not."""
        if not 0 <= grace_seconds <= MAX_GRACE_SECONDS:
            raise InvalidRequest(
                f"a grace is between 0 and {MAX_GRACE_SECONDS} seconds", param="grace_seconds", code="key_grace_invalid"
            )
        token = another_token(key_id)
        now = self._wall_ns()

        def change(stored: StoredKey) -> StoredKey:
            if state_of(stored, now) != "live":
                raise _unknown(key_id)
            return msgspec.structs.replace(
                stored,
                digest=digest(self._pepper, token),
                rotated_at=now,
                previous_digest=stored.digest if grace_seconds else None,
                previous_until=now + int(grace_seconds * _SECOND) if grace_seconds else None,
            )

        return Issued(self._changed(key_id, change, "key.rotate"), token)

    def revoke(self, key_id: str) -> StoredKey:
        return _known(key_id, revoke_key(self._engine, key_id, self._wall_ns(), self._note("key.revoke")))

    def _changed(self, key_id: str, change: Callable[[StoredKey], StoredKey], action: str) -> StoredKey:
        return _known(key_id, change_key(self._engine, key_id, change, self._note(action)))

    def _note(self, action: str) -> Noted:
        now = self._wall_ns()

        def note(connection: Connection, before: StoredKey | None, after: StoredKey) -> None:
            was = {} if before is None else view(before, now)
            audit.write(connection, self._actor, action, after.key.id, was, view(after, now), now)

        return note

    def _applied(self, fields: KeyFields, key: Key) -> Key:
        said = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}
        if "name" in said and (not said["name"].strip() or len(said["name"]) > 160):
            raise _wrong_name()
        if not re.fullmatch(PROJECT, said.get("project", DEFAULT_PROJECT)):
            raise InvalidRequest(
                "a project is up to three names with slashes between them",
                code="key_project_invalid",
                hint="such as acme/search/chat; a name has up to 52 letters, digits and . _ -",
                param="project",
            )
        self._check_names(said)
        if said.get("reserved_percent"):
            self._check_reserved(key.id, said["reserved_percent"])
        if "expires_in" in said:
            seconds = said.pop("expires_in")
            said["expires_at"] = None if seconds is None else self._wall_ns() / _SECOND + seconds
        limits = msgspec.structs.asdict(key.limits or RateLimits())
        limits |= {name: said.pop(name) for name in limits if name in said}
        said |= {name: frozenset(said[name]) for name in ("models", "tiers", "scopes") if name in said}
        said["limits"] = RateLimits(**limits) if any(limits.values()) else None
        return msgspec.structs.replace(key, **said)

    def _check_names(self, said: dict[str, Any]) -> None:
        offer = self._offer()
        if "data_class" in said and said["data_class"] not in offer.classes:
            raise ConfigError(
                f"there is no data class {said['data_class'][:64]!r}",
                code="key_limit_unknown",
                hint=f"use: {', '.join(offer.classes)}",
            )
        for kind, known in (("model", offer.models), ("tier", offer.tiers)):
            for name in said.get(f"{kind}s", ()):
                if name not in known:
                    raise ConfigError(
                        f"there is no {kind} {name[:64]!r}", code="key_limit_unknown", hint=f"use: {', '.join(known)}"
                    )

    def _check_reserved(self, key_id: str, percent: int) -> None:
        now = self._wall_ns()
        others = sum(
            stored.key.reserved_percent
            for stored in self.every()
            if state_of(stored, now) == "live" and stored.key.id != key_id
        )
        if others + percent > _MOST_RESERVED_PERCENT:
            raise InvalidRequest(
                f"other keys have reserved {others} per cent, and at most {_MOST_RESERVED_PERCENT} can be reserved",
                code="key_reservation_too_large",
                hint="reserve less, or take from another key: homeport keys update ID --reserve 0",
                param="reserved_percent",
            )


def state_of(stored: StoredKey, now: int) -> str:
    """`live`, `expired` or `revoked`, at a time in nanoseconds since the epoch."""
    if stored.revoked_at is not None:
        return "revoked"
    expired = stored.key.expires_at is not None and stored.key.expires_at * _SECOND <= now
    return "expired" if expired else "live"


def view(stored: StoredKey, now: int) -> dict[str, Any]:
    """What may be told of a key, for JSON. Times are seconds since the epoch."""
    key = stored.key
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "state": state_of(stored, now),
        "scopes": sorted(key.scopes),
        "models": sorted(key.models),
        "tiers": sorted(key.tiers),
        "data_class": key.data_class,
        **msgspec.structs.asdict(key.limits or RateLimits()),
        "reserved_percent": key.reserved_percent,
        "created_at": stored.created_at / _SECOND,
        "expires_at": key.expires_at,
        "tokens": tokens(stored, now),
    }


def tokens(stored: StoredKey, now: int) -> Sequence[dict[str, Any]]:
    """The live tokens of a key, the newest first: two while the grace of a rotation lasts."""
    if state_of(stored, now) != "live":
        return []
    current = {"issued_at": (stored.rotated_at or stored.created_at) / _SECOND, "expires_at": stored.key.expires_at}
    if stored.previous_until is None or stored.previous_until <= now:
        return [current]
    until = min(stored.previous_until / _SECOND, stored.key.expires_at or float("inf"))
    return [current, {"issued_at": None, "expires_at": until}]


def _known(key_id: str, stored: StoredKey | None) -> StoredKey:
    if stored is None:
        raise _unknown(key_id)
    return stored


def _unknown(key_id: str) -> NotFound:
    return NotFound(f"no live key has the id {key_id[:64]!r}", code="key_unknown", hint="homeport keys list")


def _wrong_name() -> InvalidRequest:
    return InvalidRequest("a key's name has 1 to 160 characters", code="key_name_invalid", param="name")

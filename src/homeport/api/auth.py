"""Keys: tokens are made here and checked here, deny by default.

A key is 256 random bits, so a fast keyed hash is enough: there is nothing to guess. Only the hash
is stored; the pepper is a file of the state folder that a copy of the database does not contain.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from homeport.core.errors import StorageError
from homeport.core.types import Key
from homeport.storage.keys import StoredKey

PREFIX = "hp-"
_ID_PREFIX = "key_"
_PEPPER_BYTES = 32
_MAX_TOKEN = 256
_LENT = "lent-"
_MOST_LENT = 1_000


def new_token() -> tuple[str, str]:
    """A new key: its public id, and the token `hp-ID-SECRET` that only its owner will have."""
    key_id = f"{_ID_PREFIX}{secrets.token_hex(8)}"
    return key_id, another_token(key_id)


def another_token(key_id: str) -> str:
    """A new token for a key that exists."""
    return f"{PREFIX}{key_id.removeprefix(_ID_PREFIX)}-{secrets.token_urlsafe(32)}"


def digest(pepper: bytes, token: str) -> str:
    """The keyed hash of a key: BLAKE2b, 256 bits, hexadecimal."""
    return hashlib.blake2b(token.encode(), key=pepper, digest_size=32).hexdigest()


def read_pepper(path: Path) -> bytes:
    """Read the pepper; make it on first use, readable by its owner alone.

    Raises:
        StorageError: the file is there and is not a pepper.
    """
    if not path.exists():
        with contextlib.suppress(FileExistsError):
            write_secret(path, secrets.token_bytes(_PEPPER_BYTES))
    pepper = path.read_bytes() if path.is_file() else b""
    if len(pepper) != _PEPPER_BYTES:
        raise StorageError(
            f"{path} is not a key pepper",
            code="pepper_invalid",
            hint="restore it from a backup, or remove it and make new keys: every key depends on it",
        )
    return pepper


def write_secret(path: Path, data: bytes) -> None:
    """Create a file of mode 0600 with its whole content or not at all. Raises FileExistsError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)  # before a byte of it is there
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def replace_secret(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 with its whole content, in the place of one that is there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class StoredKeyRing:
    """`KeyRing` in memory, refreshed from the database outside the request path.

    Args:
        read: every stored key; called by `refresh`, never by `find`.
        now: seconds since the epoch.
    """

    def __init__(self, read: Callable[[], Sequence[StoredKey]], pepper: bytes, now: Callable[[], float]) -> None:
        self._read = read
        self._pepper = pepper
        self._now = now
        self._live: dict[str, StoredKey] = {}
        self._lent: dict[str, str] = {}

    def refresh(self) -> None:
        self._live = {stored.key.id: stored for stored in self._read() if stored.revoked_at is None}

    def reservations(self) -> Mapping[str, int]:
        """Key id -> per cent of the places, of the keys that are live now."""
        now = self._now()
        keys = [stored.key for stored in self._live.values()]
        live = [key for key in keys if key.expires_at is None or now < key.expires_at]
        return {key.id: key.reserved_percent for key in live if key.reserved_percent}

    def find(self, token: str) -> Key | None:
        if len(token) > _MAX_TOKEN or not token.startswith(PREFIX):
            return self._borrowed(token)
        public, _, _ = token.removeprefix(PREFIX).partition("-")
        stored = self._live.get(_ID_PREFIX + public)
        if stored is None or not self._matches(stored, digest(self._pepper, token)):
            return None
        return stored.key if self._is_in_time(stored.key) else None

    def live(self, key_id: str) -> Key | None:
        """The live key of an id; for what acts in a key's name when its owner is not there."""
        stored = self._live.get(key_id)
        return stored.key if stored is not None and self._is_in_time(stored.key) else None

    def lend(self, key_id: str) -> str | None:
        """A token that stands for a live key once, for what we ask in its name ourselves; None where it does not live.

        It is 256 random bits, known to this process alone, and no caller is ever told it.
        """
        if self.live(key_id) is None:
            return None
        token = _LENT + secrets.token_urlsafe(32)
        self._lent[token] = key_id
        while len(self._lent) > _MOST_LENT:
            del self._lent[next(iter(self._lent))]
        return token

    def _borrowed(self, token: str) -> Key | None:
        key_id = self._lent.pop(token, None)
        return None if key_id is None else self.live(key_id)

    def _is_in_time(self, key: Key) -> bool:
        return key.expires_at is None or self._now() < key.expires_at

    def _matches(self, stored: StoredKey, shown: str) -> bool:
        if hmac.compare_digest(stored.digest, shown):
            return True
        if stored.previous_digest is None or stored.previous_until is None:
            return False
        in_grace = self._now() * 1e9 < stored.previous_until
        return hmac.compare_digest(stored.previous_digest, shown) and in_grace


def bearer(authorization: str | None, x_api_key: str | None = None) -> str | None:
    """The token of an Authorization header or, as Anthropic's clients send it, of x-api-key; None where there is none.

    A bearer token goes first: a client that sends both was told so by its user, and x-api-key may be a default.
    """
    scheme, _, token = (authorization or "").partition(" ")
    found = token.strip() if scheme.lower() == "bearer" else ""
    return found or (x_api_key or "").strip() or None


class OwnerRing:
    """`KeyRing` of a process that acts for keys, such as the one that runs batches: a key's id is its token.

    No caller can reach it. A request is still refused where its key is revoked, expired or unknown.
    """

    def __init__(self, keys: StoredKeyRing) -> None:
        self._keys = keys

    def find(self, token: str) -> Key | None:
        return self._keys.live(token)

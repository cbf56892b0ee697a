"""Passwords: what is kept of them, and whether one is right.

scrypt (RFC 7914) with N = 2^15, r = 8 and p = 3, as OWASP's cheat sheet of 2024 has it: 32 MiB and a
quarter of a second a try. What is kept names its own costs, so that these can be raised later.
"""

import hashlib
import hmac
import re
import secrets

from homeport.core.errors import InvalidRequest

LEAST, MOST = 12, 256
_LOG_N, _R, _P = 15, 8, 3
_SALT_BYTES, _HASH_BYTES = 16, 32
_MEMORY = 64 << 20
_KEPT = re.compile(r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([0-9a-f]{32})\$([0-9a-f]{64})")


def hashed(password: str, salt: bytes | None = None) -> str:
    """What to keep of a password.

    Raises:
        InvalidRequest: password_unusable, for one that is too short, too long or not Unicode.
    """
    check(password)
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_LOG_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _LOG_N, _R, _P).hex()}"


def check(password: str) -> None:
    """Whether it can be anybody's password: NIST SP 800-63B asks for length and for nothing else."""
    try:
        password.encode()
    except UnicodeEncodeError:
        raise _unusable() from None
    if not LEAST <= len(password) <= MOST:
        raise _unusable()


def matches(password: str, kept: str) -> bool:
    """Whether a password is the one that was kept. Takes as long where nothing was kept."""
    found = _KEPT.fullmatch(kept) or _KEPT.fullmatch(_NOBODYS)
    assert found is not None
    log_n, r, p = (int(found[place]) for place in (1, 2, 3))
    try:
        shown = _scrypt(password[: MOST + 1], bytes.fromhex(found[4]), log_n, r, p)
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(shown, bytes.fromhex(found[5])) and kept != ""


def new_password() -> str:
    """A random one, 144 bits."""
    return secrets.token_urlsafe(18)


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MEMORY, dklen=_HASH_BYTES)


def _unusable() -> InvalidRequest:
    return InvalidRequest(f"a password has {LEAST} to {MOST} characters", code="password_unusable", param="password")


_NOBODYS = f"scrypt${_LOG_N}${_R}${_P}${'0' * 32}${'0' * 64}"
"""What is compared where there is no such user, so that the time says nothing."""

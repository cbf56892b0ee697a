"""The token with which a person lets a stopped trace go on, for a time.

It is bound to the caller's key, the trace and the time, and signed with the key itself: every gateway process can
check it, nothing is stored, and nobody else's key can use it.
"""

import hashlib
import hmac

_HEX = 16
_LONGEST = 128


def issue(secret: str, trace: str, until: int) -> str:
    """A token for the trace, valid until so many seconds since the epoch."""
    return f"{until:x}.{_signed(secret, trace, until)}"


def valid(token: str, secret: str, trace: str, now: int) -> bool:
    """Whether the token is for this trace and not over. Never raises."""
    until, _, signed = token.strip().partition(".")
    if len(token) > _LONGEST or not token.isascii() or not until.isalnum():
        return False
    try:
        end = int(until, 16)
    except ValueError:
        return False
    return end >= now and hmac.compare_digest(signed, _signed(secret, trace, end))


def _signed(secret: str, trace: str, until: int) -> str:
    text = f"{trace}\0{until}".encode("utf-8", "surrogatepass")
    key = hashlib.sha256(f"loop-override\0{secret}".encode("utf-8", "surrogatepass")).digest()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[: 2 * _HEX]

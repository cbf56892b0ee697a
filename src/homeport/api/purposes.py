"""What we ask over HTTP ourselves says why, in a header that nobody else can write.

Its proof comes from the pepper, which is a file of the state folder: whoever can read that can read every key of ours
too. Of anybody else's header nothing is believed, since what has a purpose is neither kept nor measured, and passes the
loop guard by. Upstreams are never told any of it.
"""

import hashlib
import hmac

from homeport.core.purposes import DRIFT_PROBE

HEADER = "x-homeport-purpose"

_ASKED_OVER_HTTP = (DRIFT_PROBE,)
_BYTES = 32


def claim(pepper: bytes, purpose: str) -> str:
    """The header's value for a purpose: its name and its proof (BLAKE2b keyed with the pepper, 256 bits)."""
    proof = hashlib.blake2b(purpose.encode(), key=pepper, digest_size=_BYTES, person=b"purpose").hexdigest()
    return f"{purpose} {proof}"


class Purposes:
    """The values of the header that are believed."""

    def __init__(self, pepper: bytes) -> None:
        self._claims = {purpose: claim(pepper, purpose).encode() for purpose in _ASKED_OVER_HTTP}

    def of(self, said: str | None) -> str:
        """The purpose that a header proves; "" where there is no header, or it proves nothing."""
        if said is None:
            return ""
        shown = said.encode()
        return next((name for name, value in self._claims.items() if hmac.compare_digest(value, shown)), "")

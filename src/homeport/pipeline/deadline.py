"""When a request must be over: the caller's deadline, inside our own bound."""

import math
import re

from homeport.core.errors import InvalidRequest

HEADER = "x-homeport-timeout"
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def seconds_left(header: str | None, longest: float) -> float:
    """How long a request may take.

    Args:
        header: what the caller sent as `x-homeport-timeout`, in seconds, or None.
        longest: the bound without one.

    Raises:
        InvalidRequest: timeout_invalid.
    """
    if header is None:
        return longest
    # Only what HTTP calls white space (RFC 9110, 5.6.3): strip() takes control characters away that float() refuses.
    text = header.strip(" \t")
    asked = float(text) if _SECONDS.fullmatch(text) else math.nan
    if not asked > 0:
        raise InvalidRequest(
            f"the header {HEADER} is not a number of seconds above 0",
            code="timeout_invalid",
            hint=f"send seconds as a decimal, such as `{HEADER}: 2.5`",
            param=HEADER,
        )
    return min(asked, longest)

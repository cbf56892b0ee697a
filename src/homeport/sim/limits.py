"""Requests and tokens a minute, as providers limit them, in a sliding window."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from homeport.sim.reply import Refused

_MINUTE_S = 60.0


class Limits:
    """Counts what was answered in the last minute. 0 means no limit."""

    def __init__(self, rpm: int, tpm: int) -> None:
        self._rpm = rpm
        self._tpm = tpm
        self._spent: deque[tuple[float, int]] = deque()
        self._tokens = 0

    def admit(self, tokens: int) -> None:
        """Count a request of so many tokens.

        Raises:
            Refused: 429, with the seconds until there is room.
        """
        if not self._rpm and not self._tpm:
            return
        now = asyncio.get_running_loop().time()
        self._forget(now)
        if 0 < self._rpm <= len(self._spent) or 0 < self._tpm <= self._tokens:
            raise Refused(429, "", retry_after=max(1, math.ceil(self._spent[0][0] + _MINUTE_S - now)))
        self._spent.append((now, tokens))
        self._tokens += tokens

    def headers(self) -> Mapping[str, str]:
        """What is limited, and what is left, in OpenAI's and in Anthropic's headers."""
        found: dict[str, str] = {}
        if self._rpm:
            found |= _header("requests", self._rpm, len(self._spent))
        if self._tpm:
            found |= _header("tokens", self._tpm, self._tokens)
        return found

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] <= now - _MINUTE_S:
            self._tokens -= self._spent.popleft()[1]


def _header(what: str, limit: int, used: int) -> dict[str, str]:
    left = max(0, limit - used)
    reset = 0.0 if left == limit else _MINUTE_S
    later = datetime.now(UTC) + timedelta(seconds=reset)
    return {
        f"x-ratelimit-limit-{what}": str(limit),
        f"x-ratelimit-remaining-{what}": str(left),
        f"x-ratelimit-reset-{what}": f"{reset:g}s",
        f"anthropic-ratelimit-{what}-limit": str(limit),
        f"anthropic-ratelimit-{what}-remaining": str(left),
        f"anthropic-ratelimit-{what}-reset": later.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

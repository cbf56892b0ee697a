"""Spans of time as people write them: 30m, 24h, 7d."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str) -> int | None:
    """Seconds of a span such as 90s, 30m, 24h or 7d; None where it is not one."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    return int(match[1]) * _SECONDS[match[2]] if match else None

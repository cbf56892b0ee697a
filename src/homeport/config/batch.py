"""The section `batch`: how much the batches of `/v1/batches` may take, and when they run."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from homeport.config.fields import Whole
from homeport.config.section import Section

_WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def _check_window(window: str) -> str:
    if _WINDOW.fullmatch(window) is None:
        raise ValueError('should be two times of day, as in "22:00-06:00"; quote it')
    start, _, end = window.partition("-")
    if start == end:
        raise ValueError("begins and ends at the same time; leave it out to run at any time")
    return window


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone of this machine; write one as Europe/Rome, or UTC") from None
    return name


Window = Annotated[str, AfterValidator(_check_window)]
TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_check_zone)]


class BatchSettings(Section):
    """Files and batches: bounds for each key, and how batches share the machine with live requests."""

    concurrency: Whole = Field(default=2, ge=1, le=256, description="Lines in progress at once, of all batches.")
    pause_at: Whole | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Start no line while this many live requests are in progress. "
        "Left out: the slots of your smallest engine pool; without engines, batches never wait.",
    )
    window: Window | None = Field(
        default=None, description='Times of day at which lines may start, as in "22:00-06:00". Left out: always.'
    )
    time_zone: TimeZone = Field(default="UTC", description="Time zone of `window`, such as Europe/Rome.")
    max_lines: Whole = Field(default=100_000, ge=1, le=1_000_000, description="Lines in the input of a batch.")
    max_open: Whole = Field(default=100, ge=1, le=10_000, description="Batches of one key that are not over.")
    max_file_bytes: Whole = Field(
        default=209_715_200, ge=1_024, le=10_737_418_240, description="Largest file of `/v1/files`, in bytes."
    )
    max_files: Whole = Field(default=1_000, ge=1, le=1_000_000, description="Files that one key may keep.")
    max_total_bytes: Whole = Field(
        default=2_147_483_648,
        ge=1_024,
        le=1_099_511_627_776,
        description="Size of the files of one key together, in bytes. What batches give counts, and is never refused.",
    )
    file_days: Whole = Field(
        default=30, ge=1, le=3_650, description="Days until a file is deleted, unless the caller asks for fewer."
    )

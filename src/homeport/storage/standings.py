"""How the objectives stand, as the jobs worker leaves it for the gateways of its state folder.

A gateway knows only its own requests, and its counters begin at 0 with it. The jobs worker sees the
whole ledger, so it counts and every gateway's /metrics page shows the same.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from homeport.storage.published import publish, read_published


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator of one objective over the objective's window.

    Attributes:
        target: the share that is promised.
        ratio: good of valid; None where nothing counted.
        budget_left: part of the error budget that is left: 1 is all of it, below 0 is overspent.
        burn: burn rate by window.
        firing: severities of the alerts that fire.
    """

    objective: str
    indicator: str
    target: float
    good: int
    valid: int
    ratio: float | None
    budget_left: float
    burn: Mapping[str, float]
    firing: tuple[str, ...]


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """All of them; nanoseconds since the epoch. Past `stale_at` nothing of it is to be believed."""

    computed_at: int
    stale_at: int
    rows: tuple[Standing, ...]


def write_standings(path: Path, standings: Standings) -> None:
    """Replace the file in one step, so that a reader never sees half of it. Raises OSError."""
    publish(path, standings)


def read_standings(path: Path, now: int) -> Standings | None:
    """What the file says; None where there is none, it is stale, or it cannot be read."""
    return read_published(path, Standings, now)

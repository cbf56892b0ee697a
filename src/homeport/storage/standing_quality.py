"""How good the answers of each route are, as the jobs worker leaves it for the console and the command line."""

from pathlib import Path

import msgspec

from homeport.storage.published import publish, read_published


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class RouteQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One route in one epoch of its judge; scores are between 0 and 1, times nanoseconds since the epoch.

    Attributes:
        tier, target: the route; both "" for all routes together.
        epoch: of the judge; "" where nothing was judged.
        since, until: the period.
        outputs, judged, labelled, doubled: how many there were, and of the labelled how many two people labelled.
        human, judge, corrected: the mean score by labels alone, by the judge alone, and corrected; None for too few.
        agreement, kappa, correlation: of people and the judge; None where it cannot be said.
        reviewers: kappa of people with each other; None where too few outputs have two labels.
        verdict, why: whether the judge is of use, see stats/agreement.py.
    """

    tier: str
    target: str
    epoch: str
    since: int
    until: int
    outputs: int
    judged: int
    labelled: int
    doubled: int
    human: Interval | None
    judge: Interval | None
    corrected: Interval | None
    agreement: Interval | None
    kappa: Interval | None
    correlation: Interval | None
    reviewers: Interval | None
    verdict: str
    why: str


class QualityStanding(msgspec.Struct, frozen=True, kw_only=True):
    """All routes together first, then each; past `stale_at` nothing of it is to be believed."""

    computed_at: int
    stale_at: int
    rows: tuple[RouteQuality, ...]


def write_standing(path: Path, standing: QualityStanding) -> None:
    """Replace the file in one step. Raises OSError."""
    publish(path, standing)


def read_standing(path: Path, now: int) -> QualityStanding | None:
    """What the file says; None where there is none, it is stale, or it cannot be read."""
    return read_published(path, QualityStanding, now)

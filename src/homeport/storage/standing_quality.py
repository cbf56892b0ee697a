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


class ReviewerQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How far one reviewer agrees with the judge and with others; None where too few outputs have both.

    Attributes:
        labelled: outputs of the period that the reviewer labelled.
        judged, shared: of these, those that the judge has scored, and those that somebody else has labelled.
        agreement, kappa: with the judge.
        others_agreement, others_kappa: with the mean of the others.
    """

    reviewer: str
    labelled: int
    judged: int
    shared: int
    agreement: Interval | None
    kappa: Interval | None
    others_agreement: Interval | None
    others_kappa: Interval | None


class QualityStanding(msgspec.Struct, frozen=True, kw_only=True):
    """All routes together first, then each; past `stale_at` nothing of it is to be believed.

    Attributes:
        reviewers: those who labelled in the period, by name.
    """

    computed_at: int
    stale_at: int
    rows: tuple[RouteQuality, ...]
    reviewers: tuple[ReviewerQuality, ...] = ()


def write_standing(path: Path, standing: QualityStanding) -> None:
    """Replace the file in one step. Raises OSError."""
    publish(path, standing)


def read_standing(path: Path, now: int) -> QualityStanding | None:
    """What the file says; None where there is none, it is stale, or it cannot be read."""
    return read_published(path, QualityStanding, now)

"""Whether a model that changed is worse: inputs that were asked again since, each answer graded as the one before.

"Changed" is not "worse". Of pairs whose grades differ, worse and better are equally likely while quality is the same
(McNemar), which is bet against: so it may be looked at after every check (`stats.sequential`).
"""

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from homeport.stats.paired import Interval, binary_pairs, difference
from homeport.stats.sequential import EDGES, paired_factors
from homeport.storage.baselines import Check
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY

SURE = 20.0
"""An e-value that chance alone reaches in a twentieth of the cases at most."""

MARGIN = 0.05
"""A difference of fewer answers than this share is none."""

_TOWARDS = tuple(edge for edge in EDGES if edge > 0)


class Turn(StrEnum):
    """What became of the answers, as people read it."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "not worse"
    UNKNOWN = "not known yet"


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs of a route that were asked again and graded since a change.

    Attributes:
        worse, better: how many of them.
        routes: on how many routes inputs were asked again since: all are judged together.
    """

    route: RouteName
    graded: int
    worse: int
    better: int
    routes: int = 1

    @property
    def difference(self) -> Interval:
        """By which share of the inputs more are better than worse, with a 95 % interval."""
        equal = self.graded - self.worse - self.better
        return difference(binary_pairs(equal, self.worse, self.better, 0))

    @property
    def turn(self) -> Turn:
        """Only what is sure: with few inputs nothing is known."""
        if _evidence(self.worse, self.better) >= SURE * self.routes:
            return Turn.WORSE
        if _evidence(self.better, self.worse) >= SURE * self.routes:
            return Turn.BETTER
        return Turn.SAME if self.graded and self.difference.low > -MARGIN else Turn.UNKNOWN


def replayed(checks: Sequence[tuple[RouteName, Sequence[Check]]], since: int) -> tuple[Replayed, ...]:
    """What was asked again since the day of a change, by route; routes without any are left out.

    Args:
        since: nanoseconds since the epoch.
    """
    recent = [(route, [one for one in of if one.at >= since // DAY * DAY]) for route, of in checks]
    told = [(route, of) for route, of in recent if any(one.graded for one in of)]
    return tuple(
        Replayed(
            route=route,
            graded=sum(one.graded for one in of),
            worse=sum(one.worse for one in of),
            better=sum(one.better for one in of),
            routes=len(told),
        )
        for route, of in told
    )


def turn_of(replays: Sequence[Replayed]) -> Turn | None:
    """What is said of all routes together: the worst of them; None where nothing was asked again."""
    turns = {one.turn for one in replays}
    return next((turn for turn in (Turn.WORSE, Turn.UNKNOWN, Turn.BETTER, Turn.SAME) if turn in turns), None)


def _evidence(more: int, less: int) -> float:
    """The e-value of "these are likelier than those", the mean over how much likelier they may be."""
    return math.fsum(paired_factors(more, less, _TOWARDS)) / len(_TOWARDS)

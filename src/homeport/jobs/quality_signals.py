"""Rows of days as the signals that are watched."""

from collections.abc import Mapping, Sequence

from homeport.drift.quality import Signal
from homeport.stats.decline import Scores
from homeport.storage.quality_days import DayOutputs

_NOTHING = DayOutputs(outputs=0.0, groups=())


def signal_of(name: str, starts: Sequence[int], days: Sequence[Mapping[int, DayOutputs]]) -> Signal:
    """A signal with a day for each start.

    Args:
        days: by their starts, in any number of parts; a start that is in none of them has no outputs.
    """
    found = {start: outputs for part in days for start, outputs in part.items()}
    return Signal(name=name, days=tuple(scores_of(found.get(start, _NOTHING)) for start in starts))


def scores_of(day: DayOutputs) -> Scores:
    """The outputs of a day, each with one over the probability with which it was drawn."""
    import numpy as np

    return Scores(
        outputs=day.outputs,
        values=np.array([group.score for group in day.groups], float),
        weights=np.array([1 / group.probability for group in day.groups], float),
        counts=np.array([group.count for group in day.groups], float),
    )

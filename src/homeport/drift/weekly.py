"""The weekly check: a soft trigger that anybody understands, and the sequential test that confirms it.

The soft trigger looks at one week alone: the share that was answered well has fallen by a twentieth. Of 100 answers
that is mostly chance. The confirmation asks the same inputs again, so that only those count whose grade changed
(McNemar), and adds the weeks up (`stats.sequential`).
"""

from homeport.stats.arrays import Array, Flags, Grades, Numbers
from homeport.stats.sequential import EDGE_WEIGHTS, detect, paired_growth

WEEKS_A_YEAR = 52

FALL = 0.05
"""Of the baseline's share: the soft trigger."""

FALSE_ALARMS_A_YEAR = 0.01

WEEKLY_ALPHA = FALSE_ALARMS_A_YEAR / WEEKS_A_YEAR
"""With a threshold of 1 / alpha, an alarm in n weeks of an unchanged endpoint has probability n alpha at most."""


def falls(passed: "Array", baseline: float, fall: float = FALL) -> "Flags":
    """At which weeks the soft trigger speaks.

    Args:
        passed: share of a week's answers that are good, in any shape.
        baseline: the share that is usual.
    """
    fallen: Flags = passed <= baseline * (1 - fall) + 1e-9
    return fallen


def evidence(before: "Grades", now: "Grades") -> "Array":
    """Evidence of a change after each week, by run.

    Args:
        before, now: grades (0 or 1) by week, run and input.
    """
    worse, better = _changed(before, now)
    return detect(paired_growth(worse, better), EDGE_WEIGHTS)


def _changed(before: "Grades", now: "Grades") -> "tuple[Array, Array]":
    worse: Array = (before > now).sum(axis=-1).astype(float)
    better: Array = (before < now).sum(axis=-1).astype(float)
    return worse, better


def first(alarmed: "Flags", since: int = 0) -> "Numbers":
    """By run, the number of the first week that is alarmed, from 1 at `since`; 0 for never.

    Args:
        alarmed: by week and run.
    """
    import numpy as np

    after = alarmed[since:]
    found: Numbers = np.where(after.any(axis=0), after.argmax(axis=0) + 1, 0)
    return found

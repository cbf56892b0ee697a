"""Years of weekly checks of an endpoint, drawn from recorded grades: with a swap at a known week, and without one.

A week is so many inputs, drawn anew, and their baseline answers beside those of now. The recordings have one answer
of each version to an input, so how far a version differs from itself is not known: a stated share of the answers is
drawn from other inputs of the same version. At a share of 1 now and before have nothing in common but the model,
which is the most that chance can do.

numpy is imported where it is needed: a process that answers requests never does.
"""

from typing import TYPE_CHECKING

import msgspec

from homeport.drift.graded import Endpoint
from homeport.drift.weekly import WEEKLY_ALPHA, WEEKS_A_YEAR, evidence, falls, first
from homeport.stats.arrays import Flags, Grades

if TYPE_CHECKING:
    from numpy.random import Generator

INPUTS = 100
REASKED = 0.1
"""The share of answers that are drawn from other inputs."""

WITHIN = (1, 2, 3, 4, 8, 13, 26)
SHORT_WEEKS = 8
LOOSE_ALPHA = 0.02 / SHORT_WEEKS
"""Two false alarms in a hundred runs of eight weeks, for who would rather hear of it sooner."""

_WEEKS_BEFORE = 4
_WEEKS_AFTER = 26


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn.

    Attributes:
        runs: of each kind and endpoint.
    """

    runs: int = 1_000
    inputs: int = INPUTS
    reasked: float = REASKED


class FalseAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of runs without a change that were alarmed.

    Attributes:
        week: of single weeks.
        short: of runs of eight weeks.
        year: of runs of 52.
    """

    week: float
    short: float
    year: float


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """Weeks from a swap to its alarm, counted from 1.

    Attributes:
        median: None where fewer than half of the runs were alarmed in 26 weeks.
        within: share of runs alarmed within so many weeks.
        early: share of runs alarmed in the four weeks before the swap: these count as not noticed.
    """

    median: float | None
    within: dict[str, float]
    early: float


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint's figures: the soft trigger by itself, and the sequential test.

    Attributes:
        rule: false alarms of "100 a week, alarm at -5 %".
        rule_power: share of weeks at which the rule speaks after the swap.
        confirmed: false alarms of the test; `unpaired` where answers have nothing in common with their baseline.
        swap, fifth: how soon a swap is noticed, of all traffic and of a fifth of it.
        loose: the same at a threshold that allows two false alarms in a hundred runs of eight weeks.
    """

    task: str
    model: str
    inputs: int
    before: float
    after: float
    rule: FalseAlarms
    rule_power: float
    confirmed: FalseAlarms
    unpaired: FalseAlarms
    swap: Delay
    fifth: Delay
    loose_swap: Delay
    loose_fifth: Delay


def rehearse(endpoint: Endpoint, plan: Plan, rng: "Generator") -> Rehearsed:
    """All figures of an endpoint."""
    import numpy as np

    before, after = np.array(endpoint.before, np.int8), np.array(endpoint.after, np.int8)
    draw = _Draw(before, after, plan, rng)
    calm, strangers = draw.weeks(WEEKS_A_YEAR), draw.weeks(WEEKS_A_YEAR, reasked=1.0)
    usual = float(before.mean())
    swapped = draw.weeks(_WEEKS_BEFORE + _WEEKS_AFTER, share=1.0)
    fifth = draw.weeks(_WEEKS_BEFORE + _WEEKS_AFTER, share=0.2)
    spoken = falls(swapped[1][_WEEKS_BEFORE:].mean(axis=-1), usual)
    return Rehearsed(
        task=endpoint.task,
        model=endpoint.model,
        inputs=len(before),
        before=usual,
        after=float(after.mean()),
        rule=_false_alarms(falls(strangers[1].mean(axis=-1), usual)),
        rule_power=float(spoken.mean()),
        confirmed=_false_alarms(evidence(*calm) >= 1 / WEEKLY_ALPHA),
        unpaired=_false_alarms(evidence(*strangers) >= 1 / WEEKLY_ALPHA),
        swap=_delay(evidence(*swapped) >= 1 / WEEKLY_ALPHA),
        fifth=_delay(evidence(*fifth) >= 1 / WEEKLY_ALPHA),
        loose_swap=_delay(evidence(*swapped) >= 1 / LOOSE_ALPHA),
        loose_fifth=_delay(evidence(*fifth) >= 1 / LOOSE_ALPHA),
    )


class _Draw:
    def __init__(self, before: "Grades", after: "Grades", plan: Plan, rng: "Generator") -> None:
        self._before, self._after, self._plan, self._rng = before, after, plan, rng

    def weeks(self, weeks: int, *, share: float = 0.0, reasked: float | None = None) -> "tuple[Grades, Grades]":
        """Grades of the baseline and of now, by week, run and input.

        Args:
            share: of the inputs that the new version answers, from the fifth week on.
        """
        import numpy as np

        noise = self._plan.reasked if reasked is None else reasked
        shape = (weeks, self._plan.runs, self._plan.inputs)
        inputs = self._rng.integers(len(self._before), size=shape, dtype=np.int32)
        others = self._rng.integers(len(self._before), size=shape, dtype=np.int32)
        asked = np.where(self._rng.random(shape, np.float32) < noise, others, inputs)
        now = self._before[asked]
        if share:
            swapped = self._rng.random((weeks - _WEEKS_BEFORE, *shape[1:]), np.float32) < share
            now[_WEEKS_BEFORE:] = np.where(swapped, self._after[asked[_WEEKS_BEFORE:]], now[_WEEKS_BEFORE:])
        return self._before[inputs], now


def _false_alarms(alarmed: "Flags") -> FalseAlarms:
    """Of weeks by run, of a year."""
    return FalseAlarms(
        week=float(alarmed.mean()),
        short=float(alarmed[:SHORT_WEEKS].any(axis=0).mean()),
        year=float(alarmed.any(axis=0).mean()),
    )


def _delay(alarmed: "Flags") -> Delay:
    """An alarm before the swap ends a run: what it would have noticed later does not count."""
    import numpy as np

    early = alarmed[:_WEEKS_BEFORE].any(axis=0)
    weeks = np.where(early, 0, first(alarmed, _WEEKS_BEFORE))
    noticed = np.sort(np.where(weeks > 0, weeks, np.inf))
    median = float(noticed[len(noticed) // 2])
    return Delay(
        median=median if np.isfinite(median) else None,
        within={str(limit): float((noticed <= limit).mean()) for limit in WITHIN},
        early=float(early.mean()),
    )

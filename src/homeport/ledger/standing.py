"""How an objective stands now: its ratio, its error budget, its burn rates and its alerts."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine

from homeport.config.slo import PER_WHOLE
from homeport.ledger.indicators import Tallies, tallies_since
from homeport.ledger.months import Month
from homeport.ledger.objectives import Indicator, Objective
from homeport.ledger.slo import BURN_WINDOWS, DAY, Tally, budget_left, burn_rate, firing
from homeport.storage.standings import Standing

_LONGEST = max(BURN_WINDOWS.values())
_TAIL_AGE = 600 * 1_000_000_000


def window_start(objective: Objective, now: int) -> int:
    """Where the objective's window begins, in nanoseconds since the epoch."""
    return Month.at(now).start_ns if objective.days is None else now - objective.days * DAY


class Watch:
    """Computes standings again and again, and counts what is long past only now and then.

    Most of a window lies more than three days back, where nothing changes but its edge and rows that
    come late. So that part is counted at most every ten minutes; what the alerts look at is counted
    each time.
    """

    def __init__(self, engine: Engine, objectives: Sequence[Objective]) -> None:
        self._engine = engine
        self._objectives = objectives
        self._tails: dict[str, _Tail] = {}

    def standings(self, now: int) -> tuple[Standing, ...]:
        """Every indicator of every objective, of the requests that began before `now`."""
        return tuple(row for objective in self._objectives for row in self._of(objective, now))

    def _of(self, objective: Objective, now: int) -> list[Standing]:
        tail = self._tails.get(objective.name)
        if tail is None or not tail.holds(window_start(objective, now), now):
            tail = self._tails[objective.name] = _count_tail(self._engine, objective, now)
        starts = {"": tail.until, **{name: now - span for name, span in BURN_WINDOWS.items()}}
        ordered = sorted(set(starts.values()))
        found = dict(zip(ordered, tallies_since(self._engine, objective, ordered, now), strict=True))
        return [
            _standing(
                objective,
                indicator,
                tail.tallies[indicator].plus(found[tail.until][indicator]),
                {name: found[starts[name]][indicator] for name in BURN_WINDOWS},
            )
            for indicator in objective.promises
        ]


class _Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The counts from `start` to just before `until`, the older part of a window."""

    start: int
    until: int
    tallies: Tallies

    def holds(self, start: int, now: int) -> bool:
        """Whether it still stands for a window that begins at `start`. A clock may step back, and months end."""
        return 0 <= start - self.start <= _TAIL_AGE and 0 <= now - _LONGEST - self.until <= _TAIL_AGE


def _count_tail(engine: Engine, objective: Objective, now: int) -> _Tail:
    start = window_start(objective, now)
    until = max(start, now - _LONGEST)
    (tallies,) = tallies_since(engine, objective, (start,), until)
    return _Tail(start=start, until=until, tallies=tallies)


def _standing(objective: Objective, indicator: Indicator, whole: Tally, recent: Mapping[str, Tally]) -> Standing:
    share = objective.promises[indicator].share
    burn = {name: burn_rate(tally, share) for name, tally in recent.items()}
    return Standing(
        objective=objective.name,
        indicator=indicator,
        target=share / PER_WHOLE,
        good=whole.good,
        valid=whole.valid,
        ratio=None if whole.ratio is None else float(whole.ratio),
        budget_left=float(budget_left(whole, share)),
        burn={name: float(rate) for name, rate in burn.items()},
        firing=tuple(dict.fromkeys(rule.severity.value for rule in firing(burn))),
    )

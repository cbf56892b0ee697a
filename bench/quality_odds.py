"""Imagined years of routes for the quality watch: how often it is wrong, and how soon it is right. No gateway runs.

A day's outputs are drawn as sums, which is all that the watch reads of them: how many were drawn for the judge and what
it gave them, and in how many a metric found a fault. With `apart`, days differ by more than chance: each day's means
are moved by a normal number with so large a deviation.

Inputs of the baseline are asked again, a hundred a week, and a hundred a day while the watch wants it. What is asked is
the same then, so a day does not move these. With `same`, so many of them are answered and graded as before as long as
nothing made the answer good or bad; the others are answered by chance of their own.
`python -m bench.quality_odds` prints the tables of docs/explanation/quality-watch.md.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from bench import results
from homeport.drift.quality import (
    JUDGE,
    JUDGE_OF_SOUND,
    LOOKS_A_YEAR,
    SOUND,
    Pairs,
    Rules,
    Signal,
    alarmed,
    look,
)
from homeport.jobs.paired_check import CheckRules
from homeport.stats.decline import Scores, merged

JUDGE_SHARE, RIGHT_ON_GOOD, RIGHT_ON_BAD = 0.15, 0.85, 0.75
_LONGEST = 28
Bools = NDArray[np.bool_]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A route.

    Attributes:
        outputs: a day.
        good: the share of good answers.
        drop: how much smaller that share is after the baseline.
        visible: the share of bad answers that a metric can see.
        apart: by how much days differ, beyond chance.
        paired: inputs of the baseline are asked again.
        same: the share of these that are answered as before where nothing changes.
    """

    outputs: int
    good: float = 0.85
    drop: float = 0.0
    visible: float = 0.3
    apart: float = 0.0
    paired: bool = True
    same: float = 0.0

    @property
    def now(self) -> float:
        """The share of good answers after the baseline."""
        return self.good - self.drop


WORSE = tuple(
    World(outputs=outputs, drop=drop, visible=visible, paired=paired, same=same)
    for outputs, drop, visible in (
        *((1_290, 0.06, 0.3), (1_290, 0.051, 0.3), (860, 0.06, 0.3)),
        *((1_290, 0.15, 0.0), (1_290, 0.06, 0.0)),
    )
    for paired, same in ((False, 0.0), (True, 0.0), (True, 0.5), (True, 0.9))
)


def days_of(world: World, days: int, baseline: int, rng: np.random.Generator) -> Mapping[str, list[Scores]]:
    """What the judge says day by day of all and of sound outputs, and how many are sound."""
    found: dict[str, list[Scores]] = {JUDGE: [], JUDGE_OF_SOUND: [], SOUND: []}
    for number in range(days):
        moved = world.apart * rng.normal() - (world.drop if number >= baseline else 0.0)
        good = float(np.clip(world.good + moved, 0, 1))
        sound = int(rng.binomial(world.outputs, 1 - (1 - good) * world.visible))
        faulty = world.outputs - sound
        seen, seen_faulty = (int(rng.binomial(outputs, JUDGE_SHARE)) for outputs in (sound, faulty))
        well = good / (1 - (1 - good) * world.visible)
        passed = int(rng.binomial(seen, well * RIGHT_ON_GOOD + (1 - well) * (1 - RIGHT_ON_BAD)))
        passed_faulty = int(rng.binomial(seen_faulty, 1 - RIGHT_ON_BAD))
        found[SOUND].append(_day(world.outputs, world.outputs, sound, 1.0))
        found[JUDGE_OF_SOUND].append(_day(sound, seen, passed, 1 / JUDGE_SHARE))
        found[JUDGE].append(_day(world.outputs, seen + seen_faulty, passed + passed_faulty, 1 / JUDGE_SHARE))
    return found


def _day(outputs: int, seen: int, good: int, weight: float) -> Scores:
    return Scores(
        outputs=float(outputs),
        values=np.array([0.0, 1.0]),
        weights=np.array([weight, weight]),
        counts=np.array([seen - good, good], float),
    )


class Asked:
    """The inputs of a baseline that are asked again, and the checks that were made of them.

    Args:
        share: of the baseline's outputs that passed the judge.
        pool: so many of them were judged.
        inputs: of a check.
    """

    def __init__(self, world: World, share: float, pool: int, inputs: int, rng: np.random.Generator) -> None:
        self._world, self._inputs, self._rng = world, inputs, rng
        passed = rng.random(pool) < share
        good = world.good * np.where(passed, RIGHT_ON_GOOD, 1 - RIGHT_ON_GOOD)
        bad = (1 - world.good) * np.where(passed, 1 - RIGHT_ON_BAD, RIGHT_ON_BAD)
        well = rng.random(pool) < good / (good + bad)
        # What decides whether an answer is good: it is where this is below the share of good answers.
        self._chance = np.where(well, 0, world.good) + rng.random(pool) * np.where(well, world.good, 1 - world.good)
        self._passed = passed
        self._next, self._last = 0, -7
        self.worse: list[int] = []
        self.better: list[int] = []

    def check(self, day: int, *, hinted: bool) -> None:
        """As `PairedCheck` does on a day after the baseline, from 0."""
        places = slice(self._next, self._next + self._inputs)
        before: Bools = self._passed[places]
        if day < self._last + (1 if hinted else 7) or not len(before):
            return
        now = self._graded(places)
        self.worse.append(int((before & ~now).sum()))
        self.better.append(int((now & ~before).sum()))
        self._next, self._last = places.stop, day

    def _graded(self, places: slice) -> Bools:
        """Whether the judge lets the new answers pass."""
        world, rng, before = self._world, self._rng, self._passed[places]
        same = rng.random(len(before)) < world.same
        was = self._chance[places] < world.good
        well = np.where(same, self._chance[places], rng.random(len(before))) < world.now
        found = rng.random(len(before)) < np.where(well, RIGHT_ON_GOOD, 1 - RIGHT_ON_BAD)
        return np.where(same & (was == well), before, found)


def alarms_of(world: World, days: int, rng: np.random.Generator, rules: Rules) -> list[int]:
    """The days after the baseline on which a route is an alarm, each looked at with what is known by then."""
    base = rules.baseline_days
    parts = days_of(world, base + days, base, rng)
    judged = merged(parts[JUDGE][:base])
    asked = Asked(world, judged.mean, round(judged.looked_at), CheckRules().inputs, rng)
    found, hinted = [], False
    for day in range(base + 1, base + days + 1):
        # A day is looked at six hours after its end: what is due is asked before, and what is hinted at after.
        if world.paired:
            asked.check(day - base - 1, hinted=hinted)
        first = max(base, day - _LONGEST)
        signals = [Signal(name=name, days=(*part[:base], *part[first:day])) for name, part in parts.items()]
        pairs = Pairs(worse=tuple(asked.worse), better=tuple(asked.better))
        seen = look(signals, rules, pairs, days=day - base)
        hinted = seen.suggested
        if alarmed([seen], rules):
            found.append(day - base)
    return found


def false_years(world: World, years: int, seed: int, rules: Rules) -> float:
    """The share of years of a route that does not change in which there is an alarm."""
    rng = np.random.default_rng(seed)
    return sum(bool(alarms_of(world, LOOKS_A_YEAR, rng, rules)) for _ in range(years)) / years


def noticed(world: World, runs: int, weeks: int, seed: int, rules: Rules) -> list[int | None]:
    """The day of each run's first alarm after the drop; None for none."""
    rng = np.random.default_rng(seed)
    return [next(iter(alarms_of(world, 7 * weeks, rng, rules)), None) for _ in range(runs)]


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality_odds", description=__doc__)
    parser.add_argument("--years", type=int, default=120, help="imagined, of each kind that does not change")
    parser.add_argument("--runs", type=int, default=24, help="of each kind that becomes worse")
    options = parser.parse_args(arguments)
    console, rules = results.make_console(), Rules()
    false = Table("outputs a day", "days differ by", f"years of {options.years} with a false alarm")
    for world in (World(outputs=1_290), World(outputs=1_290, apart=0.01), World(outputs=200, apart=0.01)):
        share = false_years(world, options.years, 1, rules)
        false.add_row(str(world.outputs), str(world.apart), f"{share:.1%}")
    console.print(false)
    power = Table("outputs a week", "drop", "visible", "asked again, the same", "in 2 weeks", "in 4", "median day")
    for world in WORSE:
        days = noticed(world, options.runs, 4, 2, rules)
        within = [sum(one is not None and one <= limit for one in days) for limit in (14, 28)]
        told = sorted(one for one in days if one is not None)
        again = f"{world.same:.0%}" if world.paired else "nothing"
        shares = (f"{one} of {options.runs}" for one in within)
        median = str(told[len(told) // 2]) if told else ""
        power.add_row(str(7 * world.outputs), str(world.drop), str(world.visible), again, *shares, median)
    console.print(power)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

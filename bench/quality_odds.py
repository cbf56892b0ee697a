"""Imagined years of routes for the quality watch: how often it is wrong, and how soon it is right. No gateway runs.

A day's outputs are drawn as sums, which is all that the watch reads of them: how many were drawn for the judge and what
it gave them, and in how many a metric found a fault. With `apart`, days differ by more than chance: each day's means
are moved by a normal number with so large a deviation.
`python -m bench.quality_odds` prints the tables of docs/explanation/quality-watch.md.
"""

import sys
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from rich.table import Table

from bench import results
from homeport.drift.quality import JUDGE, JUDGE_OF_SOUND, LOOKS_A_YEAR, SOUND, Rules, Signal, alarmed, look
from homeport.stats.decline import Scores

JUDGE_SHARE, RIGHT_ON_GOOD, RIGHT_ON_BAD = 0.15, 0.85, 0.75
_LONGEST = 28


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A route.

    Attributes:
        outputs: a day.
        good: the share of good answers.
        drop: how much smaller that share is after the baseline.
        visible: the share of bad answers that a metric can see.
        apart: by how much days differ, beyond chance.
    """

    outputs: int
    good: float = 0.85
    drop: float = 0.0
    visible: float = 0.3
    apart: float = 0.0


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


def alarms_of(world: World, days: int, rng: np.random.Generator, rules: Rules) -> list[int]:
    """The days after the baseline on which a route is an alarm, each looked at with what is known by then."""
    base = rules.baseline_days
    parts = days_of(world, base + days, base, rng)
    found = []
    for day in range(base + 1, base + days + 1):
        first = max(base, day - _LONGEST)
        signals = [Signal(name=name, days=(*part[:base], *part[first:day])) for name, part in parts.items()]
        if alarmed([look(signals, rules, days=day - base)], rules):
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
    years = int(arguments[0]) if arguments else 200
    console, rules = results.make_console(), Rules()
    false = Table("outputs a day", "days differ by", f"years of {years} with a false alarm")
    for outputs in (200, 1_300):
        for apart in (0.0, 0.01, 0.02):
            share = false_years(World(outputs=outputs, apart=apart), years, 1, rules)
            false.add_row(str(outputs), str(apart), f"{share:.1%}")
            console.print(outputs, apart, share)
    console.print(false)
    power = Table("outputs a week", "drop", "visible", "noticed in 2 weeks", "in 4", "in 8")
    for outputs in (430, 860, 1_290, 2_900):
        for drop, visible in ((0.06, 0.3), (0.051, 0.3), (0.06, 0.0), (0.15, 0.0)):
            days = noticed(World(outputs=outputs, drop=drop, visible=visible), 40, 8, 2, rules)
            within = [sum(one is not None and one <= limit for one in days) / 40 for limit in (14, 28, 56)]
            power.add_row(str(7 * outputs), str(drop), str(visible), *(f"{one:.0%}" for one in within))
    console.print(power)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

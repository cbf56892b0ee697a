"""Days of imagined traffic out of real texts: who asks differs from day to day, and so does how much."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from homeport.core.prompts import PromptFeatures

Pool = Sequence[PromptFeatures]

_FIRST = date(2026, 1, 5)
"""A Monday."""


@dataclass(frozen=True)
class Traffic:
    """What a project asks.

    Attributes:
        groups: what different people ask, by their name.
        a_day: prompts of a working day, on average; a weekend's has a third of them.
        differ: how far the shares of the groups differ from day to day, as a deviation of their logarithms.
        lasting: how much of that stays until the next day, as a correlation.
        bursts: share of days on which somebody asks one group's prompts in a row, half of all that is asked.
        weekend: what is asked on weekends instead; none: the same.
    """

    groups: Mapping[str, Pool]
    a_day: float = 60
    differ: float = 0.0
    lasting: float = 0.0
    bursts: float = 0.0
    weekend: Pool = field(default=())


@dataclass(frozen=True)
class Change:
    """From a day on a share of the traffic is something else, growing to `most` over so many days."""

    day: int
    new: Pool
    days: int = 7
    most: float = 1.0

    def share(self, day: int) -> float:
        return self.most * min(1.0, max(0, day - self.day + 1) / self.days)


def days_of(
    traffic: Traffic, count: int, rng: random.Random, change: Change | None = None
) -> Iterator[tuple[str, list[PromptFeatures]]]:
    """So many days, each with its date."""
    names = list(traffic.groups)
    moods = dict.fromkeys(names, 0.0)
    for day in range(count):
        moods = {name: _next(mood, traffic, rng) for name, mood in moods.items()}
        weights = [len(traffic.groups[name]) * math.exp(traffic.differ * moods[name]) for name in names]
        burst = rng.choice(names) if rng.random() < traffic.bursts else ""
        number = max(1, round(traffic.a_day * _busy(day) * rng.lognormvariate(0, 0.25)))
        share = change.share(day) if change else 0.0
        prompts = []
        for _ in range(number):
            pool = traffic.groups[burst if burst and rng.random() < 0.5 else rng.choices(names, weights)[0]]
            usual = traffic.weekend if traffic.weekend and day % 7 >= 5 else pool
            prompts.append(rng.choice(change.new if change and rng.random() < share else usual))
        yield (_FIRST + timedelta(days=day)).isoformat(), prompts


def number_of(day: str) -> int:
    """Which of the days a date is."""
    return (date.fromisoformat(day) - _FIRST).days


def _next(mood: float, traffic: Traffic, rng: random.Random) -> float:
    return traffic.lasting * mood + math.sqrt(1 - traffic.lasting**2) * rng.gauss(0, 1)


def _busy(day: int) -> float:
    return 1 / 3 if day % 7 >= 5 else 1.0

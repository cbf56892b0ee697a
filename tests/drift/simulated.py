"""Recordings of an imagined provider: kinds of probes, noise of several kinds, and silent swaps. The design tool.

Run as a program it measures false alarms and delays: python -m tests.drift.simulated [RECORDINGS]
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from homeport.drift.detectors import ALPHA, audit
from homeport.drift.similarity import Features, Similarity, compare, text_features
from homeport.drift.traits import LEVELS

Array = np.ndarray[Any, np.dtype[Any]]

_CHOICES = 10


@dataclass(frozen=True)
class Provider:
    """What is asked and how it answers.

    Attributes:
        kinds: shares of probes that always answer the same (but for rare flips), that are ties at T=0, that are
            sampled from ten words, that are chatty (no two answers alike), and that tell the date.
        wander: how far ties move from day to day, as a deviation of their log-odds: half by themselves, half together.
        lasting: how much of the common part stays until the next day, as a correlation.
        flips: share of answers of fixed probes that are another one.
        swap: the day of a silent swap; None for never.
        back: the day on which the old model is back; None for never.
        changed: share of the probes that the new model answers otherwise.
        traffic: share of the answers that the new model gives after it.
        bad_day: a day on which the new model answers, and that clears; None for none.
        lost: share of answers that are missing, whole days of a probe at a time.
    """

    days: int = 100
    probes: int = 26
    each: int = 10
    kinds: tuple[float, float, float, float, float] = (0.3, 0.4, 0.1, 0.15, 0.05)
    wander: float = 0.6
    lasting: float = 0.0
    flips: float = 0.003
    swap: int | None = None
    back: int | None = None
    changed: float = 0.7
    traffic: float = 1.0
    bad_day: int | None = None
    lost: float = 0.0


def recording(provider: Provider, rng: Generator) -> Similarity:
    """Draw a recording."""
    load = rng.normal(size=provider.days)
    for day in range(1, provider.days):
        load[day] = provider.lasting * load[day - 1] + np.sqrt(1 - provider.lasting**2) * load[day]
    kinds = rng.choice(5, size=provider.probes, p=provider.kinds)
    return compare([_probe(provider, kind, load, rng) for kind in kinds], provider.days)


def _probe(provider: Provider, kind: int, load: Array, rng: Generator) -> Features:
    days, each = provider.days, provider.each
    batch = np.repeat(np.arange(days), each)
    new = _swapped(provider, batch, rng) & (rng.random() < provider.changed)
    columns = (_fixed, _tied, _sampled, _chatty, _dated)[kind](provider, batch, new, load, rng)
    there = (rng.random(days) >= provider.lost)[batch]
    columns = columns + np.arange(LEVELS) * (int(columns.max()) + 1)
    return text_features(batch[there], np.arange(len(batch))[there], columns, days)


def _swapped(provider: Provider, batch: Array, rng: Generator) -> Array:
    after = batch >= (provider.days if provider.swap is None else provider.swap)
    if provider.back is not None:
        after &= batch < provider.back
    if provider.bad_day is not None:
        after |= batch == provider.bad_day
    swapped: Array = after & (rng.random(len(batch)) < provider.traffic)
    return swapped


def _levels(answer: Array) -> Array:
    """Of short answers: all levels tell them apart but the length, which does half."""
    return np.stack([answer, answer, answer, answer // 2], axis=1)


def _fixed(provider: Provider, batch: Array, new: Array, load: Array, rng: Generator) -> Array:
    flipped = rng.random(len(batch)) < provider.flips
    return _levels(np.where(new, 2, 0) + flipped)


def _tied(provider: Provider, batch: Array, new: Array, load: Array, rng: Generator) -> Array:
    own = rng.normal(size=provider.days)
    shift = provider.wander * (rng.choice([-1, 1]) * load + own) / np.sqrt(2)
    share = 1 / (1 + np.exp(-(rng.normal() + shift)))
    answer = (rng.random(len(batch)) < share[batch]).astype(int)
    other = rng.choice([0, 1, 2, 3], p=[0.2, 0.2, 0.3, 0.3])
    return _levels(np.where(new, np.where(other == 3, 2 + answer, other), answer))


def _sampled(provider: Provider, batch: Array, new: Array, load: Array, rng: Generator) -> Array:
    old, fresh = (rng.choice(_CHOICES, size=len(batch), p=rng.dirichlet(np.ones(_CHOICES))) for _ in range(2))
    return _levels(np.where(new, fresh, old))


def _chatty(provider: Provider, batch: Array, new: Array, load: Array, rng: Generator) -> Array:
    count = len(batch)
    old, fresh = (rng.choice(12, size=count, p=rng.dirichlet(np.full(12, 0.5))) for _ in range(2))
    opening = np.where(new, fresh, old)
    length = 8 + np.rint(rng.normal(size=count) + new * rng.normal()).astype(int)
    return np.stack([np.arange(count), opening, opening // 3, np.maximum(length, 0)], axis=1)


def _dated(provider: Provider, batch: Array, new: Array, load: Array, rng: Generator) -> Array:
    return np.stack([batch * 2 + new, batch * 2 + new, new.astype(int), new.astype(int)], axis=1)


def delays(provider: Provider, count: int, seed: int, alpha: float = ALPHA) -> tuple[Counter[int], int]:
    """Of recordings with a swap: batches until the alarm, counted from 1 (0 for never), and how many were early."""
    found, early = Counter[int](), 0
    assert provider.swap is not None
    for rng in _generators(seed, count):
        alarms = [alarm.batch for alarm in audit(recording(provider, rng), alpha).alarms]
        early += any(alarm < provider.swap for alarm in alarms)
        found[next((alarm - provider.swap + 1 for alarm in alarms if alarm >= provider.swap), 0)] += 1
    return found, early


def false_alarms(provider: Provider, count: int, seed: int, alpha: float = ALPHA) -> tuple[int, int]:
    """Of recordings without one: alarms, and batches."""
    found = [audit(recording(provider, rng), alpha) for rng in _generators(seed, count)]
    return sum(len(one.alarms) for one in found), count * provider.days


def _generators(seed: int, count: int) -> Iterator[Generator]:
    return (np.random.default_rng((seed, number)) for number in range(count))


QUIET = Provider(wander=0.1, flips=0.0, kinds=(0.7, 0.2, 0.0, 0.1, 0.0))
NOISY = Provider(wander=1.2, flips=0.02)
BORDER = Provider(kinds=(0.0, 1.0, 0.0, 0.0, 0.0), wander=1.0)
SAMPLED = Provider(kinds=(0.0, 0.0, 0.5, 0.5, 0.0))
GAPPY = Provider(lost=0.15)
SINGLE = Provider(each=1)
LASTING = Provider(kinds=(0.0, 1.0, 0.0, 0.0, 0.0), wander=1.5, lasting=0.8)
"""What the stated rate does not cover: for days on end every answer leans the same way. Not one of `WORLDS`."""
WORLDS: Mapping[str, Provider] = {
    "mixed": Provider(),
    "quiet": QUIET,
    "noisy": NOISY,
    "border inputs": BORDER,
    "sampled": SAMPLED,
    "gaps": GAPPY,
    "one answer each": SINGLE,
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name, world in WORLDS.items():
        alarms, batches = 0, 0
        for number, days in enumerate((60, 100, 200)):
            more, judged = false_alarms(replace(world, days=days), count // 3, number)
            alarms, batches = alarms + more, batches + judged
        print(f"{name}: {alarms} false alarms in {batches:,} batches = {alarms * 365 / batches:.3f} a year", flush=True)
        for clean in (10, 15, 30, 60):
            for changed, traffic in ((0.8, 1.0), (0.4, 1.0), (0.8, 0.2)):
                swapped = replace(world, days=clean + 12, swap=clean, changed=changed, traffic=traffic)
                found, early = delays(swapped, max(count // 5, 10), 7)
                told = " ".join(f"{delay or 'never'}:{found[delay]}" for delay in sorted(found))
                kind = f"{changed:.0%} of probes, {traffic:.0%} of traffic"
                print(f"  {clean} clean, {kind}: {told}; early {early}", flush=True)


if __name__ == "__main__":
    main()

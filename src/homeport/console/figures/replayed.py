"""Yesterday's decisions, read to be decided again: what another split would have cost, and how good it would be.

Nothing is sent anywhere. What a tier would have cost is what its first priced model asks for the same tokens; an own
engine's time is taken from the tokens it wrote in the same sample. How good an answer would be is what the router's
version learned of each tier at that score, so it is as good as the labels it was fitted on.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, and_, select

from homeport.core.money import NANO_PER_USD
from homeport.core.ports import Pricing
from homeport.core.types import MachinePrice, Outcome, Target, Usage
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.tables import decisions, requests

AN_HOUR = 150
"""So many decisions of each hour are replayed, the latest: a sample of the day that is read in milliseconds."""

_STEPS = 20

Chances = Callable[[float], Mapping[str, float]]
"""The probability that a tier's answer is good, at a score."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a router scored. `cost` is what it did cost, in nano-dollars."""

    score: float
    decided: str
    local: bool
    usage: Usage
    worked_ns: int
    cost: int


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a split would have come to. `usd` is dollars a query; `good` None where no version learned it."""

    shares: Mapping[str, float]
    usd: float
    good: float | None


def yesterday(now: int) -> tuple[int, int]:
    """The whole day before a time's, in UTC; nanoseconds since the epoch."""
    today = now // DAY * DAY
    return today - DAY, today


def read_replayed(engine: Engine, since: int, until: int) -> list[Replayed]:
    """A sample of the decisions of a time that a score decided and that were answered."""
    with engine.connect() as connection:
        return [
            _replayed(row)
            for start in range(since, until, HOUR)
            for row in _hour(connection, start, min(start + HOUR, until))
        ]


def _hour(connection: Connection, since: int, until: int) -> Sequence[Mapping[str, Any]]:
    names = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    query = (
        select(
            decisions.c.score,
            decisions.c.decided,
            *(requests.c[name] for name in (*names, "local", "engine_ns", "latency_ns", "cost")),
        )
        .join(requests, requests.c.request_id == decisions.c.request_id)
        .where(
            and_(decisions.c.started_at >= since, decisions.c.started_at < until, decisions.c.score.is_not(None)),
            requests.c.outcome == Outcome.COMPLETED.value,
        )
        .order_by(decisions.c.started_at.desc())
        .limit(AN_HOUR)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _replayed(row: Mapping[str, Any]) -> Replayed:
    return Replayed(
        score=row["score"],
        decided=row["decided"],
        local=bool(row["local"]),
        usage=Usage(
            input_tokens=row["input_tokens"],
            cached_input_tokens=row["cached_input_tokens"],
            cache_write_tokens=row["cache_write_tokens"],
            output_tokens=row["output_tokens"],
            reasoning_tokens=row["reasoning_tokens"],
        ),
        worked_ns=row["engine_ns"] or row["latency_ns"],
        cost=row["cost"],
    )


class Part(NamedTuple):
    """Rows of a sample, from a place to just before another, that one tier gets."""

    tier: str
    start: int
    end: int


class Counterfactual:
    """A sample, decided again and again by other splits: what every tier costs is worked out and added up once.

    Args:
        rows: at least one.
        ladder: the tiers, the weakest first, each with the target that it would have asked.
        chances: None where no version of the router learned any.
    """

    def __init__(
        self, rows: Sequence[Replayed], ladder: Mapping[str, Target], chances: Chances | None, pricing: Pricing
    ) -> None:
        self.tiers = tuple(ladder)
        self._rows = sorted(rows, key=lambda row: row.score)
        speed = _ns_per_token(rows)
        self._costs = {
            tier: [0, *accumulate(pricing.cost(target, row.usage, _elapsed(row, target, speed)) for row in self._rows)]
            for tier, target in ladder.items()
        }
        self._good = None if chances is None else [chances(row.score) for row in self._rows]

    def as_it_was(self) -> Replay:
        """By the tiers that were decided, for what they would cost by the same reckoning."""
        decided = (row.decided if row.decided in self.tiers else self.tiers[-1] for row in self._rows)
        return self._told([Part(tier, place, place + 1) for place, tier in enumerate(decided)])

    def split(self, shares: Mapping[str, float]) -> Replay:
        """The requests with the lowest scores for the first tier, and so on; `shares` add up to 1."""
        parts: list[Part] = []
        count, reached, end = len(self._rows), 0.0, 0
        for tier in self.tiers:
            reached += shares.get(tier, 0.0)
            start, end = end, min(max(end, round(reached * count)), count)
            parts.append(Part(tier, start, end))
        return self._told([*parts, Part(self.tiers[-1], end, count)])

    def curve(self, shares: Mapping[str, float]) -> list[Replay]:
        """As ever more goes to the last tier, while the others keep their proportion."""
        return [self.split(_scaled(self.tiers, shares, step / _STEPS)) for step in range(_STEPS + 1)]

    def spent(self) -> float:
        """Dollars a query that the sample did cost."""
        return fmean(row.cost for row in self._rows) / NANO_PER_USD

    def _told(self, parts: Sequence[Part]) -> Replay:
        count, sizes = len(self._rows), dict.fromkeys(self.tiers, 0)
        for tier, start, end in parts:
            sizes[tier] += end - start
        cost = sum(self._costs[tier][end] - self._costs[tier][start] for tier, start, end in parts)
        return Replay(
            shares={tier: size / count for tier, size in sizes.items()},
            usd=cost / count / NANO_PER_USD,
            good=None if self._good is None else _mean_good(self._good, parts),
        )


def _mean_good(good: Sequence[Mapping[str, float]], parts: Sequence[Part]) -> float | None:
    known = [chances[tier] for tier, start, end in parts for chances in good[start:end] if tier in chances]
    return fmean(known) if known else None


def _scaled(tiers: Sequence[str], shares: Mapping[str, float], last: float) -> dict[str, float]:
    *lower, top = tiers
    total = sum(shares.get(tier, 0.0) for tier in lower)
    each = {tier: shares.get(tier, 0.0) / total if total else 1 / len(lower) for tier in lower}
    return {**{tier: part * (1 - last) for tier, part in each.items()}, top: last}


def _ns_per_token(rows: Sequence[Replayed]) -> float:
    """What an own engine needed for a token that it wrote, its prompt included; 0 where none answered."""
    own = [row for row in rows if row.local and row.usage.output_tokens]
    tokens = sum(row.usage.output_tokens for row in own)
    return sum(row.worked_ns for row in own) / tokens if tokens else 0.0


def _elapsed(row: Replayed, target: Target, speed: float) -> int:
    if row.local or not isinstance(target.price, MachinePrice):
        return row.worked_ns
    return round(row.usage.output_tokens * speed)

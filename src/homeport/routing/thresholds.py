"""Where one tier ends and the next begins: for a split that was asked for, and on a stream that drifts.

A score is any number that is higher where a dearer tier is worth more. Thresholds that were set once drift with the
traffic; `Controller` moves them, slowly, so that each tier gets its share whatever comes.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from homeport.core.errors import ConfigError

QUANTILES = 129
"""Points of a sketch of scores."""

RATE = 0.02
"""How far a threshold moves, in ranks of the sketch, for each request."""

_BEYOND = 0.1
"""Scores outside the sketch get ranks at most so far outside 0 and 1."""

_FARTHEST = 0.2


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised of the quality, and on what.

    Attributes:
        max_loss: of the strongest model's accuracy that may be lost, as a share of all requests.
        confidence: the probability, over the labelled rows, that the promise holds.
        labels: rows that it was tested on.
        cost_ratio: what those rows cost, over what they cost with the strongest model alone.
    """

    max_loss: float
    confidence: float
    labels: int
    cost_ratio: float


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `thresholds.json` holds.

    Attributes:
        tiers: the cheapest first, by the names they were calibrated under: tiers or models.
        shares: of the requests that each should answer; together 1.
        sketch: evenly spaced quantiles of the scores of training prompts; empty where they had none.
        accept: of each tier but the last, the confidence from which on its answer is given.
        promise: None where the thresholds are for a split.
    """

    tiers: tuple[str, ...]
    shares: tuple[float, ...]
    sketch: tuple[float, ...] = ()
    accept: Mapping[str, float] = {}
    promise: Promise | None = None

    @property
    def cuts(self) -> tuple[float, ...]:
        """The scores above which the second tier begins, the third, and so on; () without a sketch."""
        return static_cuts(self.sketch, self.shares) if self.sketch else ()

    def accepts_from(self, model: str, tier: str) -> float | None:
        """The lowest confidence with which an answer is given; None where that was not calibrated."""
        return self.accept.get(model, self.accept.get(tier))


def encode_thresholds(thresholds: Thresholds) -> bytes:
    return msgspec.json.encode(thresholds)


def decode_thresholds(data: bytes) -> Thresholds:
    """Read `thresholds.json`.

    Raises:
        ConfigError: router_part_invalid.
    """
    try:
        found = msgspec.json.decode(data, type=Thresholds)
        check_shares(found.shares)
        if len(found.shares) != len(found.tiers):
            raise ValueError("there must be a share for each tier")
        if list(found.sketch) != sorted(found.sketch):
            raise ValueError("a sketch never falls")
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise ConfigError(
            f"thresholds.json cannot be read: {error}",
            code="router_part_invalid",
            hint="homeport route rollback goes back to a version that can be read",
        ) from error
    return found


def check_shares(shares: Sequence[float]) -> None:
    """Raises `ValueError` unless they are shares of two tiers or more that add up to 1."""
    if len(shares) < 2 or not all(0 <= share <= 1 for share in shares) or abs(math.fsum(shares) - 1) > 1e-6:
        raise ValueError("shares of tiers are two or more numbers from 0 to 1 that add up to 1")


def tails(shares: Sequence[float]) -> tuple[float, ...]:
    """Of the requests, the share that goes to the second tier or a dearer one, to the third or a dearer one, ..."""
    return tuple(math.fsum(shares[place:]) for place in range(1, len(shares)))


def sketch(scores: Sequence[float]) -> tuple[float, ...]:
    """Evenly spaced quantiles, the lowest and the highest score among them; () of none."""
    ranked = sorted(scores)
    return tuple(_quantile(ranked, place / (QUANTILES - 1)) for place in range(QUANTILES)) if ranked else ()


def static_cuts(ranked: Sequence[float], shares: Sequence[float]) -> tuple[float, ...]:
    """The scores above which each dearer tier begins, so that it gets its share of scores like these.

    Args:
        ranked: sorted scores, or a sketch of them.
    """
    return tuple(_quantile(ranked, 1 - tail) for tail in tails(shares))


def _quantile(ranked: Sequence[float], share: float) -> float:
    place = min(max(share, 0.0), 1.0) * (len(ranked) - 1)
    low = min(int(place), len(ranked) - 1)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


class Held(msgspec.Struct, frozen=True):
    """Where a controller's thresholds stand, in ranks of its sketch."""

    ranks: tuple[float, ...]


class Controller:
    """Keeps a split on a stream of requests, whatever their scores. Itself it never changes: what moves is a `Held`.

    Each threshold goes up a little when a request passed it and down a little when it did not, so that it comes to
    rest where the wanted share passes. It follows that, over any n requests in a row that were decided by it, the
    share that passed is off by exactly (rank at the end - rank at the start) / (rate x n): as a rank moves by 1.2
    at most, by 3 points in 2,000 requests at the very worst, and by less than 2 unless a threshold crosses
    four fifths of all scores. Source: quantile tracking (online gradient steps on the pinball loss), Gibbs and Candes,
    "Adaptive conformal inference under distribution shift" (NeurIPS 2021), after Robbins and Monro (1951).

    Args:
        shares: of the tiers, the cheapest first; together 1.
        ranked: a sketch of scores to begin with: it gives the scale on which thresholds move.
    """

    def __init__(self, shares: Sequence[float], ranked: Sequence[float], rate: float = RATE) -> None:
        check_shares(shares)
        if not ranked:
            raise ValueError("a controller needs a sketch of scores")
        self._tails = tails(shares)
        self._ranked = tuple(ranked)
        self._rate = rate

    def start(self) -> Held:
        """As if the stream were like the scores of the sketch."""
        return Held(tuple(1 - tail for tail in self._tails))

    def tier(self, held: Held, score: float) -> int:
        """The tier of a request: 0 is the cheapest."""
        rank = self._rank(score)
        return max((place for place, cut in enumerate(held.ranks, 1) if rank > cut), default=0)

    def after(self, held: Held, tier: int) -> Held:
        """The thresholds once a request has gone to a tier."""
        moved = (
            cut + self._rate * ((tier >= place) - tail)
            for place, (cut, tail) in enumerate(zip(held.ranks, self._tails, strict=True), 1)
        )
        # Requests that others decided about may all go one way; the way back must not be long.
        return Held(tuple(min(max(cut, -_FARTHEST), 1 + _FARTHEST) for cut in moved))

    def next(self, held: Held, score: float) -> tuple[int, Held]:
        """The tier of a request, and the thresholds after it."""
        tier = self.tier(held, score)
        return tier, self.after(held, tier)

    def cuts(self, held: Held) -> tuple[float, ...]:
        """The thresholds as scores, for a person; ends of the sketch where they are outside it."""
        return tuple(_quantile(self._ranked, cut) for cut in held.ranks)

    def _rank(self, score: float) -> float:
        ranked, steps = self._ranked, max(len(self._ranked) - 1, 1)
        first, last = ranked[0], ranked[-1]
        scale = (last - first) or 1.0
        if score < first:
            return -_beyond((first - score) / scale)
        if score > last:
            return 1 + _beyond((score - last) / scale)
        low, high = bisect_left(ranked, score), bisect_right(ranked, score)
        if low < high:  # it is one of the points, or many of them
            return (low + high - 1) / 2 / steps
        return (low - 1 + (score - ranked[low - 1]) / (ranked[low] - ranked[low - 1])) / steps


def _beyond(distance: float) -> float:
    return _BEYOND * distance / (1 + distance) if distance < math.inf else _BEYOND

"""From which confidence on a lower tier's answer is given, so that each tier keeps its share of the answers.

Thresholds that were calibrated once drift with the traffic, and conversations that were escalated stay up. So each
threshold goes down a little when a request was answered above it and up a little when not, until the wanted share is.
"""

import hashlib
from collections.abc import Sequence

from homeport.core.routing import Question
from homeport.core.types import Target
from homeport.routing.policies.base import GENERATING, Memory
from homeport.routing.thresholds import Controller, Held, Thresholds

_SCALE = (0.0, 1.0)


class Acceptance:
    """The thresholds in force.

    Args:
        thresholds: calibrated for a split: where to begin, and what to hold.
        version: of the router.
        memory: where they are kept for all processes; None for this one alone.
    """

    def __init__(self, thresholds: Thresholds, version: int, memory: Memory | None = None) -> None:
        self._tiers = thresholds.tiers
        # What passes on is doubt, and that is spread from 0 to 1 like ranks.
        self._controller = Controller(thresholds.shares, _SCALE)
        self._memory = memory
        start = tuple(1.0 - thresholds.accept.get(tier, 0.0) for tier in self._tiers[:-1])
        said = f"{version} {self._tiers} {thresholds.shares} {start}"
        self._meaning = hashlib.blake2b(said.encode(), digest_size=16).digest()
        self._held = Held(start)

    def threshold(self, target: Target) -> float | None:
        """The lowest confidence with which an answer of the target is given; None where it is none of the tiers."""
        place = self._place(target)
        ranks = self._now().ranks
        return 1.0 - ranks[place] if place is not None and place < len(ranks) else None

    def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
        """A request that every tier was open to got the answer of one."""
        place = self._place(target)
        if place is None or question.inference.surface not in GENERATING:
            return
        if {self._place(other) for other in offered} >= set(range(len(self._tiers))):
            self._held = self._controller.after(self._now(), place)
            if self._memory is not None:
                self._memory.write(self._meaning, self._held.ranks)

    def _now(self) -> Held:
        told = self._memory.read(self._meaning) if self._memory is not None else None
        return self._held if told is None else Held(told)

    def _place(self, target: Target) -> int | None:
        named = (name for name in (target.name, target.tier) if name in self._tiers)
        return next((self._tiers.index(name) for name in named), None)

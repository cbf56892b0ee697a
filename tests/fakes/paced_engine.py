"""An engine that gets slower the more it works on, and its callers, in a time of their own."""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence

import msgspec

from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import Asker, Gate, Place, Waiter
from homeport.pipeline.pace import Work

S = 1_000_000_000
_PROMPT = 100


class Asked(msgspec.Struct, frozen=True, order=True):
    """Somebody asks at a moment, in seconds, for so many tokens; `told`: after how many seconds it was to come back."""

    at: float
    who: str
    tokens: int
    told: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: seconds from asking to the end, or None where it was refused, and what it was told then."""

    asked: Asked
    took: float | None = None
    retry_after: int = 0


class _Running:
    def __init__(self, asked: Asked, place: Place | None) -> None:
        self.asked, self.place = asked, place
        self.left = float(asked.tokens)


class PacedEngine:
    """Answers so many at once; a token takes `pace(n)` seconds beside n - 1 others.

    Args:
        gate: None for none: then what has no slot waits in the engine.
    """

    def __init__(self, slots: int, pace: Callable[[int], float], gate: Gate | None) -> None:
        self._slots, self._pace, self._gate = slots, pace, gate
        self._running: list[_Running] = []
        self._inside: list[_Running] = []
        self._waiting: list[tuple[Asked, Waiter]] = []
        self._coming: list[Asked] = []
        self._told: list[Outcome] = []
        self.now = 0.0

    def run(self, asked: Sequence[Asked]) -> list[Outcome]:
        """All that are told something; who is refused comes back once, when it was told to."""
        self._told = []
        self._coming = list(asked)
        heapq.heapify(self._coming)
        while self._coming or self._running or self._waiting:
            self._step()
        return self._told

    def _step(self) -> None:
        ends = [(self.now + self._running_least() * self._pace(len(self._running)), self._end)] if self._running else []
        comes = [(self._coming[0].at, self._come)] if self._coming else []
        late = [(min(one.until for _, one in self._waiting) / S, self._give_up)] if self._waiting else []
        moment, what = min([*ends, *comes, *late], key=lambda one: one[0])
        passed = max(0.0, moment - self.now)
        for one in self._running:
            one.left -= passed / self._pace(len(self._running))
        self.now = max(self.now, moment)
        what()
        for asked, waiter in [pair for pair in self._waiting if pair[1].place is not None]:
            self._waiting.remove((asked, waiter))
            self._begin(asked, waiter.place)

    def _running_least(self) -> float:
        return max(0.0, min(one.left for one in self._running))

    def _come(self) -> None:
        asked = heapq.heappop(self._coming)
        if self._gate is None:
            self._begin(asked, None)
            return
        try:
            found = self._gate.ask(
                Asker(key_id=asked.who, flow=asked.who, cost=asked.tokens + _PROMPT), round(self.now * S)
            )
        except EngineBusy as error:
            self._told.append(Outcome(asked=asked, retry_after=error.retry_after))
            if not asked.told:
                back = Asked(self.now + error.retry_after + 0.005, asked.who, asked.tokens, told=error.retry_after)
                heapq.heappush(self._coming, back)
            return
        if isinstance(found, Place):
            self._begin(asked, found)
        else:
            self._waiting.append((asked, found))

    def _begin(self, asked: Asked, place: Place | None) -> None:
        (self._running if len(self._running) < self._slots else self._inside).append(_Running(asked, place))

    def _end(self) -> None:
        done = min(self._running, key=lambda one: one.left)
        self._running.remove(done)
        if self._inside:
            self._running.append(self._inside.pop(0))
        self._told.append(Outcome(asked=done.asked, took=self.now - done.asked.at))
        if done.place is not None:
            done.place.leave(round(self.now * S), Work(_PROMPT, done.asked.tokens))

    def _give_up(self) -> None:
        assert self._gate is not None
        asked, waiter = min(self._waiting, key=lambda pair: pair[1].until)
        self._waiting.remove((asked, waiter))
        self._gate.give_up(waiter, waiter.until)
        error = self._gate.too_late(waiter, waiter.until)
        self._told.append(Outcome(asked=asked, retry_after=error.retry_after))


def crowd(rate: float, seconds: float, dice: random.Random, tokens: Callable[[], int], *, start: float) -> list[Asked]:
    """Poisson arrivals of four keys."""
    found, at = [], start
    while (at := at + dice.expovariate(rate)) < start + seconds:
        found.append(Asked(at, f"key_{dice.randrange(4)}", tokens()))
    return found


def steady(rate: float, seconds: float, dice: random.Random, tokens: int, *, start: float) -> list[Asked]:
    """One key that asks at about the same pace."""
    times = itertools.accumulate(iter(lambda: dice.uniform(0.7, 1.3) / rate, None), initial=start)
    return [Asked(at, "key_vip", tokens) for at in itertools.takewhile(lambda at: at < start + seconds, times)]

"""Traffic that is quiet and yet like real traffic: a day's course, heavy tails, sessions, bursts of errors.

Ten keys ask three models. Each key has prompts and answers of its own size (log-normal), a share of the day of its own,
and sessions: now and then it asks ten times as much for some minutes. Latency follows the tokens, and drifts by a
fifth over the hours. A half percent of the requests fail, some of them in small bursts.
"""

import math
from collections.abc import Callable, Iterator
from random import Random

import msgspec

from homeport.core.types import Attempt
from homeport.storage.arrivals import Arrival

SECOND = 1_000_000_000
MODELS = ("small", "mid", "large")
_DAY = 86_400
_TOKENS_PER_SECOND = {"small": 200.0, "mid": 90.0, "large": 45.0}
_NANO_PER_TOKEN = {"small": 200, "mid": 2_000, "large": 12_000}
_FAILS = 0.004
_BURST_EVERY_S = 7_200
_SESSION_EVERY_S = 5_400

Fault = Callable[[Arrival], Arrival]


class _Key(msgspec.Struct):
    """One key's habits.

    Attributes:
        rate: requests a second on average.
        peak: the second of the day when it asks most.
        prompt, answer: logarithms of the median tokens.
    """

    name: str
    rate: float
    peak: float
    models: tuple[float, ...]
    prompt: float
    answer: float
    streams: float
    busy_until: float = 0.0


class Traffic:
    """An endless series of requests; the same seed gives the same.

    Args:
        rate: requests a second of all keys together, on average over a day.
    """

    def __init__(self, seed: int, rate: float = 3.0, keys: int = 10) -> None:
        self._dice = dice = Random(seed)
        shares = [1 / place for place in range(1, keys + 1)]
        self._keys = [
            _Key(
                name=f"key_{place}",
                rate=rate * share / sum(shares),
                peak=dice.uniform(9, 17) * 3_600,
                models=tuple(dice.expovariate(1) for _ in MODELS),
                prompt=math.log(dice.uniform(100, 3_000)),
                answer=math.log(dice.uniform(40, 400)),
                streams=dice.choice((0.0, 0.5, 1.0)),
            )
            for place, share in enumerate(shares)
        ]
        self._drift = 0.0
        self._failing_until = 0.0
        self._failing = ""

    def between(self, start: int, until: int) -> Iterator[Arrival]:
        """Requests that end from one second to just before another, counted from midnight."""
        for second in range(start, until):
            self._drift = 0.9995 * self._drift + self._dice.gauss(0, 0.006)
            self._upset(second)
            for key in self._keys:
                for _ in range(self._count(key, second)):
                    yield self._request(key, second)

    def _upset(self, second: int) -> None:
        """Now and then a model fails a little more for half a minute: too short and too little to tell anybody."""
        if self._dice.random() < 1 / _BURST_EVERY_S:
            self._failing, self._failing_until = self._dice.choice(MODELS), second + 30
        for key in self._keys:
            if self._dice.random() < 1 / _SESSION_EVERY_S:
                key.busy_until = second + self._dice.expovariate(1 / 300)

    def _count(self, key: _Key, second: int) -> int:
        course = 1 + 0.8 * math.cos((second - key.peak) / _DAY * math.tau)
        rate = key.rate * course * (10 if second < key.busy_until else 1)
        return poisson(self._dice, rate)

    def _request(self, key: _Key, second: int) -> Arrival:
        dice = self._dice
        model = dice.choices(MODELS, key.models)[0]
        prompt = max(1, int(math.exp(dice.gauss(key.prompt, 0.9))))
        answer = max(1, int(math.exp(dice.gauss(key.answer, 0.9))))
        first = (0.15 + prompt / 20_000) * math.exp(dice.gauss(self._drift, 0.4))
        whole = first + answer / _TOKENS_PER_SECOND[model] * math.exp(dice.gauss(self._drift, 0.25))
        fails = 0.3 if model == self._failing and second < self._failing_until else _FAILS
        failed = dice.random() < fails
        return Arrival(
            ended_at=second * SECOND + dice.randrange(SECOND),
            latency_ns=int(whole * SECOND),
            ttft_ns=int((first if not failed else 0) * SECOND),
            key_id=key.name,
            target="" if failed else model,
            stream=dice.random() < key.streams,
            outcome="failed" if failed else "completed",
            cache="",
            input_tokens=0 if failed else prompt,
            output_tokens=0 if failed else answer,
            cost=0 if failed else (prompt + 4 * answer) * _NANO_PER_TOKEN[model],
            attempts=(attempt(model, "upstream_failed" if failed else ""),),
        )


def attempt(model: str, error: str = "") -> Attempt:
    return Attempt(target=model, error=error, started_ns=0, ended_ns=1)


def poisson(dice: Random, mean: float) -> int:
    """A number of Poisson's distribution; `mean` is small."""
    count, left = 0, dice.expovariate(1)
    while left < mean:
        count += 1
        left += dice.expovariate(1)
    return count


def failing(share: float, dice: Random) -> Fault:
    """So many requests get an error of the upstream."""

    def changed(one: Arrival) -> Arrival:
        if one.outcome != "completed" or dice.random() >= share:
            return one
        failed = (attempt(one.target, "upstream_failed"),)
        return msgspec.structs.replace(one, outcome="failed", target="", ttft_ns=0, cost=0, attempts=failed)

    return changed


def slower(times: float) -> Fault:
    def changed(one: Arrival) -> Arrival:
        return msgspec.structs.replace(one, latency_ns=int(times * one.latency_ns), ttft_ns=int(times * one.ttft_ns))

    return changed


def inflated(times: float) -> Fault:
    """More output tokens are counted; nothing else changes."""

    def changed(one: Arrival) -> Arrival:
        return msgspec.structs.replace(one, output_tokens=int(times * one.output_tokens))

    return changed


def emptied(share: float, dice: Random) -> Fault:
    """So many answers have nothing in them, and count as answers."""

    def changed(one: Arrival) -> Arrival:
        return msgspec.structs.replace(one, output_tokens=0) if one.target and dice.random() < share else one

    return changed


def dearer(times: float) -> Fault:
    def changed(one: Arrival) -> Arrival:
        return msgspec.structs.replace(one, cost=int(times * one.cost))

    return changed

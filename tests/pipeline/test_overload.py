"""At twice its capacity: what is let in is answered about as fast as ever. In the time of a model, not of a clock."""

import random
from collections.abc import Sequence

import pytest

from homeport.pipeline.gate import Gate, GatePolicy
from homeport.pipeline.limit import Bounds
from tests.fakes.paced_engine import Asked, Outcome, PacedEngine, crowd, steady

TOKENS = 30


def p95(found: Sequence[Outcome], *, vip: bool = False) -> float:
    took = sorted(one.took for one in found if one.took is not None and (one.asked.who == "key_vip") == vip)
    return took[int(0.95 * len(took))]


class Trial:
    """An engine that has been at half load for a while, and then is asked for twice as much as it can do."""

    def __init__(self, slots: int, slower: float, *, gated: bool = True, reserved: int = 0) -> None:
        def pace(beside: int) -> float:
            return 0.02 * (1 + slower * (beside - 1))

        bounds = Bounds(least=max(1, slots // 2), most=slots, first=slots)
        self.gate = Gate(GatePolicy(bounds=bounds)) if gated else None
        if self.gate is not None and reserved:
            self.gate.reserve({"key_vip": reserved}, 0)
        self.engine = PacedEngine(slots, pace, self.gate)
        self.capacity = slots / (pace(slots) * TOKENS)
        self._dice = random.Random(7)
        self.half: list[Outcome] = self._load(0.5, 200)
        self.half = self._load(0.5, 600)
        self.twice = self._load(2.0, 300)

    def _load(self, times: float, seconds: float) -> list[Outcome]:
        start, dice = self.engine.now + 1, self._dice

        def tokens() -> int:
            return dice.randint(10, 2 * TOKENS - 10)

        asked: list[Asked] = crowd(0.9 * times * self.capacity, seconds, dice, tokens, start=start)
        return self.engine.run([*asked, *steady(0.1 * self.capacity, seconds, dice, TOKENS, start=start)])


@pytest.mark.parametrize("slower", [0.05, 0.2, 0.5], ids=["gpu", "cpu", "one core"])
@pytest.mark.parametrize("slots", [1, 2, 4, 8])
def test_what_is_let_in_keeps_to_the_promise(slots: int, slower: float) -> None:
    trial = Trial(slots, slower)
    assert p95(trial.twice) <= 1.5 * p95(trial.half)
    bare = Trial(slots, slower, gated=False)
    assert p95(bare.twice) > 10 * p95(bare.half), "without a gate everybody waits for everybody"


@pytest.mark.parametrize("slower", [0.05, 0.2])
def test_a_key_with_reserved_places_hardly_sees_the_crowd(slower: float) -> None:
    trial = Trial(4, slower, reserved=25)
    assert p95(trial.twice, vip=True) <= 1.2 * p95(trial.half, vip=True)
    assert all(one.took is not None for one in trial.twice if one.asked.who == "key_vip")


@pytest.mark.parametrize("slower", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("slots", [1, 4, 8])
def test_who_comes_back_when_told_is_answered(slots: int, slower: float) -> None:
    """Beyond a minute nothing is promised."""
    back = [one for one in Trial(slots, slower).twice if 0 < one.asked.told < 60]
    assert len(back) > 20
    assert sum(one.took is not None for one in back) > 0.95 * len(back)


@pytest.mark.parametrize("slots", [4, 8])
def test_who_has_reserved_places_does_not_make_the_crowd_wait(slots: int) -> None:
    """What is let in by a key's own places says nothing of those that all share."""
    trial = Trial(slots, 0.05, reserved=25)
    assert p95(trial.twice) <= 1.5 * p95(trial.half)


@pytest.mark.parametrize("slower", [0.05, 0.2, 0.5])
def test_the_engine_is_kept_busy_while_it_refuses(slower: float) -> None:
    trial = Trial(4, slower)
    until = min(one.asked.at for one in trial.twice) + 150
    answered = [one for one in trial.twice if one.took is not None and one.asked.at + one.took < until]
    assert len(answered) / 150 > 0.8 * trial.capacity


def test_a_key_that_asks_for_little_is_let_in_more_often() -> None:
    trial = Trial(4, 0.05)
    dice = random.Random(3)
    start = trial.engine.now + 1
    much = [Asked(start + dice.uniform(0, 100), "key_much", TOKENS) for _ in range(2_000)]
    little = [Asked(start + dice.uniform(0, 100), "key_little", TOKENS) for _ in range(200)]
    found = [one for one in trial.engine.run([*much, *little]) if one.took is not None and not one.asked.told]
    let_in = {who: sum(one.asked.who == who for one in found) for who in ("key_much", "key_little")}
    assert let_in["key_little"] / 200 > 4 * let_in["key_much"] / 2_000, let_in

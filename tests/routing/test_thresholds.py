"""A split holds on a stream that drifts."""

import itertools
import math
import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.routing.thresholds import (
    RATE,
    Controller,
    Held,
    Promise,
    Thresholds,
    decode_thresholds,
    encode_thresholds,
    sketch,
    static_cuts,
)

SHARES = (0.70, 0.22, 0.08)
WINDOW = 2_000
UNIFORM = sketch([place / 1_000 for place in range(1_001)])


def drifting(kind: str, count: int, seed: int = 3) -> list[float]:
    """Scores of a stream that begins as the sketch and becomes harder."""
    rng = random.Random(seed)
    harder: dict[str, Callable[[float], float]] = {
        "none": lambda _: 0.0,
        "step": lambda when: 0.35 if when > 0.5 else 0.0,
        "linear": lambda when: 0.5 * when,
        "season": lambda when: 0.25 * math.sin(6 * math.pi * when),
    }
    return [min(max(rng.random() * 0.8 + 0.1 + harder[kind](place / count), 0), 1) for place in range(count)]


def split(tiers: list[int]) -> list[float]:
    return [tiers.count(tier) / len(tiers) for tier in range(3)]


def off(tiers: list[int]) -> float:
    """The most points that any tier is off, in any window and over all."""
    windows = [tiers[start : start + WINDOW] for start in range(WINDOW, len(tiers) - WINDOW + 1, 250)]
    return max(
        100 * abs(got - wanted) for part in (tiers, *windows) for got, wanted in zip(split(part), SHARES, strict=True)
    )


def held_stream(scores: list[float]) -> list[int]:
    controller = Controller(SHARES, UNIFORM)
    held, tiers = controller.start(), []
    for score in scores:
        tier, held = controller.next(held, score)
        tiers.append(tier)
    return tiers


@pytest.mark.parametrize("kind", ["none", "step", "linear", "season"])
def test_a_split_holds_where_thresholds_set_once_drift_away(kind: str) -> None:
    scores = drifting(kind, 10_000)
    cuts = static_cuts(UNIFORM, SHARES)
    static = [sum(score > cut for cut in cuts) for score in scores]
    assert off(held_stream(scores)) <= 2
    if kind != "none":
        assert off(static) > 8


@given(st.lists(st.floats(allow_nan=False), max_size=300), st.integers(0, 2**32))
def test_a_share_is_off_by_no_more_than_its_threshold_moved(scores: list[float], seed: int) -> None:
    rng = random.Random(seed)
    stream = [*scores, *(rng.gauss(0.5, 2) for _ in range(300)), *[0.5] * 300]
    controller = Controller(SHARES, UNIFORM)
    held = controller.start()
    passed = [0, 0]
    for count, score in enumerate(stream, 1):
        tier, held = controller.next(held, score)
        passed = [old + (tier >= place) for place, old in enumerate(passed, 1)]
        for place, tail in enumerate((0.30, 0.08)):
            moved = held.ranks[place] - controller.start().ranks[place]
            assert passed[place] - count * tail == pytest.approx(moved / RATE, abs=1e-6)
            assert abs(moved) <= 1.2


def test_a_stream_of_one_score_is_split_as_well() -> None:
    tiers = held_stream([0.5] * 6_000)
    assert split(tiers[WINDOW:]) == pytest.approx(SHARES, abs=0.02)


def test_harder_requests_go_to_dearer_tiers() -> None:
    controller = Controller(SHARES, UNIFORM)
    tiers = [controller.tier(controller.start(), place / 100) for place in range(101)]
    assert tiers == sorted(tiers)
    assert controller.cuts(controller.start()) == pytest.approx((0.70, 0.92))


def test_what_others_decided_does_not_wind_a_threshold_up() -> None:
    controller = Controller(SHARES, UNIFORM)
    held = controller.start()
    for _ in range(100_000):
        held = controller.after(held, 0)
    assert held == Held((-0.2, -0.2))
    assert controller.cuts(held) == (0.0, 0.0)


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1))
def test_ranks_follow_scores(scores: list[float]) -> None:
    controller = Controller((0.5, 0.5), sketch(scores))
    tried = sorted([*scores, -math.inf, math.inf])
    passed = [[controller.tier(Held((cut / 10,)), score) for cut in range(-1, 11)] for score in tried]
    assert all(low <= high for low, high in itertools.pairwise(passed))


def test_static_cuts_are_quantiles() -> None:
    assert static_cuts([1, 2, 3, 4, 5], (0.5, 0.25, 0.25)) == (3, 4)
    assert sketch([]) == ()
    assert Thresholds(tiers=("a", "b"), shares=(1, 0)).cuts == ()


def test_thresholds_are_read_as_written() -> None:
    thresholds = Thresholds(
        tiers=("small", "large"),
        shares=(0.7, 0.3),
        sketch=(0.0, 0.5, 1.0),
        accept={"small": 0.8},
        promise=Promise(max_loss=0.02, confidence=0.9, labels=700, cost_ratio=0.4),
    )
    assert decode_thresholds(encode_thresholds(thresholds)) == thresholds
    assert thresholds.cuts == pytest.approx((0.7,))
    assert thresholds.accepts_from("small", "local") == 0.8
    assert thresholds.accepts_from("m", "small") == 0.8
    assert thresholds.accepts_from("m", "t") is None


@pytest.mark.parametrize(
    "change",
    [{"shares": [0.7, 0.4]}, {"shares": [1.0]}, {"tiers": ["a"]}, {"sketch": [1, 0]}, {"more": 1}, {"shares": "x"}],
)
def test_thresholds_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    whole: dict[str, object] = {"tiers": ["a", "b"], "shares": [0.5, 0.5]}
    for data in (msgspec.json.encode({**whole, **change}), b"", b"[" * 100_000, b"\xff"):
        with pytest.raises(ConfigError) as caught:
            decode_thresholds(data)
        assert caught.value.code == "router_part_invalid"


def test_a_controller_needs_shares_and_scores() -> None:
    for shares, ranked in (((0.7, 0.4), UNIFORM), ((1.0,), UNIFORM), (SHARES, ())):
        with pytest.raises(ValueError):
            Controller(shares, ranked)

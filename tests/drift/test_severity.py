"""Changed is not worse: what inputs that are asked again say, and what they do not."""

from random import Random

import pytest

from homeport.drift.severity import MARGIN, Replayed, Turn, replayed, turn_of
from homeport.storage.baselines import Check
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY

ROUTE = RouteName("far", "m")


def asked(graded: int, worse: int, better: int, routes: int = 1) -> Replayed:
    return Replayed(route=ROUTE, graded=graded, worse=worse, better=better, routes=routes)


@pytest.mark.parametrize(
    ("graded", "worse", "better", "turn"),
    [
        (100, 20, 4, Turn.WORSE),
        (100, 4, 20, Turn.BETTER),
        (100, 12, 4, Turn.UNKNOWN),
        (100, 0, 0, Turn.SAME),
        (20, 0, 0, Turn.UNKNOWN),
        (1, 1, 0, Turn.UNKNOWN),
        (400, 10, 10, Turn.SAME),
        (400, 60, 60, Turn.UNKNOWN),
        (10_000, 5_000, 0, Turn.WORSE),
        (0, 0, 0, Turn.UNKNOWN),
    ],
)
def test_what_is_said(graded: int, worse: int, better: int, turn: Turn) -> None:
    assert asked(graded, worse, better).turn is turn


def test_many_routes_need_more_evidence_each() -> None:
    assert asked(100, 17, 4).turn is Turn.WORSE
    assert asked(100, 17, 4, routes=50).turn is Turn.UNKNOWN


def test_only_what_was_asked_again_since_the_change_counts() -> None:
    checks = [Check(day * DAY, 100, 90, day, 0, 5) for day in (3, 7, 8, 9)]
    empty = [Check(8 * DAY, 100, 0, 0, 0, 5)]
    other = RouteName("far", "n")
    [told] = replayed([(ROUTE, checks), (other, checks[:1]), (other, empty)], 7 * DAY + 5)
    assert (told.route, told.graded, told.worse, told.routes) == (ROUTE, 270, 24, 1)
    assert replayed([], 0) == ()


def test_of_several_routes_the_worst_is_told() -> None:
    worse, same, better, unknown = asked(100, 30, 1), asked(100, 0, 0), asked(100, 1, 30), asked(100, 9, 9)
    assert turn_of(()) is None
    assert turn_of((same, unknown, better, worse)) is Turn.WORSE
    assert turn_of((same, unknown, better)) is Turn.UNKNOWN
    assert turn_of((same, better)) is Turn.BETTER
    assert turn_of((same,)) is Turn.SAME


def said_after(checks: int, worse: float, better: float, runs: int) -> list[set[Turn]]:
    """What is said at any of some checks of a hundred inputs, run by run; of each input by how likely it is worse."""
    rng, told = Random(7), []
    for _ in range(runs):
        counts, said = [0, 0], set[Turn]()
        for number in range(1, checks + 1):
            drawn = [rng.random() for _ in range(100)]
            counts[0] += sum(one < worse for one in drawn)
            counts[1] += sum(worse <= one < worse + better for one in drawn)
            said.add(asked(100 * number, *counts).turn)
        told.append(said)
    return told


def test_the_same_quality_is_seldom_called_worse_or_better_however_often_one_looks() -> None:
    told = said_after(10, 0.1, 0.1, 300)
    assert sum(Turn.WORSE in said for said in told) <= 15
    assert sum(Turn.BETTER in said for said in told) <= 15
    assert sum(Turn.SAME in said for said in told) >= 290, "a thousand inputs suffice to say that nothing was lost"


def test_what_is_worse_by_more_than_the_margin_is_called_so_and_seldom_the_same() -> None:
    told = said_after(7, 0.1 + 2 * MARGIN, 0.1, 300)
    assert sum(Turn.WORSE in said for said in told) >= 280
    assert sum(Turn.SAME in said for said in told) <= 15

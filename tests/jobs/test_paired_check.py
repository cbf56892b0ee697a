"""Inputs of a baseline are asked again once each, within what a day may cost, and never when they were forgotten."""

import random
from pathlib import Path

import pytest
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.jobs.paired_check import CheckRules, PairedCheck, Regraded
from homeport.storage.baselines import Baseline, Check, begin_baseline, checks_of, newest_baselines
from homeport.storage.bodies import BodyStore
from homeport.storage.rollups import DAY
from tests.jobs.quality_rows import EPOCH, START, add_day
from tests.traces.kept import chat

BASELINE = Baseline(tier="t", target="m", since=START, until=START + 14 * DAY, epoch=EPOCH)
END = BASELINE.until


class FakeGrader:
    """Every answer is bad now."""

    def __init__(self, epoch: str = EPOCH, cost: int = 10) -> None:
        self.epoch = epoch
        self.cost = cost
        self.asked: list[str] = []

    def regrade(self, captured: Captured, tier: str, target: str) -> Regraded:
        assert (tier, target) == ("t", "m")
        self.asked.append(captured.request_id)
        return Regraded(score=0.0, asked_as=f"again-{captured.request_id}", cost=self.cost)


@pytest.fixture
def bodies(engine: Engine, tmp_path: Path) -> BodyStore:
    """One baseline with 20 judged outputs, 15 of them good, all kept."""
    store = BodyStore(tmp_path / "captured", keep_days=3_650, most_bytes=1 << 30)
    begin_baseline(engine, BASELINE)
    add_day(engine, 0, judged=20, judged_good=15)
    for number in range(20):
        store.put(chat(f"m-0-{number}", at=START + number))
    return store


def check(engine: Engine, bodies: BodyStore, grader: FakeGrader, **rules: int) -> PairedCheck:
    return PairedCheck(engine, bodies, grader, CheckRules(**{"inputs": 6, **rules}), random.Random(1))


def test_a_week_asks_the_next_inputs_and_each_of_them_once(engine: Engine, bodies: BodyStore) -> None:
    grader = FakeGrader()
    weekly = check(engine, bodies, grader)
    assert weekly.work(END - 1) == 0
    assert [weekly.work(END + day * DAY) for day in range(15)] == [6, *[0] * 6, 6, *[0] * 6, 6]
    assert [weekly.work(END + day * DAY) for day in (21, 28)] == [2, 0]
    assert sorted(grader.asked) == sorted(f"m-0-{number}" for number in range(20))
    found = checks_of(engine, BASELINE, END + 100 * DAY)
    assert [one.asked for one in found] == [6, 6, 6, 2]
    assert (sum(one.worse for one in found), sum(one.better for one in found)) == (15, 0)


def test_who_hints_at_a_fall_has_it_checked_daily(engine: Engine, bodies: BodyStore) -> None:
    daily = check(engine, bodies, FakeGrader())
    assert daily.work(END) == 6
    daily.suggest([*newest_baselines(engine).values()])
    assert [daily.work(END + day * DAY) for day in (0, 1, 2)] == [0, 6, 6]
    daily.suggest([])
    assert daily.work(END + 3 * DAY) == 0


def test_a_day_costs_what_it_may_and_the_next_goes_on(engine: Engine, bodies: BodyStore) -> None:
    dear = check(engine, bodies, FakeGrader(cost=50), daily_cost=100)
    assert [dear.work(END), dear.work(END + 1)] == [2, 0]
    assert dear.work(END + 7 * DAY) == 2
    assert [one.cost for one in checks_of(engine, BASELINE, END + 8 * DAY)] == [100, 100]


def test_what_was_forgotten_is_not_asked(engine: Engine, bodies: BodyStore) -> None:
    for number in range(20):
        bodies.remove(f"m-0-{number}")
    grader = FakeGrader()
    assert check(engine, bodies, grader).work(END) == 6
    assert grader.asked == []
    assert checks_of(engine, BASELINE, END + DAY) == [Check(END, 6, 0, 0, 0, 0)]


def test_another_judge_grades_no_baseline_of_this_one(engine: Engine, bodies: BodyStore) -> None:
    assert check(engine, bodies, FakeGrader(epoch="e2")).work(END) == 0
    [baseline] = newest_baselines(engine).values()
    assert not baseline.frozen_at

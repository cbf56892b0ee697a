"""Inputs are asked again once each, within what a day may cost, and never when they were forgotten."""

import random
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from homeport.core.captured import Captured
from homeport.jobs.paired_check import CheckRules, Hints, PairedCheck, Regraded
from homeport.storage.baseline_tables import baseline_cases
from homeport.storage.baselines import Baseline, Check, begin_baseline, checks_of
from homeport.storage.bodies import BodyStore
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY, HOUR
from tests.jobs.quality_rows import EPOCH, START, add_day
from tests.traces.kept import chat

BASELINE = Baseline(tier="t", target="m", since=START, until=START + 14 * DAY, epoch=EPOCH)
END = BASELINE.until
BAD = Regraded(score=0.0, asked_as="again", cost=10)


class FakeGrader:
    """Says what is in `says`, the last of them again and again."""

    def __init__(self, *says: Regraded | None, epoch: str = EPOCH, there: bool = True) -> None:
        self.says = list(says or (BAD,))
        self.asked: list[str] = []
        self._epoch = epoch
        self._there = there

    def epoch(self) -> str:
        return self._epoch

    def can_ask(self, route: RouteName) -> bool:
        assert route == BASELINE.route
        return self._there

    async def regrade(self, captured: Captured, route: RouteName) -> Regraded | None:
        assert route == BASELINE.route
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if said is not None:
            self.asked.append(captured.request_id)
        return said


@pytest.fixture
def bodies(engine: Engine, tmp_path: Path) -> BodyStore:
    """One baseline; 20 outputs of its last day are judged, 15 of them good, and kept."""
    store = BodyStore(tmp_path / "captured", keep_days=7, most_bytes=1 << 30)
    begin_baseline(engine, BASELINE)
    keep(engine, store, 13)
    return store


def keep(engine: Engine, store: BodyStore, day: int, outputs: int = 20, good: int = 15) -> None:
    add_day(engine, day, judged=outputs, judged_good=good)
    for number in range(outputs):
        store.put(chat(f"m-{day}-{number}", at=START + day * DAY + 3 * HOUR + number))


class Made:
    """A check, and its parts."""

    def __init__(self, engine: Engine, bodies: BodyStore, grader: FakeGrader, **rules: int) -> None:
        self.hints = Hints()
        known = CheckRules(**{"inputs": 6, "kept_ns": 100 * DAY, **rules})
        self.check = PairedCheck(engine, bodies, grader, known, self.hints, random.Random(1))

    async def days(self, *numbers: int) -> list[int]:
        """How many are asked on days after the baseline."""
        return [await self.check.work(END + number * DAY) for number in numbers]


async def test_a_week_asks_the_next_inputs_and_each_of_them_once(engine: Engine, bodies: BodyStore) -> None:
    grader = FakeGrader()
    weekly = Made(engine, bodies, grader)
    assert await weekly.check.work(END - 1) == 0
    assert await weekly.days(*range(15)) == [6, *[0] * 6, 6, *[0] * 6, 6]
    assert await weekly.days(21, 28) == [2, 0]
    assert sorted(grader.asked) == sorted(f"m-13-{number}" for number in range(20))
    found = checks_of(engine, BASELINE, END + 100 * DAY)
    assert [one.asked for one in found] == [6, 6, 6, 2]
    assert (sum(one.worse for one in found), sum(one.better for one in found)) == (15, 0)


async def test_when_all_of_a_baseline_was_asked_later_answers_follow_the_oldest_first(
    engine: Engine, bodies: BodyStore
) -> None:
    for day in (14, 15):
        keep(engine, bodies, day)
    grader = FakeGrader()
    weekly = Made(engine, bodies, grader, inputs=2)
    weekly.hints.hint("somebody", [BASELINE.route])
    assert await weekly.days(*range(31)) == [2] * 30 + [0]
    assert len(set(grader.asked)) == 60
    assert {name.split("-")[1] for name in grader.asked[:2]} == {"13"}
    assert "15" not in {name.split("-")[1] for name in grader.asked[:20]}


async def test_who_hints_at_a_fall_has_it_checked_daily(engine: Engine, bodies: BodyStore) -> None:
    daily = Made(engine, bodies, FakeGrader())
    assert await daily.days(0) == [6]
    daily.hints.hint("watch", [BASELINE.route])
    daily.hints.hint("audit", [])
    assert await daily.days(0, 1, 2) == [0, 6, 6]
    daily.hints.hint("watch", [])
    assert await daily.days(3) == [0]


async def test_a_day_costs_what_it_may_and_the_next_goes_on(engine: Engine, bodies: BodyStore) -> None:
    dear = Made(engine, bodies, FakeGrader(Regraded(score=0.0, cost=50)), most_per_day=120)
    assert [await dear.check.work(END), await dear.check.work(END + 1)] == [2, 0]
    assert await dear.days(7) == [2]
    assert [one.cost for one in checks_of(engine, BASELINE, END + 8 * DAY)] == [100, 100]


async def test_where_nothing_may_cost_anything_only_what_is_free_is_asked(engine: Engine, bodies: BodyStore) -> None:
    assert await Made(engine, bodies, FakeGrader(Regraded(score=1.0)), most_per_day=0).days(0) == [6]


async def test_what_is_held_up_waits_and_what_fails_is_passed_over_one_a_round(
    engine: Engine, bodies: BodyStore
) -> None:
    down = Regraded(score=None, why="upstream_down", failed=True, cost=3)
    refused = Regraded(score=None, why="x" * 100)
    grader = FakeGrader(None, BAD, down, refused, None, BAD)
    check = Made(engine, bodies, grader)
    assert [await check.check.work(END + number) for number in range(4)] == [0, 2, 1, 3]
    assert checks_of(engine, BASELINE, END + DAY) == [Check(END, 6, 4, 4, 0, 43)]
    with engine.connect() as connection:
        found = connection.execute(select(baseline_cases.c.why).where(baseline_cases.c.why != "")).scalars().all()
    assert sorted(found) == ["upstream_down", "x" * 64]


async def test_what_was_forgotten_is_not_asked(engine: Engine, bodies: BodyStore) -> None:
    for number in range(18):
        bodies.remove(f"m-13-{number}")
    grader = FakeGrader(None)
    assert await Made(engine, bodies, grader).days(0) == [0]
    bodies.remove("m-13-18")
    grader.says = [BAD]
    assert await Made(engine, bodies, grader).days(0) == [2]
    assert grader.asked == ["m-13-19"]
    assert checks_of(engine, BASELINE, END + DAY) == [Check(END, 2, 1, 0, 0, 10)]


async def test_what_is_older_than_it_is_kept_is_not_looked_for(engine: Engine, bodies: BodyStore) -> None:
    assert await Made(engine, bodies, FakeGrader(), kept_ns=7 * DAY).days(8) == [0]


@pytest.mark.parametrize("grader", [FakeGrader(epoch="e2"), FakeGrader(there=False)], ids=["judge", "route"])
async def test_another_judge_grades_nothing_of_this_one_and_a_route_that_is_gone_is_not_asked(
    engine: Engine, bodies: BodyStore, grader: FakeGrader
) -> None:
    assert await Made(engine, bodies, grader).days(0) == [0]
    assert grader.asked == []

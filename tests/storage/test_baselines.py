"""A baseline is kept once, its cases are asked again once, and what is forgotten is not asked."""

import msgspec
from sqlalchemy import Engine

from homeport.storage.baselines import (
    Baseline,
    Case,
    CaseAnswer,
    Check,
    JudgedOutput,
    add_cases,
    begin_baseline,
    checks_of,
    forget_cases,
    keep_answer,
    newest_baselines,
    next_cases,
    outputs_to_ask_again,
    prune_baselines,
)
from homeport.storage.rollups import DAY
from tests.jobs.quality_rows import EPOCH, START, add_day

FIRST = Baseline(tier="t", target="m", since=0, until=14, epoch="e1")


def test_the_newest_of_a_route_counts(engine: Engine) -> None:
    later = msgspec.structs.replace(FIRST, since=20, until=34)
    other = msgspec.structs.replace(FIRST, target="n")
    for one in (later, FIRST, other, FIRST):
        begin_baseline(engine, one)
    assert newest_baselines(engine) == {FIRST.route: later, other.route: other}


def test_another_judge_begins_the_same_days_anew(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    add_cases(engine, FIRST, [JudgedOutput("r1", 0, 1.0)])
    judged = msgspec.structs.replace(FIRST, epoch="e2")
    begin_baseline(engine, judged)
    assert newest_baselines(engine) == {FIRST.route: judged}
    assert next_cases(engine, judged, 10) == []


def test_cases_are_asked_again_once_and_counted(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    scores = {"r1": 1.0, "r2": 0.5, "r3": 0.0, "r4": 1.0}
    add_cases(engine, FIRST, [JudgedOutput(name, 0, score) for name, score in scores.items()])
    add_cases(engine, FIRST, [JudgedOutput("r4", 0, 1.0), JudgedOutput("r5", 0, 1.0)])
    assert next_cases(engine, FIRST, 2) == [Case("r1", 1.0), Case("r2", 0.5)]
    for name, now in (("r1", 0.0), ("r2", 0.75), ("r3", None)):
        keep_answer(engine, FIRST, CaseAnswer(request_id=name, check_at=20, now=now, cost=7))
    assert next_cases(engine, FIRST, 5) == [Case("r4", 1.0), Case("r5", 1.0)]
    assert checks_of(engine, FIRST, 21) == [Check(20, 3, 2, 1, 1, 21)]
    assert checks_of(engine, FIRST, 20) == []


def test_what_is_forgotten_is_not_asked(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    add_cases(engine, FIRST, [JudgedOutput("r1", 0, 1.0), JudgedOutput("r2", 0, 0.5)])
    forget_cases(engine, ["r1", "unknown"])
    assert next_cases(engine, FIRST, 5) == [Case("r2", 0.5)]


def test_old_baselines_go_when_there_is_a_newer_one(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    add_cases(engine, FIRST, [JudgedOutput("r1", 0, 1.0)])
    assert prune_baselines(engine, 100) == 0
    begin_baseline(engine, msgspec.structs.replace(FIRST, since=20, until=34))
    assert prune_baselines(engine, 10) == 0
    assert prune_baselines(engine, 15) == 1
    assert next_cases(engine, FIRST, 5) == []


def test_what_was_judged_since_the_baseline_began_can_be_asked_again_the_oldest_first(
    engine: Engine,
) -> None:
    baseline = Baseline(tier="t", target="m", since=START + DAY, until=START + 15 * DAY, epoch=EPOCH)
    for day in range(3):
        add_day(engine, day, judged=3, judged_good=2)
    add_day(engine, 1, target="other", judged=3)
    add_day(engine, 2, epoch="e2", target="later", judged=3)
    found = outputs_to_ask_again(engine, baseline, 0, 10)
    assert [one.request_id for one in found] == [f"m-{day}-{number}" for day in (1, 2) for number in range(3)]
    assert [one.score for one in found[:3]] == [1.0, 1.0, 0.0]
    add_cases(engine, baseline, found[:2])
    assert outputs_to_ask_again(engine, baseline, 0, 10) == found[2:]
    assert outputs_to_ask_again(engine, baseline, 0, 1) == found[2:3]
    assert outputs_to_ask_again(engine, baseline, found[3].started_at, 10) == found[3:]

"""A baseline is kept once, its cases are asked again once, and what is forgotten is not asked."""

import msgspec
from sqlalchemy import Engine

from homeport.storage.baselines import (
    Baseline,
    Case,
    CaseAnswer,
    Check,
    begin_baseline,
    checks_of,
    forget_cases,
    freeze_cases,
    keep_answer,
    newest_baselines,
    next_cases,
    prune_baselines,
)

FIRST = Baseline(tier="t", target="m", since=0, until=14, epoch="e1")


def test_the_newest_of_a_route_counts(engine: Engine) -> None:
    later = msgspec.structs.replace(FIRST, since=20, until=34)
    other = msgspec.structs.replace(FIRST, target="n")
    for one in (later, FIRST, other, FIRST):
        begin_baseline(engine, one)
    assert newest_baselines(engine) == {FIRST.route: later, other.route: other}


def test_another_judge_begins_the_same_days_anew(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    freeze_cases(engine, FIRST, [("r1", 1.0)], 15)
    judged = msgspec.structs.replace(FIRST, epoch="e2")
    begin_baseline(engine, judged)
    assert newest_baselines(engine) == {FIRST.route: judged}
    assert next_cases(engine, judged, 10) == []


def test_cases_are_asked_again_once_and_counted(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    freeze_cases(engine, FIRST, [("r1", 1.0), ("r2", 0.5), ("r3", 0.0), ("r4", 1.0)], 15)
    freeze_cases(engine, FIRST, [("r9", 1.0)], 16)
    assert newest_baselines(engine)[FIRST.route].frozen_at == 15
    assert next_cases(engine, FIRST, 2) == [Case("r1", 1.0), Case("r2", 0.5)]
    for name, now in (("r1", 0.0), ("r2", 0.75), ("r3", None)):
        keep_answer(engine, FIRST, CaseAnswer(request_id=name, check_at=20, now=now, cost=7))
    assert next_cases(engine, FIRST, 5) == [Case("r4", 1.0)]
    assert checks_of(engine, FIRST, 21) == [Check(20, 3, 2, 1, 1, 21)]
    assert checks_of(engine, FIRST, 20) == []


def test_what_is_forgotten_is_not_asked(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    freeze_cases(engine, FIRST, [("r1", 1.0), ("r2", 0.5)], 15)
    forget_cases(engine, ["r1", "unknown"])
    assert next_cases(engine, FIRST, 5) == [Case("r2", 0.5)]


def test_old_baselines_go_when_there_is_a_newer_one(engine: Engine) -> None:
    begin_baseline(engine, FIRST)
    freeze_cases(engine, FIRST, [("r1", 1.0)], 15)
    assert prune_baselines(engine, 100) == 0
    begin_baseline(engine, msgspec.structs.replace(FIRST, since=20, until=34))
    assert prune_baselines(engine, 10) == 0
    assert prune_baselines(engine, 15) == 1
    assert next_cases(engine, FIRST, 5) == []

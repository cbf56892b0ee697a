"""Days of routes are read as they were written, for one judge alone."""

from sqlalchemy import Engine, update

from homeport.storage.db import writing
from homeport.storage.opinion_tables import judgements
from homeport.storage.quality_days import (
    Group,
    RouteName,
    Span,
    failed_outputs,
    judged_days,
    low_outputs,
    metric_days,
    newest_epoch,
    routes_between,
    sound_days,
    worst_outputs,
)
from homeport.storage.rollups import DAY, HOUR
from tests.jobs.quality_rows import EPOCH, START, add_day, add_epoch

ROUTE = RouteName("t", "m")
SPAN = Span(START, START + 2 * DAY)


def test_the_judges_scores_by_day_with_their_probability(engine: Engine) -> None:
    add_epoch(engine)
    add_day(engine, 0, judged=6, judged_good=4)
    add_day(engine, 1, judged=5, judged_good=5)
    add_day(engine, 2)
    with writing(engine) as connection:
        connection.execute(update(judgements).where(judgements.c.request_id == "m-1-0").values(score=None))
    found = judged_days(engine, ROUTE, EPOCH, SPAN)
    assert list(found) == [START, START + DAY]
    assert sorted(found[START].groups, key=lambda one: one.score) == [Group(0.0, 0.15, 2), Group(1.0, 0.15, 4)]
    assert {(one.score, one.count) for one in found[START + DAY].groups} == {(0.5, 1), (1.0, 4)}
    assert judged_days(engine, ROUTE, "other", SPAN) == {}
    assert judged_days(engine, RouteName("t", "n"), EPOCH, SPAN) == {}


def test_where_the_judge_did_not_come_to_all_there_are_as_many_fewer_outputs(engine: Engine) -> None:
    add_day(engine, 0, outputs=400, judged=40)
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM judgements WHERE request_id IN ('m-0-1', 'm-0-2', 'm-0-3', 'm-0-4')")
    assert judged_days(engine, ROUTE, EPOCH, SPAN)[START].outputs == 360


def test_the_judges_scores_of_sound_outputs_alone(engine: Engine) -> None:
    add_day(engine, 0, judged=6, judged_good=4, low=20)  # two of the judged are low, and the judge found them good
    found = judged_days(engine, ROUTE, EPOCH, SPAN, sound=True)
    assert sorted(found[START].groups, key=lambda one: one.score) == [Group(0.0, 0.15, 2), Group(1.0, 0.15, 2)]
    assert found[START].outputs == 380
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM judgements WHERE request_id = 'm-0-5'")
    assert judged_days(engine, ROUTE, EPOCH, SPAN, sound=True)[START].outputs == 285, "the judge came to three of four"


def test_how_often_metrics_failed(engine: Engine) -> None:
    add_day(engine, 0, outputs=400, low=30)
    assert metric_days(engine, ROUTE, SPAN)["refusal"][START].groups == (Group(0.0, 1.0, 30), Group(1.0, 1.0, 370))
    assert sound_days(engine, ROUTE, SPAN)[START] == metric_days(engine, ROUTE, SPAN)["refusal"][START]
    with writing(engine) as connection:
        connection.exec_driver_sql(
            f"INSERT INTO score_hours SELECT start + {DAY}, tier, target, metric, 2, outputs, judged, 7, 0, 0 "
            "FROM score_hours"
        )
    assert list(metric_days(engine, ROUTE, SPAN)["refusal"]) == [START + DAY], "versions are not put together"


def test_routes_and_when_they_began(engine: Engine) -> None:
    add_day(engine, 0)
    add_day(engine, 1)
    add_day(engine, 1, target="late")
    assert routes_between(engine, SPAN) == {
        RouteName("t", "late"): START + DAY + 3 * HOUR,
        ROUTE: START + 3 * HOUR,
    }
    assert routes_between(engine, Span(0, START)) == {}


def test_examples_are_the_worst_and_the_newest(engine: Engine) -> None:
    add_day(engine, 0, judged=3, judged_good=1, low=20)
    assert worst_outputs(engine, ROUTE, EPOCH, START, 2) == ["m-0-2", "m-0-1"]
    assert low_outputs(engine, ROUTE, START, 5) == ["m-0-1", "m-0-0"]
    assert low_outputs(engine, ROUTE, START + DAY, 5) == []
    assert failed_outputs(engine, ROUTE, "refusal", START, 5) == []


def test_the_newest_judge(engine: Engine) -> None:
    assert newest_epoch(engine) is None
    add_epoch(engine)
    add_epoch(engine, "e2", START + 1)
    assert newest_epoch(engine) == ("e2", START + 1)

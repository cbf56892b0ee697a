"""Once a day: a route that became worse is an incident that names it, and what was resolved is the new baseline."""

import pytest
from sqlalchemy import Engine

from homeport.core.incidents import IncidentKind
from homeport.drift.quality import Rules
from homeport.jobs.quality_watch import QualityWatch
from homeport.storage.alerts import list_alerts
from homeport.storage.baselines import newest_baselines
from homeport.storage.incidents import get_incident, list_incidents, resolve
from homeport.storage.quality_days import RouteName
from homeport.storage.rollups import DAY, HOUR
from tests.jobs.quality_rows import START, add_day, add_epoch

BASE = 14


def watch(engine: Engine) -> QualityWatch:
    return QualityWatch(engine, Rules(), settle_ns=6 * HOUR)


def after(days: int) -> int:
    """When so many days are complete."""
    return START + days * DAY + 6 * HOUR


def add_days(engine: Engine, first: int, until: int, **day: int | str) -> None:
    for number in range(first, until):
        add_day(engine, number, **day)  # type: ignore[arg-type]


@pytest.fixture
def judged(engine: Engine) -> Engine:
    """Two routes and three weeks; `m` is worse in the last."""
    add_epoch(engine)
    add_days(engine, 0, BASE)
    add_days(engine, BASE, BASE + 7, judged_good=38, low=44)
    add_days(engine, 0, BASE + 7, target="calm")
    return engine


def test_a_route_that_became_worse_is_an_incident_and_no_other_is(judged: Engine) -> None:
    looking = watch(judged)
    found = [looking.work(after(BASE + number)) for number in range(1, 8)]
    assert found[0] == 0
    assert found[-1] == 1
    [incident] = list_incidents(judged)
    finding = incident.finding
    assert (finding.kind, finding.subject, finding.routes) == (IncidentKind.QUALITY, "t/m", ("t/m",))
    assert finding.e_value >= 2 * 52 / Rules().alarms_a_year
    assert finding.since >= START + BASE * DAY
    assert finding.sentence.startswith("Answers of t/m are worse since 2022-01-2")
    assert "11.0 % of them fail an automatic metric, 5.0 % before" in finding.sentence
    judge = finding.evidence[0]
    assert judge.name.startswith("judge's mean score (e = ")
    assert judge.before.startswith("0.800 (0.7")
    assert judge.now.startswith("0.633 (0.5")
    assert {"homeport eval gate BASELINE CANDIDATE", "homeport package rollback NAME"} <= {
        action.command for action in finding.actions
    }
    assert finding.examples
    assert all(name.startswith("m-") for name in finding.examples)
    assert [alert.kind for alert in list_alerts(judged, 10)] == [IncidentKind.QUALITY.value]


def test_a_day_is_looked_at_once_and_when_it_is_complete(judged: Engine) -> None:
    looking = watch(judged)
    assert looking.work(after(BASE + 7) - 1) == 1, "six days are complete"
    assert looking.work(after(BASE + 7) - 1) == 0
    assert looking.work(after(BASE + 7)) == 1
    [incident] = list_incidents(judged)
    assert incident.seen_at == after(BASE + 7)
    again = watch(judged)
    assert again.work(after(BASE + 7) + HOUR) == 1, "who starts anew finds the same"
    told = get_incident(judged, incident.id)
    assert told is not None
    assert [one.what for one in told.notes] == ["opened"], "nothing new was found"


def test_what_comes_after_an_end_is_the_new_baseline(judged: Engine) -> None:
    looking = watch(judged)
    assert looking.work(after(BASE + 7)) == 1
    [incident] = list_incidents(judged)
    assert resolve(judged, incident.id, "ann", "the prompt was changed", after(BASE + 7))
    add_days(judged, BASE + 7, BASE + 30, judged_good=38, low=44)
    assert looking.work(after(BASE + 30)) == 0
    [again] = [one for one in newest_baselines(judged).values() if one.target == "m"]
    assert again.since == START + (BASE + 8) * DAY
    assert looking.states[RouteName("t", "m")].seen.ready
    [calm] = [one for one in newest_baselines(judged).values() if one.target == "calm"]
    assert calm.since == START


def test_scores_of_two_judges_are_never_compared(judged: Engine) -> None:
    add_epoch(judged, "e2", START + BASE * DAY + HOUR)
    looking = watch(judged)
    assert looking.work(after(BASE + 7)) == 0
    assert {one.since for one in newest_baselines(judged).values()} == {START + BASE * DAY}
    assert {one.epoch for one in newest_baselines(judged).values()} == {"e2"}


def test_without_a_judge_automatic_metrics_are_watched(engine: Engine) -> None:
    add_days(engine, 0, BASE, judged=0, outputs=2000, low=100)
    add_days(engine, BASE, BASE + 3, judged=0, outputs=2000, low=240)
    looking = watch(engine)
    assert looking.work(after(BASE + 3)) == 1
    [incident] = list_incidents(engine)
    assert [one.name.split(" (")[0] for one in incident.finding.evidence] == [
        "outputs that fail an automatic metric",
        "outputs that fail the metric refusal",
    ]
    assert incident.finding.examples == ()


def test_what_fell_a_little_is_handed_on_to_be_asked_again(engine: Engine) -> None:
    add_epoch(engine)
    add_days(engine, 0, BASE)
    add_days(engine, BASE, BASE + 7, judged_good=45)
    add_days(engine, 0, BASE + 7, target="calm")
    told: list[RouteName] = []
    looking = QualityWatch(engine, Rules(), suggest=told.extend)
    assert looking.work(after(BASE + 7)) == 0
    assert told == [RouteName("t", "m")]


def test_an_empty_database_is_no_alarm(engine: Engine) -> None:
    assert watch(engine).work(after(100)) == 0

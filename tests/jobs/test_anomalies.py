"""What is unusual is raised once, its end too, also when the worker starts again in between."""

import asyncio
import itertools
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from bench.anomaly_traffic import Fault, Traffic, dearer, failing
from homeport.core.events import RequestFinished
from homeport.core.types import Key, Outcome
from homeport.core.unusual import Level, Measure, Unusual
from homeport.jobs.anomalies import AnomalyWatch, watch
from homeport.storage.alerts import StoredAlert, list_alerts
from homeport.storage.arrivals import Arrival
from homeport.storage.ingest import insert_events
from homeport.storage.keys import add_key
from homeport.storage.unusual import Unusuals, headline
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.ledger.requests import HOUR, NOW, SECOND, ledger, request

STRETCH = 10
LEARNED = 900
START = NOW // HOUR * HOUR


class House:
    """A ledger that fills, and a worker that looks every ten seconds."""

    def __init__(self) -> None:
        self.engine = ledger()
        self.traffic = Traffic(3, rate=6.0, keys=3)
        self.now = 0
        self.ids = itertools.count()
        self.worker = AnomalyWatch(self.engine, STRETCH * SECOND)
        self.state = self.worker.look(START)

    def go(self, seconds: int, fault: Fault | None = None, only: str = "") -> None:
        for start in range(self.now, self.now + seconds, STRETCH):
            self.fill(start, fault, only)
            self.now = start + STRETCH
            self.state = self.worker.look(START + self.now * SECOND)

    def fill(self, start: int, fault: Fault | None = None, only: str = "") -> None:
        rows = self.traffic.between(start, start + STRETCH)
        changed = (fault(one) if fault and only in ("", one.target) else one for one in rows)
        with self.engine.begin() as connection:
            insert_events(connection, [self.event(one) for one in changed])

    def event(self, one: Arrival) -> RequestFinished:
        fields = {name: getattr(one, name) for name in one.__struct_fields__ if name not in ("ended_at", "outcome")}
        at = START + one.ended_at - one.latency_ns
        return request(at, **fields, outcome=Outcome(one.outcome), request_id=f"q{next(self.ids)}")

    def start_again(self) -> None:
        self.worker = AnomalyWatch(self.engine, STRETCH * SECOND, self.state)
        self.state = self.worker.look(START + self.now * SECOND)

    @property
    def told(self) -> list[StoredAlert]:
        return list(reversed(list_alerts(self.engine)))

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(one.kind, one.data["state"]) for one in self.told]


@pytest.fixture
def house() -> House:
    """A house that knows what is usual."""
    made = House()
    made.go(LEARNED)
    assert made.told == []
    assert headline(made.state) == "Nothing is unusual"
    return made


def test_a_fault_is_told_once_shown_and_over(house: House) -> None:
    house.go(180, failing(0.6, Random(1)), "mid")
    assert house.states == [("anomaly.errors", "began")]
    (row,) = house.state.rows
    assert (row.told, row.severity, row.sentence) == (True, "critical", house.told[0].summary)
    assert headline(house.state) == row.sentence
    house.go(300)
    assert house.states == [("anomaly.errors", "began"), ("anomaly.errors", "over")]
    began, over = house.told
    assert began.incident == over.incident == row.incident
    assert (began.severity, over.severity) == ("critical", "critical"), "who was told of the one is told of the other"
    assert (began.lasts, began.is_over, over.lasts, over.is_over) == (True, False, False, True)
    assert over.since < over.until <= START + house.now * SECOND
    assert house.state.rows == ()


def test_a_worker_that_starts_again_knows_what_is_usual_and_tells_nothing_twice(house: House) -> None:
    house.go(180, failing(0.6, Random(1)), "mid")
    judged = house.state.judged
    house.start_again()
    assert house.state.judged >= judged - 2
    assert [row.incident for row in house.state.rows] == [house.told[0].incident]
    house.go(60, failing(0.6, Random(1)), "mid")
    assert house.states == [("anomaly.errors", "began")]
    house.go(300)
    assert house.states == [("anomaly.errors", "began"), ("anomaly.errors", "over")]


def test_what_ended_while_nobody_looked_is_told_as_over(house: House) -> None:
    house.go(180, failing(0.6, Random(1)), "mid")
    for start in range(house.now, house.now + 300, STRETCH):
        house.fill(start)
    house.now += 300
    house.start_again()
    assert house.states == [("anomaly.errors", "began"), ("anomaly.errors", "over")]


def test_what_began_while_nobody_looked_is_told(house: House) -> None:
    for start in range(house.now, house.now + 180, STRETCH):
        house.fill(start, failing(0.6, Random(1)), "mid")
    house.now += 180
    house.start_again()
    assert house.states == [("anomaly.errors", "began")]


def test_what_begins_anew_a_moment_later_is_told_as_soon_as_it_may_be(house: House) -> None:
    """Its end was told, so who was told thinks that it is well."""
    house.go(120, failing(0.6, Random(1)), "mid")
    house.go(120)
    assert house.states == [("anomaly.errors", "began"), ("anomaly.errors", "over")]
    house.go(200, failing(0.6, Random(1)), "mid")
    assert [row.told for row in house.state.rows] == [False]
    assert len(house.told) == 2
    house.go(600, failing(0.18, Random(1)), "mid")
    first, _, again = house.told
    assert again.at - first.at in range(600 * SECOND, 640 * SECOND)
    assert again.incident == house.state.rows[0].incident != first.incident
    assert again.since < again.at - 200 * SECOND
    house.go(300)
    assert [state for _, state in house.states] == ["began", "over", "began", "over"]


def test_two_workers_of_one_database_tell_it_once(house: House) -> None:
    other = House.__new__(House)
    other.__dict__.update(house.__dict__)
    other.worker = AnomalyWatch(house.engine, STRETCH * SECOND)
    other.state = other.worker.look(START + house.now * SECOND)
    for place in range(100):
        house.go(STRETCH, failing(0.6, Random(place)), "mid")
        other.state = other.worker.look(START + house.now * SECOND + SECOND)
    assert house.states == [("anomaly.errors", "began")]
    assert house.state.rows[0].incident == other.state.rows[0].incident == house.told[0].incident
    for _ in range(30):
        house.go(STRETCH)
        other.state = other.worker.look(START + house.now * SECOND + SECOND)
    assert house.states == [("anomaly.errors", "began"), ("anomaly.errors", "over")]


def test_what_becomes_critical_is_told_as_that_of_the_same_incident(house: House) -> None:
    while not house.told:
        house.go(60, failing(0.15, Random(house.now)), "mid")
    [first] = house.told
    assert first.severity == "warning"
    house.start_again()
    house.go(180, failing(0.9, Random(1)), "mid")
    [_, second] = house.told
    assert [(one.severity, one.incident, one.lasts) for one in house.told] == [
        ("warning", first.incident, True),
        ("critical", first.incident, True),
    ]
    assert [row.sentence for row in house.state.rows] == [second.summary]
    house.start_again()
    house.go(300)
    assert [(one.severity, one.data["state"]) for one in house.told[2:]] == [("critical", "over")]


def test_what_fails_for_hours_is_not_over_because_the_worker_starts_again(house: House) -> None:
    for start in range(house.now, house.now + 2 * 3_600, 60):
        house.go(60, failing(1.0, Random(start)), "mid")
    house.start_again()
    assert house.states == [("anomaly.errors", "began")]
    assert [row.incident for row in house.state.rows] == [house.told[0].incident]


def of_old(house: House, nano_an_hour: int, hours: int = 40) -> None:
    """What was spent in the hours before."""
    with house.engine.begin() as connection:
        old = [
            request(START - hour * HOUR, cost=nano_an_hour, key_id="key_0", request_id=f"o{hour}")
            for hour in range(1, hours)
        ]
        insert_events(connection, old)


@pytest.mark.parametrize(
    ("nano_an_hour", "hours", "kinds"),
    [(10**9, 40, {"anomaly.spend"}), (10**15, 40, set()), (10**9, 20, set())],
    ids=["more than any hour", "no more than some hour", "not known for a day"],
)
def test_spending_is_news_when_no_hour_was_nearly_as_dear(nano_an_hour: int, hours: int, kinds: set[str]) -> None:
    house = House()
    of_old(house, nano_an_hour, hours)
    house.go(LEARNED)
    house.go(300, dearer(30))
    assert {one.kind for one in house.told if one.data["level"] == "all"} == kinds
    assert ("all" in {row.unusual.level for row in house.state.rows}) == bool(kinds)


class Stumbling(AnomalyWatch):
    """A database that fails once."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, SECOND)
        self.looks = 0

    def look(self, now: int) -> Unusuals:
        self.looks += 1
        if self.looks == 1:
            raise OperationalError("select", {}, Exception("down"))
        return super().look(now)


async def test_a_database_that_fails_is_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop, published = asyncio.Event(), list[Unusuals]()
    engine = migrated(tmp_path / "homeport.db")

    def publish(state: Unusuals) -> None:
        published.append(state)
        stop.set()

    await watch(Stumbling(engine).look, publish, ManualClock(wall=START), stop, 0.01)
    assert [state.rows for state in published] == [()]
    assert "what is unusual could not be looked for: OperationalError" in caplog.text
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "said"), [("billing\nbot\x1b", "Key billing⏎bot⟨U+001B⟩ (key_1) has"), ("", "Key key_1 has")]
)
def test_a_key_is_told_by_its_name(name: str, said: str) -> None:
    engine = ledger()
    if name:
        add_key(engine, Key(id="key_1", name=name, project="acme", scopes=frozenset()), "digest", NOW)
    worker = AnomalyWatch(engine, STRETCH * SECOND)
    found = Unusual(
        level=Level.KEY, subject="key_1", measure=Measure.ERRORS, since=NOW, usual=0.01, found=0.5, samples=99
    )
    worker._take(found, NOW)
    worker._take(msgspec.structs.replace(found, until=NOW + 60 * SECOND), NOW + 60 * SECOND)
    over, began = list_alerts(engine)
    assert began.summary.startswith(said)
    assert said in over.summary
    assert began.incident == over.incident

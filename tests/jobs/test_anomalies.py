"""What is unusual is raised once, its end too, also when the worker starts again in between."""

import asyncio
import itertools
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from bench.anomaly_traffic import Fault, Traffic, dearer, failing
from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.jobs.anomalies import AnomalyWatch, watch
from homeport.storage.alerts import StoredAlert, list_alerts
from homeport.storage.arrivals import Arrival
from homeport.storage.db import open_database, sqlite_url, upgrade
from homeport.storage.ingest import insert_events
from homeport.storage.unusual import Unusuals, headline
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
    engine = open_database(sqlite_url(tmp_path / "homeport.db"))
    upgrade(engine)

    def publish(state: Unusuals) -> None:
        published.append(state)
        stop.set()

    await watch(Stumbling(engine).look, publish, ManualClock(wall=START), stop, 0.01)
    assert [state.rows for state in published] == [()]
    assert "what is unusual could not be looked for: OperationalError" in caplog.text
    engine.dispose()

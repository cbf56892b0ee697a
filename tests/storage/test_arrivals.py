"""Each row is read once, however late it came, on both databases."""

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.types import Attempt
from homeport.storage import arrivals
from homeport.storage.arrivals import Arrivals
from homeport.storage.ingest import insert_events
from tests.storage.events import finished

SECOND = 1_000_000_000


def add(engine: Engine, *ids: str, project: str = "default", at: int = 100 * SECOND) -> None:
    with engine.begin() as connection:
        events = [msgspec.structs.replace(finished(one, started_at=at), project=project) for one in ids]
        insert_events(connection, events)


def new(reader: Arrivals) -> int:
    return sum(len(page) for page in reader.new())


def test_each_row_once_also_one_that_came_late(engine: Engine) -> None:
    reader = Arrivals(engine)
    assert new(reader) == 0
    add(engine, "a", "b")
    add(engine, "c", project="other")
    assert [new(reader), new(reader)] == [3, 0]
    add(engine, "d", at=1)
    assert [new(reader), new(reader)] == [1, 0]


def test_what_began_before_is_history_and_read_once(engine: Engine) -> None:
    add(engine, "old", at=10 * SECOND)
    add(engine, "a", at=102 * SECOND)
    add(engine, "b", at=101 * SECOND)
    reader = Arrivals(engine)
    found = reader.begin(100 * SECOND, 10)
    assert [row.ended_at // SECOND for row in found] == [101, 102]
    assert new(reader) == 0
    add(engine, "c")
    assert new(reader) == 1


def test_history_is_bounded_to_the_newest(engine: Engine) -> None:
    for place in range(5):
        add(engine, f"r{place}", at=place * SECOND)
    assert [row.ended_at // SECOND for row in Arrivals(engine).begin(0, 2)] == [3, 4]


def test_a_row_as_it_is(engine: Engine) -> None:
    add(engine, "a", at=5)
    ((row,),) = Arrivals(engine).new()
    assert row == arrivals.Arrival(
        ended_at=5 + 1_000_000,
        latency_ns=1_000_000,
        ttft_ns=500_000,
        key_id="key_1",
        target="smollm2",
        stream=False,
        outcome="completed",
        cache="",
        input_tokens=10,
        output_tokens=5,
        cost=7,
        attempts=(Attempt(target="smollm2", error="", started_ns=0, ended_ns=9),),
    )


def test_many_rows_come_in_pages(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_PAGE", 3)
    add(engine, *(f"r{place}" for place in range(7)))
    assert [len(page) for page in Arrivals(engine).new()] == [3, 3, 1]


def test_two_readers_do_not_know_each_other(connect: Callable[[], Engine]) -> None:
    one, other = Arrivals(connect()), Arrivals(connect())
    add(connect(), "a")
    assert (new(one), new(other)) == (1, 1)

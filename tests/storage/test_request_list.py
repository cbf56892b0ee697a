"""Requests are found by whatever they are looked for by, newest first, a page at a time, and none twice."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event

from homeport.core.errors import InvalidRequest
from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.storage import request_list
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import Cursor, choose, find_request, find_requests, list_requests, read_cursor
from homeport.storage.request_rows import RequestRow, row_of_event
from tests.storage.events import finished

HOSTILE = "'; DROP TABLE requests; --%_[]*\"\\\x1b[2J\u202e\U0001f4a3"
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"key_id": "key_1"},
    {"project": "acme"},
    {"project": "acme/search"},
    {"project": "acme/search/web"},
    {"project": "nobody"},
    {"target": "large"},
    {"model": "large-2026"},
    {"tier": "frontier"},
    {"route": "static:local"},
    {"route": "cascade"},
    {"outcome": "completed"},
    {"outcome": "failed"},
    {"status": 200},
    {"status": 503},
    {"error": "upstream_timeout"},
    {"cache": "semantic"},
    {"end_user": HOSTILE},
    {"trace_id": "trace_1"},
    {"min_cost": 900},
    {"min_cost": 1},
    {"min_latency_ns": 950},
    {"since": 100, "until": 160},
    {"key_id": "key_2", "target": "large"},
    {"project": "acme", "outcome": "failed", "min_cost": 300},
    {"tier": "frontier", "route": "cascade", "since": 50, "status": 200},
    {"target": "large", "min_latency_ns": 10, "min_cost": 10, "until": 200},
)


def events(count: int) -> list[RequestFinished]:
    """Several of them began at the same nanosecond."""
    dice = random.Random(7)
    made = []
    for number in range(count):
        large, well = dice.random() < 0.4, dice.random() < 0.8
        made.append(
            msgspec.structs.replace(
                finished(f"req_{dice.getrandbits(64):016x}", cost=dice.randrange(1_000), started_at=number // 3),
                key_id=f"key_{dice.randrange(4)}",
                project=dice.choice(("acme", "acme/search", "acme/search/web", "acme-other", "acmf", "acme0")),
                target="large" if large else "small",
                model="large-2026" if large else "small-2026",
                tier="frontier" if large else "local",
                reason=dice.choice(("static:local", "static:localized", "cascade kept:0.3", "static:local again")),
                outcome=Outcome.COMPLETED if well else Outcome.FAILED,
                status=200 if well else 503,
                error="" if well else "upstream_timeout",
                cache=dice.choice(("", "", "miss", "hit", "semantic")),
                end_user=dice.choice(("", "ann", HOSTILE)),
                trace_id=dice.choice(("", "trace_1", "trace_2")),
                latency_ns=dice.randrange(1_000),
            )
        )
    return made


def rows_of(made: list[RequestFinished], wanted: RequestFilter) -> list[RequestRow]:
    rows = [row for row in map(row_of_event, made) if wanted.admits(row)]
    return sorted(rows, key=lambda row: (row.started_at, row.request_id), reverse=True)


def fill(engine: Engine, made: list[RequestFinished]) -> None:
    with writing(engine) as connection:
        insert_events(connection, made)


def walked(engine: Engine, wanted: RequestFilter, limit: int) -> Iterator[tuple[RequestRow, ...]]:
    page = list_requests(engine, wanted, limit=limit)
    yield page.rows
    while page.next is not None:
        page = list_requests(engine, wanted, after=read_cursor(str(page.next)), limit=limit)
        yield page.rows


@pytest.mark.parametrize("looks", [5, 10_000])
def test_each_filter_finds_what_it_admits(engine: Engine, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """Five looks make every word of a filter a frequent one, so that the rarest leads and pages are short."""
    monkeypatch.setattr(request_list, "LOOKS", looks)
    made = events(700)
    fill(engine, made)
    for said in FILTERS:
        wanted = RequestFilter(**said)
        expected = rows_of(made, wanted)
        pages = [*walked(engine, wanted, 60)]
        assert [row for page in pages for row in page] == expected, said
        if said != {"project": "nobody"}:
            assert expected, said
        if looks == 10_000:
            assert all(len(page) == 60 for page in pages[:-1]), said


def test_a_page_looks_at_a_bounded_number_of_rows(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_list, "LOOKS", 50)
    made = [
        msgspec.structs.replace(
            finished(f"req_{number:05d}", started_at=number),
            key_id=f"key_{number % 2}",
            target="never" if number % 2 else "often",
        )
        for number in range(600)
    ]
    fill(engine, made)
    page = list_requests(engine, RequestFilter(key_id="key_0", target="never"))
    assert page.rows == ()
    assert page.next is not None
    assert page.next.started_at > 450
    assert [row for rows in walked(engine, RequestFilter(key_id="key_0", target="never"), 10) for row in rows] == []


def test_every_filter_goes_by_an_index(engine: Engine) -> None:
    """SQLite refuses a statement whose index it cannot use, so none falls back to reading every row."""
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by its figures, which a few rows do not make")
    asked: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        if "FROM requests" in statement:
            asked.append(statement)

    for said in FILTERS:
        list_requests(engine, RequestFilter(**said))
    assert len(asked) >= len(FILTERS)
    assert [statement for statement in asked if "INDEXED BY requests_by_" not in statement] == []


def test_what_a_row_tells(engine: Engine) -> None:
    attempts = (
        Attempt(target="a", error="upstream_timeout", started_ns=5, ended_ns=9, cost=3),  # type: ignore[arg-type]
        Attempt(target="b", error="", started_ns=9, ended_ns=20),
    )
    made = msgspec.structs.replace(finished("r1"), attempts=attempts, end_user=HOSTILE, stream=True)
    fill(engine, [made])
    assert find_request(engine, "r1") == row_of_event(made)
    assert find_request(engine, "r2") is None
    assert find_requests(engine, ["r1", "r2", HOSTILE]) == (row_of_event(made),)
    assert find_requests(engine, ["r1"], RequestFilter(end_user="ann")) == ()


@pytest.mark.parametrize("word", ["%", "_", "acm_", "acme%", "' OR 1=1 --", "\x00", "acme\x00", HOSTILE, "/", "🙂"])
def test_words_that_mean_something_to_a_database(engine: Engine, word: str) -> None:
    fill(engine, events(30))
    for name in ("key_id", "project", "target", "model", "tier", "route", "error", "cache", "trace_id"):
        assert list_requests(engine, msgspec.convert({name: word}, RequestFilter)).rows == ()


def test_the_rarest_leads() -> None:
    assert choose({"a": 5, "b": None}, 9).index == "b"
    assert choose({"a": 5, "b": 3}, 9) == request_list.Lead("b", 3)
    assert choose({"a": -1}, 9) == request_list.Lead("requests_by_time", 9)
    assert choose({"a": 12}, 9) == request_list.Lead("requests_by_time", 9)
    assert choose({"a": -1}, None) == request_list.Lead("requests_by_time")
    assert choose({}, 9) == request_list.Lead("requests_by_time", 9)


def test_a_place_in_the_list_as_text() -> None:
    assert read_cursor(str(Cursor(12, "req_1.2"))) == Cursor(12, "req_1.2")
    assert read_cursor(str(Cursor(12))) == Cursor(12)
    for said in ("", ".", "x.y", "-1.a", "1", "1e5.a", "9" * 30 + ".a", "1.\x00", "1.\n", "²5.a"):
        with pytest.raises(InvalidRequest) as refused:
            read_cursor(said)
        assert refused.value.code == "cursor_invalid"

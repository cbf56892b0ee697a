"""Days of models are read from the ledger as callers had them."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, insert

from homeport.core.events import RequestFinished
from homeport.core.purposes import OURS
from homeport.core.types import Outcome
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.model_days import LEAST, ModelDay, model_days
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import score_days
from tests.storage.events import finished

START = 19_000 * DAY
MS = 1_000_000
STREAM = msgspec.structs.replace(
    finished("r"), target="m", stream=True, output_tokens=11, ttft_ns=200 * MS, latency_ns=500 * MS
)


def asked(engine: Engine, like: RequestFinished, at: int, count: int = LEAST, name: str = "r") -> None:
    rows = [
        msgspec.structs.replace(like, request_id=f"{name}-{at}-{number}", started_at=at + number)
        for number in range(count)
    ]
    with writing(engine) as connection:
        insert_events(connection, rows)


def refused(engine: Engine, start: int, judged: int, failed: int, tier: str = "t", version: int = 1) -> None:
    row = {"start": start, "tier": tier, "target": "m", "metric": "refusal", "version": version}
    sums = {"outputs": judged, "judged": judged, "failed": failed, "total": 0.0, "squares": 0.0}
    with writing(engine) as connection:
        connection.execute(insert(score_days), [{**row, **sums}])


def days(engine: Engine, count: int = 3) -> Sequence[ModelDay]:
    return model_days(engine, "m", START, START + count * DAY)


def test_figures_of_streams_and_of_all(engine: Engine) -> None:
    asked(engine, STREAM, START + HOUR)
    asked(engine, msgspec.structs.replace(STREAM, stream=False, output_tokens=31), START + DAY - HOUR)
    refused(engine, START, 30, 3)
    refused(engine, START, 10, 1, tier="u")
    assert days(engine) == (
        ModelDay(day="2022-01-08", requests=40, ttft_ms=200.0, tpot_ms=30.0, length=21.0, refusals=0.1),
    )


def test_too_few_are_no_figure_and_a_day_without_any_is_left_out(engine: Engine) -> None:
    asked(engine, STREAM, START + DAY, LEAST - 1)
    refused(engine, START + DAY, LEAST - 1, 5)
    assert days(engine) == (ModelDay(day="2022-01-09", requests=19),)
    assert model_days(engine, "other", START, START + DAY) == ()
    assert model_days(engine, "m", START + DAY, START) == ()


def test_refusals_are_those_of_the_newest_version_of_the_metric(engine: Engine) -> None:
    refused(engine, START, 100, 50)
    refused(engine, START, 100, 10, version=2)
    assert [day.refusals for day in days(engine)] == [0.1]


LEFT_OUT = [
    {"target": "n"},
    {"outcome": Outcome.FAILED},
    {"outcome": Outcome.CANCELLED},
    {"surface": "embeddings"},
    {"cache": "hit"},
    {"cache": "semantic"},
    {"batch": True},
    *({"reason": purpose} for purpose in sorted(OURS)),
]


@pytest.mark.parametrize("odd", LEFT_OUT, ids=str)
def test_what_says_nothing_of_the_model_is_left_out(engine: Engine, odd: dict[str, object]) -> None:
    asked(engine, STREAM, START + HOUR)
    asked(engine, msgspec.structs.replace(STREAM, output_tokens=999, ttft_ns=9, **odd), START + 2 * HOUR, name="odd")
    assert [(day.requests, day.length, day.ttft_ms) for day in days(engine)] == [(20, 11.0, 200.0)]


def test_answers_that_the_cache_was_asked_for_first_count(engine: Engine) -> None:
    asked(engine, msgspec.structs.replace(STREAM, cache="miss"), START)
    assert days(engine)[0].requests == LEAST


def test_a_busy_day_costs_no_more_and_all_of_it_is_seen(engine: Engine) -> None:
    for part in range(8):
        asked(engine, msgspec.structs.replace(STREAM, output_tokens=10 + part), START + 3 * part * HOUR, 150)
    [day] = days(engine)
    assert (day.requests, day.length) == (800, 13.5)


def test_an_index_finds_them(engine: Engine) -> None:
    """A million rows are not read for a day: each part is looked for by the model and the time."""
    asked(engine, STREAM, START)
    if engine.dialect.name != "sqlite":
        return  # it goes by how many rows there are
    said: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        said.extend([(statement, parameters)] if "FROM requests" in statement else [])

    event.listen(engine, "before_cursor_execute", note)
    days(engine, 1)
    event.remove(engine, "before_cursor_execute", note)
    assert len(said) == 8
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said[0][0]}", said[0][1]).all()
    wanted = "SEARCH requests USING INDEX requests_by_target (target=? AND started_at>? AND started_at<?)"
    assert [row[3] for row in plan] == [wanted]

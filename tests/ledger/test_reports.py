"""What was spent, from rows that came through the journal's own way in."""

from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.ledger.reports import GROUPS, Spend, spend
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from tests.storage.events import finished


def fill(engine: Engine, folder: Path, *events: RequestFinished) -> None:
    journal = Journal(folder / "journal")
    for event in events:
        journal.record(event)
    journal.close()
    ingest(engine, folder / "journal")


def some() -> list[RequestFinished]:
    local = finished("r1", cost=100, started_at=10)
    paid = msgspec.structs.replace(
        finished("r2", cost=5_000, started_at=20), tier="mid", target="gpt", latency_ns=3_000_000, ttft_ns=0
    )
    failed = msgspec.structs.replace(
        finished("r3", cost=0, started_at=30), outcome=Outcome.FAILED, tier="", target="", key_id="key_2"
    )
    return [local, paid, failed]


def test_nothing_was_spent(engine: Engine) -> None:
    assert spend(engine) == [
        Spend(
            group="all",
            requests=0,
            completed=0,
            input_tokens=0,
            cached_input_tokens=0,
            output_tokens=0,
            cost=0,
            mean_latency_ns=0,
            mean_ttft_ns=0,
        )
    ]
    assert all(spend(engine, by=group) == [] for group in GROUPS)


def test_the_whole(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    [whole] = spend(engine)
    assert (whole.requests, whole.completed, whole.cost) == (3, 2, 5_100)
    assert (whole.input_tokens, whole.cached_input_tokens, whole.output_tokens) == (30, 6, 15)
    assert whole.mean_latency_ns == (1_000_000 + 3_000_000 + 1_000_000) // 3
    assert whole.mean_ttft_ns == 500_000, "a request without a first byte has no time to it"


def test_groups_are_sorted_by_cost_and_add_up(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    assert [(row.group, row.cost, row.requests) for row in spend(engine, by="tier")] == [
        ("mid", 5_000, 1),
        ("local", 100, 1),
        ("", 0, 1),
    ]
    for group in GROUPS:
        rows = spend(engine, by=group)
        assert (sum(row.cost for row in rows), sum(row.requests for row in rows)) == (5_100, 3)


def test_since(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    assert spend(engine, since_ns=20)[0].requests == 2
    assert spend(engine, since_ns=21)[0].requests == 1
    assert spend(engine, by="model", since_ns=31) == []

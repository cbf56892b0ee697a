"""A ledger in memory, filled with requests that a test describes by what differs."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.pool import StaticPool

from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.storage.ingest import insert_events
from homeport.storage.tables import keys, metadata
from tests.storage.events import finished

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 1_700_000_000 * SECOND
"""2023-11-14 22:13:20 UTC."""


def request(at: int, **changes: Any) -> RequestFinished:
    """A whole answer that took 1 ms and cost 7 nano-dollars, unless `changes` say otherwise."""
    return msgspec.structs.replace(finished("", started_at=at), **changes)


def failed(at: int, **changes: Any) -> RequestFinished:
    """Nothing answered, as the pipeline records it."""
    attempts = tuple(
        Attempt(target=name, error="upstream_timeout", started_ns=0, ended_ns=1) for name in changes.pop("tried", ())
    )
    nothing = {"outcome": Outcome.FAILED, "status": 503, "tier": "", "target": "", "cost": 0, "ttft_ns": 0}
    return request(at, **{**nothing, "attempts": attempts, **changes})


def ledger(*events: RequestFinished) -> Engine:
    """A database of its own with these requests; ids are given out in order."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    add(engine, *events)
    return engine


def add(engine: Engine, *events: RequestFinished) -> None:
    with engine.begin() as connection:
        start = connection.exec_driver_sql("SELECT count(*) FROM requests").scalar_one()
        insert_events(connection, [_with_id(event, f"r{start + place}") for place, event in enumerate(events)])


def name_keys(engine: Engine, names: Iterable[tuple[str, str]]) -> None:
    """Give key ids a name."""
    blank = {
        "created_at": 0,
        "data_class": "open",
        "reserved_percent": 0,
        **dict.fromkeys(("models", "tiers", "scopes"), "[]"),
    }
    with engine.begin() as connection:
        for key_id, name in names:
            connection.execute(insert(keys), {**blank, "id": key_id, "name": name, "digest": key_id})


def _with_id(event: RequestFinished, request_id: str) -> RequestFinished:
    return msgspec.structs.replace(event, request_id=request_id)

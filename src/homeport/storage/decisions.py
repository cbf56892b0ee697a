"""What is kept of decisions to learn from: beside the ledger, and only of requests that may be learned from."""

import math
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from homeport.core.events import RequestFinished
from homeport.storage.db import insert_new, writing
from homeport.storage.tables import decisions

_TEXTS = {"decided": 160, "escalation": 64, "prompt_id": 32, "follows": 32}


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a decision: see `RequestFinished` for what the fields mean."""

    decided: str
    propensity: float
    router_version: int
    score: float | None
    explored: bool
    escalation: str


def learned_of(engine: Engine, request_id: str) -> Learned | None:
    """What is kept of the decision of a request; None where nothing is, or is not any more."""
    columns = [decisions.c[name] for name in Learned.__struct_fields__]
    query = select(*columns).where(decisions.c.request_id == request_id)
    with engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Learned(**{**row, "explored": bool(row["explored"])})


def worth_keeping(event: RequestFinished) -> bool:
    """Whether it says more than the ledger does. Most requests of a fixed route do not."""
    return event.score is not None or event.propensity != 1.0 or bool(event.escalation or event.prompt_id)


def row_of(event: RequestFinished) -> dict[str, Any]:
    """The row of `decisions` for an event."""
    row: dict[str, Any] = {name: getattr(event, name).replace("\0", "")[:most] for name, most in _TEXTS.items()}
    score = event.score
    return row | {
        "request_id": event.request_id[:40],
        "started_at": event.started_at,
        "ended_at": event.started_at + event.latency_ns,
        "propensity": event.propensity if 0 < event.propensity <= 1 else 1.0,
        "router_version": event.router_version,
        "score": score if score is not None and math.isfinite(score) else None,
        "explored": event.explored,
        "reask": event.reask,
        "features": event.features,
    }


def add(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Keep rows; those whose request is there stay as they are."""
    connection.execute(insert_new(connection, decisions), rows)


def prune(engine: Engine, before: int, most: int) -> int:
    """Forget the oldest decisions of before a time (nanoseconds since the epoch); how many, at most `most`."""
    old = select(decisions.c.request_id).where(decisions.c.started_at < before)
    with engine.connect() as connection:
        ids = connection.execute(old.order_by(decisions.c.started_at).limit(most)).scalars().all()
    if ids:
        with writing(engine) as connection:
            connection.execute(delete(decisions).where(decisions.c.request_id.in_(ids)))
    return len(ids)

"""Requests of which something was said, as the ledger has them where they are traced."""

import msgspec
from sqlalchemy import Engine, insert

from homeport.core.types import Attempt
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.score_tables import scores
from tests.storage.events import finished
from tests.storage.reviewed import NOW, add_outputs, output

HOME = "0123456789ab"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FAILED = Attempt(target="big", error="upstream_failed", started_ns=0, ended_ns=5, span_id="1" * 16, trace_id=TRACE)
ANSWERED = Attempt(target="small", error="", started_ns=5, ended_ns=9, span_id=SPAN, trace_id=TRACE)


def add_traced(
    engine: Engine,
    *names: str,
    home: str = HOME,
    data_class: str = "open",
    attempts: tuple[Attempt, ...] = (FAILED, ANSWERED),
    at: int = NOW,
) -> None:
    """Outputs that were measured at a time, of requests that began a minute before."""
    began = at - 60 * 10**9
    told = {"holder": f"{home}-0123456789abcdef", "data_class": data_class, "attempts": attempts}
    with writing(engine) as connection:
        rows = [msgspec.structs.replace(finished(name, started_at=began), **told) for name in names]
        insert_events(connection, rows)
    add_outputs(engine, *(output(name, at=began, scored_at=at) for name in names))


def add_score(engine: Engine, name: str, metric: str, *, passed: bool | None, label: str = "") -> None:
    why = f"{metric} of ada.lovelace@example.org"
    row = {"request_id": name, "metric": metric, "version": 2, "value": 0.25, "label": label, "why": why}
    with writing(engine) as connection:
        connection.execute(insert(scores), [{**row, "passed": passed}])

"""What was said of outputs in a span of time, with the call that gave each: what events are made of.

Only of requests of one state folder whose answer came of a call that is traced: an answer from the cache has none.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, FromClause, Select, Table, select

from homeport.core.types import Attempt
from homeport.storage.opinion_tables import judge_epochs, judgements, labels
from homeport.storage.rollups import HOUR
from homeport.storage.score_tables import scored_outputs, scores
from homeport.storage.tables import requests

METRIC, JUDGE, HUMAN = "metric", "judge", "human"
_OF_REQUEST = ("request_id", "data_class", "attempts")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric, judge or person says of one output.

    Attributes:
        at: nanoseconds since the epoch.
        source: `METRIC`, `JUDGE` or `HUMAN`.
        value: as it is stored: a person's is a rating from 1 to 5.
        passed: None where that was not asked.
        why: a person's note, or the words of a metric.
        trace_id, span_id: of the call that gave the output.
    """

    at: int
    request_id: str
    data_class: str
    trace_id: str
    span_id: str
    source: str
    name: str
    version: str = ""
    value: float | None = None
    passed: bool | None = None
    label: str = ""
    why: str = ""


def said_by_judges(engine: Engine, home: str, since: int, until: int) -> list[Said]:
    """Verdicts that were given after a time, and until another; nanoseconds since the epoch."""
    columns = (judgements.c.judged_at.label("at"), judgements.c.score, judgements.c.label)
    joined = _with_requests(judgements).join(judge_epochs, judge_epochs.c.epoch == judgements.c.epoch)
    query = (
        _query(joined, home, *columns, judge_epochs.c.rubric, judge_epochs.c.rubric_version)
        .where(judgements.c.judged_at > since, judgements.c.judged_at <= until)
        .order_by(judgements.c.judged_at, judgements.c.request_id)
    )

    def of(row: Mapping[str, Any]) -> dict[str, Any]:
        rubric = f"{row['rubric']}@{row['rubric_version']}"
        return {"name": JUDGE, "version": rubric, "value": row["score"], "label": row["label"]}

    return _read(engine, query, JUDGE, of)


def said_by_people(engine: Engine, home: str, since: int, until: int) -> list[Said]:
    """Labels that were made after a time, and until another. Who made them is not told."""
    columns = (labels.c.labelled_at.label("at"), labels.c.rating, labels.c.note)
    query = (
        _query(_with_requests(labels), home, *columns)
        .where(labels.c.labelled_at > since, labels.c.labelled_at <= until)
        .order_by(labels.c.labelled_at, labels.c.request_id)
    )

    def of(row: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": HUMAN, "value": row["rating"], "label": str(row["rating"]), "why": row["note"]}

    return _read(engine, query, HUMAN, of)


def said_by_metrics(engine: Engine, home: str, since: int, until: int, *, failed: bool) -> list[Said]:
    """Scores of outputs that were measured after a time, and until another, an hour after they began at the latest.

    Args:
        failed: only those that did not pass.
    """
    names = ("metric", "version", "value", "passed", "label", "why")
    of_output = scores.c.request_id == scored_outputs.c.request_id
    query = (
        _query(
            _with_requests(scored_outputs).join(scores, of_output),
            home,
            scored_outputs.c.scored_at.label("at"),
            *(scores.c[name] for name in names),
        )
        .where(scored_outputs.c.started_at > since - HOUR, scored_outputs.c.started_at <= until)
        .where(scored_outputs.c.scored_at > since, scored_outputs.c.scored_at <= until)
        .order_by(scored_outputs.c.scored_at, scores.c.request_id, scores.c.metric)
    )
    if failed:
        query = query.where(scores.c.passed.is_(False))

    def of(row: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: row[name] for name in ("value", "passed", "label", "why")}
        return {"name": row["metric"], "version": str(row["version"]), **told}

    return _read(engine, query, METRIC, of)


def _with_requests(table: Table) -> Any:
    return table.join(requests, requests.c.request_id == table.c.request_id)


def _query(joined: FromClause, home: str, *columns: Any) -> Select[Any]:
    of_request = (requests.c[name] for name in _OF_REQUEST)
    return select(*of_request, *columns).select_from(joined).where(requests.c.holder.like(f"{home}-%"))


def _read(engine: Engine, query: Select[Any], source: str, of: Any) -> list[Said]:
    with engine.connect() as connection:
        return [*_said(connection, query, source, of)]


def _said(connection: Connection, query: Select[Any], source: str, of: Any) -> Iterable[Said]:
    for row in connection.execute(query).mappings():
        call = next((one for one in _attempts(row["attempts"]) if not one.error), None)
        if call is not None and call.trace_id and call.span_id:
            about = {name: row[name] for name in ("at", "request_id", "data_class")}
            yield Said(**about, trace_id=call.trace_id, span_id=call.span_id, source=source, **of(row))


def _attempts(written: str) -> list[Attempt]:
    return msgspec.json.decode(written, type=list[Attempt])

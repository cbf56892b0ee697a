"""What is said of answers: by callers, and by signals that Homeport sees itself. One word a request and source."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, Select, and_, case, delete, func, select, true, tuple_

from homeport.core.types import DataClass, Outcome
from homeport.storage.db import insert_new, upsert, writing
from homeport.storage.tables import decisions, feedback, requests

OWN = "homeport."
"""How the names of our own sources begin; nobody else may use it."""

RETRY, REASK, JUDGE = f"{OWN}retry", f"{OWN}reask", f"{OWN}judge"

RETRY_SCORE, REASK_SCORE = -0.3, -0.5
"""Weak words: many a retry has other reasons, and some who say "wrong" are wrong themselves."""

MOST_WORDS = 100
_ROWS_AT_ONCE = 1_000


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """A request that can be rated.

    Attributes:
        cache_entry: what the cache answered it with, or keeps of its answer, in hexadecimal; "" for nothing.
    """

    project: str
    key_id: str
    data_class: str
    cache_entry: str = ""


def find_rated(engine: Engine, request_id: str) -> Rated | None:
    """The request with an id; None where the ledger has none, or none yet."""
    columns = [requests.c[name] for name in Rated.__struct_fields__]
    with engine.connect() as connection:
        row = connection.execute(select(*columns).where(requests.c.request_id == request_id)).mappings().one_or_none()
    return None if row is None else Rated(**row)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What one source said of an answer; `at` is in nanoseconds since the epoch."""

    source: str
    score: float
    comment: str
    at: int


def words_of(engine: Engine, request_id: str) -> tuple[Word, ...]:
    """What was said of the answer to a request, the oldest word first, of at most `MOST_WORDS` sources."""
    columns = [feedback.c[name] for name in Word.__struct_fields__]
    query = select(*columns).where(feedback.c.request_id == request_id).order_by(feedback.c.at, feedback.c.source)
    query = query.limit(MOST_WORDS)
    with engine.connect() as connection:
        return tuple(Word(**row) for row in connection.execute(query).mappings())


def rate(engine: Engine, request_id: str, source: str, score: float, comment: str, key_id: str, at: int) -> None:
    """Keep what a source says of a request; what it said before is replaced.

    Args:
        score: -1 to 1.
        at: nanoseconds since the epoch.
    """
    row = {
        "request_id": request_id,
        "source": source,
        "score": score,
        "comment": comment,
        "key_id": key_id,
        "at": at,
    }
    with writing(engine) as connection:
        connection.execute(upsert(connection, feedback), [row])


def forget(engine: Engine, before: int, most: int) -> int:
    """Forget the oldest words of before a time (nanoseconds since the epoch); how many, at most `most`."""
    key = (feedback.c.request_id, feedback.c.source)
    old = select(*key).where(feedback.c.at < before).order_by(feedback.c.at).limit(most)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(old)]
    if rows:
        with writing(engine) as connection:
            connection.execute(delete(feedback).where(tuple_(*key).in_(rows), feedback.c.at < before))
    return len(rows)


def notice(engine: Engine, since: int, retry_ns: int, now: int) -> int:
    """Find answers that were asked for again, or refused by what was said next; how many are new.

    A retry is the same conversation sent again, after an answer was there and not longer than `retry_ns` after it.
    A failed request that is sent again says nothing of an answer.

    Args:
        since: turns that began before are not looked at; nanoseconds since the epoch.
    """
    with engine.connect() as connection:
        found = [*_signals(connection, _retries(since, retry_ns), RETRY, RETRY_SCORE, now)]
        found += _signals(connection, _reasks(since), REASK, REASK_SCORE, now)
    new = 0
    for first in range(0, len(found), _ROWS_AT_ONCE):
        with writing(engine) as connection:
            new += connection.execute(insert_new(connection, feedback), found[first : first + _ROWS_AT_ONCE]).rowcount
    return new


def _signals(
    connection: Connection, query: Select[Any], source: str, score: float, now: int
) -> Iterator[dict[str, Any]]:
    for request_id in connection.execute(query).scalars():
        yield {
            "request_id": request_id,
            "source": source,
            "score": score,
            "comment": "",
            "key_id": "",
            "at": now,
        }


def _retries(since: int, retry_ns: int) -> Select[Any]:
    first, again = decisions.alias("first"), decisions.alias("again")
    return (
        select(first.c.request_id)
        .distinct()
        .join(
            again,
            and_(
                again.c.prompt_id == first.c.prompt_id,
                again.c.started_at >= first.c.ended_at,
                again.c.started_at <= first.c.ended_at + retry_ns,
            ),
        )
        .join(requests, requests.c.request_id == first.c.request_id)
        .where(
            again.c.started_at >= since,
            first.c.started_at >= since - retry_ns * 10,
            first.c.prompt_id != "",
            again.c.request_id != first.c.request_id,
            requests.c.outcome == Outcome.COMPLETED.value,
        )
    )


def _reasks(since: int) -> Select[Any]:
    """The latest answer of the turn before, where the next one refuses it."""
    after, before = decisions.alias("after"), decisions.alias("before")
    refused = (
        select(before.c.request_id)
        .join(requests, requests.c.request_id == before.c.request_id)
        .where(
            before.c.prompt_id == after.c.follows,
            before.c.ended_at <= after.c.started_at,
            requests.c.outcome == Outcome.COMPLETED.value,
        )
        .order_by(before.c.started_at.desc(), before.c.request_id)
        .limit(1)
        .correlate(after)
        .scalar_subquery()
    )
    asked = select(refused.label("request_id")).where(after.c.started_at >= since, after.c.reask, after.c.follows != "")
    told = asked.subquery()
    return select(told.c.request_id).distinct().where(told.c.request_id.is_not(None))


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one source said of the answers of one tier.

    Attributes:
        answers: of the tier in the time, rated or not.
        good, bad: scores above and below 0.
    """

    tier: str
    source: str
    rated: int
    good: int
    bad: int
    answers: int


def said_of_tiers(engine: Engine, since: int) -> list[Said]:
    """What was said of each tier's answers that began since a time, the most rated first."""
    joined = feedback.join(requests, requests.c.request_id == feedback.c.request_id)
    query = (
        select(
            requests.c.tier,
            feedback.c.source,
            func.count().label("rated"),
            func.sum(case((feedback.c.score > 0, 1), else_=0)).label("good"),
            func.sum(case((feedback.c.score < 0, 1), else_=0)).label("bad"),
        )
        .select_from(joined)
        .where(requests.c.started_at >= since)
        .group_by(requests.c.tier, feedback.c.source)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
        answers = _answers(connection, since)
    found = [_said(row, answers) for row in rows]
    return sorted(found, key=lambda said: (-said.rated, said.tier, said.source))


def _answers(connection: Connection, since: int) -> Mapping[str, int]:
    counted = select(requests.c.tier, func.count().label("answers")).where(
        requests.c.started_at >= since, requests.c.outcome == Outcome.COMPLETED.value
    )
    return {row.tier: row.answers for row in connection.execute(counted.group_by(requests.c.tier))}


def _said(row: RowMapping, answers: Mapping[str, int]) -> Said:
    return Said(
        tier=row["tier"],
        source=row["source"],
        rated=row["rated"],
        good=int(row["good"]),
        bad=int(row["bad"]),
        answers=answers.get(row["tier"], 0),
    )


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was rated and may be learned from, with what its decision left.

    Attributes:
        score: the strongest word said of it, -1 to 1: a person's before a judge's before a signal's.
        features: empty where none were kept.
    """

    request_id: str
    started_at: int
    tier: str
    decided: str
    propensity: float
    explored: bool
    escalated: bool
    router_score: float | None
    features: bytes
    score: float


def labels(engine: Engine, since: int, *, signals: bool = False) -> list[Label]:
    """What was said of open requests that a router decided since a time, oldest first; private ones never.

    Args:
        signals: with what Homeport noticed itself, which is never good news, so a mean of it says nothing.
    """
    rank = case((feedback.c.source == JUDGE, 1), (feedback.c.source.startswith(OWN, autoescape=True), 2), else_=0)
    query = (
        select(
            *(decisions.c[name] for name in ("request_id", "started_at", "decided", "propensity", "explored")),
            *(decisions.c.escalation, decisions.c.score.label("router_score"), decisions.c.features),
            *(requests.c.tier, feedback.c.score),
        )
        .join(requests, requests.c.request_id == decisions.c.request_id)
        .join(feedback, feedback.c.request_id == decisions.c.request_id)
        .where(
            decisions.c.started_at >= since,
            requests.c.data_class == DataClass.OPEN.value,
            requests.c.outcome == Outcome.COMPLETED.value,
            true() if signals else feedback.c.source.not_in((RETRY, REASK)),
        )
        .order_by(decisions.c.started_at, decisions.c.request_id, rank, func.abs(feedback.c.score).desc())
    )
    found: dict[str, Label] = {}
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            if row["request_id"] not in found:
                found[row["request_id"]] = _label(row)
    return [*found.values()]


def _label(row: RowMapping) -> Label:
    fields = {name: row[name] for name in Label.__struct_fields__ if name != "escalated"}
    return Label(**fields, escalated=bool(row["escalation"]))

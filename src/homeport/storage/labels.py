"""What people say of outputs: labels, each once for an output and a reviewer.

Only outputs that were drawn for people have labels: those of others would be of answers that somebody chose, and no
estimate could weigh them.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from homeport.storage.db import upsert, writing
from homeport.storage.opinion_tables import labels, review_claims
from homeport.storage.review_queue import QueueRules, needed_labels
from homeport.storage.score_tables import scored_outputs

LEAST_RATING, MOST_RATING = 1, 5
MOST_NOTE = 2_000
MOST_REVIEWER = 160
MOST_SECONDS = 86_400.0
_AT_ONCE = 500


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What one reviewer says of one output.

    Attributes:
        labelled_at: nanoseconds since the epoch.
        rating: from 1, useless, to 5, as good as can be.
        seconds: that it was looked at; None where nobody counted.
    """

    request_id: str
    reviewer: str
    labelled_at: int
    rating: int
    seconds: float | None = None
    note: str = ""


class Refused(StrEnum):
    """Why a label is not taken."""

    UNKNOWN = "output_unknown"
    NOT_DRAWN = "output_not_drawn"
    LABELLED = "label_exists"
    COMPLETE = "labels_complete"


class LabelMark(msgspec.Struct, frozen=True):
    """Something that changes with every label that comes or goes."""

    count: int
    last: int
    ratings: int


def add_label(engine: Engine, label: Label, rules: QueueRules) -> Refused | None:
    """Keep a label, and the hold on its output for as long as it may be taken back; why not, where it is refused."""
    with writing(engine) as connection:
        refused = _refusal(connection, label, rules)
        if refused is None:
            connection.execute(insert(labels).values(msgspec.structs.asdict(label)))
            until = label.labelled_at + rules.hold_ns
            hold = {"request_id": label.request_id, "reviewer": label.reviewer, "until": until}
            connection.execute(upsert(connection, review_claims), [hold])
            _count(connection, [label.request_id])
    return refused


def undo_label(engine: Engine, reviewer: str, now: int) -> str | None:
    """Take back a reviewer's last label of this session; the id of its output, which the reviewer holds again.

    None where there is none: it was too long ago, or the session was ended and its figures shown.
    """
    held = (
        select(labels.c.request_id)
        .join(
            review_claims,
            (review_claims.c.request_id == labels.c.request_id) & (review_claims.c.reviewer == labels.c.reviewer),
        )
        .where(labels.c.reviewer == reviewer, review_claims.c.until > now)
        .order_by(labels.c.labelled_at.desc(), labels.c.request_id)
        .limit(1)
    )
    with writing(engine) as connection:
        request_id = connection.execute(held).scalar()
        if request_id is not None:
            mine = (labels.c.request_id == request_id) & (labels.c.reviewer == reviewer)
            connection.execute(delete(labels).where(mine))
            _count(connection, [request_id])
    return request_id


def put_labels(engine: Engine, found: Sequence[Label]) -> int:
    """Keep labels that were made elsewhere, all or none, each in the place of that of the same reviewer; how many."""
    with writing(engine) as connection:
        for first in range(0, len(found), _AT_ONCE):
            rows = [msgspec.structs.asdict(label) for label in found[first : first + _AT_ONCE]]
            connection.execute(upsert(connection, labels), rows)
            _count(connection, [label.request_id for label in found[first : first + _AT_ONCE]])
    return len(found)


def drawn_of(engine: Engine, request_ids: Sequence[str]) -> dict[str, bool]:
    """Of outputs that were scored: whether they were drawn for people."""
    found: dict[str, bool] = {}
    with engine.connect() as connection:
        for first in range(0, len(request_ids), _AT_ONCE):
            ids = request_ids[first : first + _AT_ONCE]
            query = select(scored_outputs.c.request_id, scored_outputs.c.for_human)
            rows = connection.execute(query.where(scored_outputs.c.request_id.in_(ids)))
            found.update((row.request_id, bool(row.for_human)) for row in rows)
    return found


def ratings_of(engine: Engine, request_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """The ratings that some outputs have, by output and reviewer."""
    found: dict[tuple[str, str], int] = {}
    with engine.connect() as connection:
        for first in range(0, len(request_ids), _AT_ONCE):
            ids = request_ids[first : first + _AT_ONCE]
            query = select(labels.c.request_id, labels.c.reviewer, labels.c.rating)
            rows = connection.execute(query.where(labels.c.request_id.in_(ids)))
            found.update(((row.request_id, row.reviewer), row.rating) for row in rows)
    return found


def every_label(engine: Engine, since: int, until: int) -> Iterator[Label]:
    """Labels of a span of time, the oldest first."""
    span = (labels.c.labelled_at >= since) & (labels.c.labelled_at < until)
    query = select(labels).where(span).order_by(labels.c.labelled_at, labels.c.request_id, labels.c.reviewer)
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings():
            yield _label(row)


def label_mark(engine: Engine) -> LabelMark:
    """What changes when a label comes, goes or is made anew."""
    sums = (func.count(), func.coalesce(func.max(labels.c.labelled_at), 0), func.coalesce(func.sum(labels.c.rating), 0))
    with engine.connect() as connection:
        return LabelMark(*(int(value) for value in connection.execute(select(*sums)).one()))


def forget_labels(connection: Connection, request_ids: Sequence[str]) -> None:
    """Of outputs that are forgotten."""
    for table in (labels, review_claims):
        connection.execute(delete(table).where(table.c.request_id.in_(request_ids)))


def _count(connection: Connection, request_ids: Sequence[str]) -> None:
    """Note how many labels outputs have, for the queue."""
    of_it = select(func.count()).where(labels.c.request_id == scored_outputs.c.request_id).scalar_subquery()
    here = scored_outputs.c.request_id.in_(request_ids)
    connection.execute(update(scored_outputs).where(here).values(labelled=of_it))


def _refusal(connection: Connection, label: Label, rules: QueueRules) -> Refused | None:
    columns = [scored_outputs.c[name] for name in ("draw", "human_probability", "for_human", "kept")]
    query = select(*columns).where(scored_outputs.c.request_id == label.request_id)
    output = connection.execute(query.with_for_update()).first()
    if output is None:
        return Refused.UNKNOWN
    if not (output.for_human and output.kept):
        return Refused.NOT_DRAWN
    here = labels.c.request_id == label.request_id
    reviewers = connection.execute(select(labels.c.reviewer).where(here)).scalars().all()
    if label.reviewer in reviewers:
        return Refused.LABELLED
    complete = len(reviewers) >= needed_labels(rules, output.draw, output.human_probability)
    return Refused.COMPLETE if complete else None


def _label(row: RowMapping) -> Label:
    return Label(**{name: row[name] for name in Label.__struct_fields__})

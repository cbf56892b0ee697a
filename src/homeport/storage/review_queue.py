"""Which outputs wait for people, and who holds which of them: an output is never given out more often than it needs.

What is drawn for people waits until it has its labels: two where it is labelled twice, else one. Which are labelled
twice follows from the draw: given that an output was drawn, its draw over its probability is uniform, and those below
the share are labelled twice. The order is that of the last bits of the draw, which know nothing of the time nor of the
output: so the outputs that were labelled are at any time a random part of those that were drawn.

Whoever looks at some outputs holds them for a while. A hold stays beside the label for as long, so that the label can
be taken back; what a reviewer passed over has a hold that ended at 0, and does not come back.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from homeport.storage.db import upsert, writing
from homeport.storage.opinion_tables import labels, review_claims
from homeport.storage.score_tables import scored_outputs

HAND = 5
"""So many outputs somebody holds at a time."""
PASSED_OVER = 0
_LOOKED_AT = 50
_MOST_LOOKS = 20
_DRAW_STEPS = 1 << 53
_ORDERS = 1 << 20

There = Callable[[str, int], bool]
"""Whether what was said is still kept: the id of a request, and when it began."""


class QueueRules(msgspec.Struct, frozen=True, kw_only=True):
    """What waits, and for how long somebody holds it.

    Attributes:
        double: the share that is labelled twice.
        hold_ns, period_ns: nanoseconds.
        since: what began before, in nanoseconds since the epoch, cannot be read any more.
    """

    double: float = 0.15
    hold_ns: int = 15 * 60 * 1_000_000_000
    period_ns: int = 28 * 86_400 * 1_000_000_000
    since: int = 0


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An output that waits for labels.

    Attributes:
        needs: how many labels it is to have; `has`: how many it has.
    """

    request_id: str
    started_at: int
    needs: int
    has: int


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue stands for one reviewer.

    Attributes:
        waiting: outputs that the reviewer may label, without those that others hold.
        labelled: outputs that the reviewer has labelled in the period.
        skipped: outputs that the reviewer passed over, and that still wait.
    """

    waiting: int
    labelled: int
    skipped: int


def hand_out(engine: Engine, reviewer: str, rules: QueueRules, now: int, there: There) -> list[Waiting]:
    """What a reviewer holds from now on, in order: what they held, and as much more as there is, at most `HAND`.

    Args:
        now: nanoseconds since the epoch.
    """
    found = _fresh(engine, reviewer, rules, now, there)
    with writing(engine) as connection:
        _lock(connection, found)
        held = _held(connection, reviewer, rules, now)
        gone = [one.request_id for one in held if not there(one.request_id, one.started_at)]
        if gone:
            _let_go(connection, reviewer, gone)
        kept = [one for one in held if one.request_id not in gone]
        free = _still_free(connection, reviewer, rules, now, found)
        hand = [*kept, *(one for one in found if one.request_id in free)][:HAND]
        rows = [{"request_id": one.request_id, "reviewer": reviewer, "until": now + rules.hold_ns} for one in hand]
        if rows:
            connection.execute(upsert(connection, review_claims), rows)
    return hand


def held(engine: Engine, reviewer: str, rules: QueueRules, now: int) -> list[Waiting]:
    """What a reviewer holds and has not labelled, in order."""
    with engine.connect() as connection:
        return _held(connection, reviewer, rules, now)


def pass_over(engine: Engine, reviewer: str, request_id: str) -> bool:
    """Whether the reviewer held it; then it is others' to label."""
    mine = (review_claims.c.reviewer == reviewer) & (review_claims.c.request_id == request_id)
    with writing(engine) as connection:
        passed = update(review_claims).where(mine, ~_labelled_by(reviewer, review_claims.c.request_id))
        return connection.execute(passed.values(until=PASSED_OVER)).rowcount > 0


def take_up(engine: Engine, reviewer: str) -> int:
    """What a reviewer passed over is theirs to label again; how many there were."""
    passed = (review_claims.c.reviewer == reviewer) & (review_claims.c.until == PASSED_OVER)
    with writing(engine) as connection:
        return connection.execute(delete(review_claims).where(passed)).rowcount


def end_session(engine: Engine, reviewer: str) -> None:
    """The reviewer holds nothing more, and can take back no label."""
    mine = (review_claims.c.reviewer == reviewer) & (review_claims.c.until != PASSED_OVER)
    with writing(engine) as connection:
        connection.execute(delete(review_claims).where(mine))


def in_session(engine: Engine, reviewer: str, now: int) -> bool:
    """Whether a reviewer holds anything."""
    mine = (review_claims.c.reviewer == reviewer) & (review_claims.c.until > now)
    with engine.connect() as connection:
        return connection.execute(select(review_claims.c.request_id).where(mine).limit(1)).first() is not None


def waiting(engine: Engine, rules: QueueRules, now: int, most: int) -> list[Waiting]:
    """What waits, whoever holds it, in order."""
    query = _rows(rules, now).where(_unfinished(rules)).limit(most)
    with engine.connect() as connection:
        return _read(connection, query)


def queue_counts(engine: Engine, reviewer: str, rules: QueueRules, now: int) -> QueueCounts:
    """How the queue stands for a reviewer."""
    counted = select(func.count()).select_from(scored_outputs)
    free = counted.where(*_free(reviewer, rules, now))
    passed = (review_claims.c.reviewer == reviewer) & (review_claims.c.until == PASSED_OVER)
    skipped = counted.where(*_drawn(rules, now), _unfinished(rules), _is_claimed(passed))
    since = now - rules.period_ns
    mine = select(func.count()).where(labels.c.reviewer == reviewer, labels.c.labelled_at >= since)
    with engine.connect() as connection:
        counts = [int(connection.execute(query).scalar_one()) for query in (free, mine, skipped)]
    return QueueCounts(waiting=counts[0], labelled=counts[1], skipped=counts[2])


def needed_labels(rules: QueueRules, draw: float, human_probability: float) -> int:
    """How many people label an output that was drawn."""
    return 2 if draw < rules.double * human_probability else 1


def _fresh(engine: Engine, reviewer: str, rules: QueueRules, now: int, there: There) -> list[Waiting]:
    """The first outputs that nobody else needs to label, and whose text is there."""
    query = _rows(rules, now).where(*_free(reviewer, rules, now))
    found = list[Waiting]()
    with engine.connect() as connection:
        for look in range(_MOST_LOOKS):
            some = _read(connection, query.limit(_LOOKED_AT).offset(look * _LOOKED_AT))
            found += [one for one in some if there(one.request_id, one.started_at)]
            if len(found) >= HAND or len(some) < _LOOKED_AT:
                break
    return found[:HAND]


def _lock(connection: Connection, found: Sequence[Waiting]) -> None:
    """On PostgreSQL, so that of two who want the same output the second one sees who holds it."""
    ids = sorted(one.request_id for one in found)
    rows = select(scored_outputs.c.request_id).where(scored_outputs.c.request_id.in_(ids))
    connection.execute(rows.order_by(scored_outputs.c.request_id).with_for_update()).all()


def _held(connection: Connection, reviewer: str, rules: QueueRules, now: int) -> list[Waiting]:
    ids = scored_outputs.c.request_id
    mine = (review_claims.c.reviewer == reviewer) & (review_claims.c.until > now)
    wanted = _rows(rules, now).where(_is_claimed(mine), ~_labelled_by(reviewer, ids), _unfinished(rules))
    return _read(connection, wanted)


def _still_free(
    connection: Connection, reviewer: str, rules: QueueRules, now: int, found: Sequence[Waiting]
) -> frozenset[str]:
    ids = [one.request_id for one in found]
    query = select(scored_outputs.c.request_id).where(
        scored_outputs.c.request_id.in_(ids), *_free(reviewer, rules, now)
    )
    return frozenset(connection.execute(query).scalars())


def _let_go(connection: Connection, reviewer: str, ids: Sequence[str]) -> None:
    mine = (review_claims.c.reviewer == reviewer) & review_claims.c.request_id.in_(ids)
    connection.execute(delete(review_claims).where(mine))


def _rows(rules: QueueRules, now: int) -> Select[Any]:
    """Every output that was drawn in the period, in the order of the queue."""
    steps = cast(scored_outputs.c.draw * float(_DRAW_STEPS), BigInteger)
    return (
        select(
            scored_outputs.c.request_id,
            scored_outputs.c.started_at,
            _needs(rules).label("needs"),
            scored_outputs.c.labelled.label("has"),
        )
        .where(*_drawn(rules, now))
        .order_by(steps % _ORDERS, scored_outputs.c.request_id)
    )


def _drawn(rules: QueueRules, now: int) -> tuple[ColumnElement[bool], ...]:
    # In the words of the index: SQLite takes it for the column as it stands.
    for_human: ColumnElement[bool] = literal_column("scored_outputs.for_human")
    in_period = scored_outputs.c.started_at >= max(now - rules.period_ns, rules.since)
    return for_human, scored_outputs.c.kept.is_(True), in_period


def _free(reviewer: str, rules: QueueRules, now: int) -> tuple[ColumnElement[bool], ...]:
    """Drawn, with room for a label of this reviewer, who neither holds it nor passed it over."""
    ids = scored_outputs.c.request_id
    lasts = review_claims.c.until > now
    own = (review_claims.c.reviewer == reviewer) & (lasts | (review_claims.c.until == PASSED_OVER))
    of_others = (review_claims.c.reviewer != reviewer) & lasts
    holders = (
        select(func.count())
        .where(review_claims.c.request_id == ids, of_others)
        .where(~_labelled_by(review_claims.c.reviewer, review_claims.c.request_id))
        .correlate(scored_outputs)
        .scalar_subquery()
    )
    # Few outputs are held or labelled, so the rest is decided without a look at who does.
    room = scored_outputs.c.labelled + case((_is_claimed(of_others), holders), else_=0) < _needs(rules)
    mine = (scored_outputs.c.labelled > 0) & _labelled_by(reviewer, ids)
    return *_drawn(rules, now), _unfinished(rules), ~_is_claimed(own), ~mine, room


def _needs(rules: QueueRules) -> ColumnElement[int]:
    """As `needed_labels`."""
    doubled = scored_outputs.c.draw < rules.double * scored_outputs.c.human_probability
    return case((doubled, 2), else_=1)


def _unfinished(rules: QueueRules) -> ColumnElement[bool]:
    return scored_outputs.c.labelled < _needs(rules)


def _is_claimed(how: ColumnElement[bool]) -> ColumnElement[bool]:
    return scored_outputs.c.request_id.in_(select(review_claims.c.request_id).where(how))


def _labelled_by(reviewer: Any, ids: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(labels.c.request_id == ids, labels.c.reviewer == reviewer)


def _read(connection: Connection, query: Select[Any]) -> list[Waiting]:
    return [Waiting(**row) for row in connection.execute(query).mappings()]

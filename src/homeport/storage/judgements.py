"""What a judge model thinks of outputs: each output once in an epoch of the judge, see evaluation/rubrics.py."""

from collections.abc import Collection, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Engine, Select, case, exists, func, literal_column, select, update
from sqlalchemy.sql.elements import ColumnElement

from homeport.core.purposes import QUALITY_JUDGE
from homeport.storage.db import insert_new, writing
from homeport.storage.opinion_tables import judge_epochs, judgements
from homeport.storage.score_tables import scored_outputs
from homeport.storage.tables import requests

_LONGEST_NAME, _LONGEST_LABEL = 160, 32
_PLACE = (scored_outputs.c.draw, scored_outputs.c.request_id)


class JudgeEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """By whom and by what outputs were judged; `began_at` in nanoseconds since the epoch."""

    epoch: str
    began_at: int
    model: str
    rubric: str
    rubric_version: int


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge says of one output.

    Attributes:
        judged_at: nanoseconds since the epoch.
        score: from 0 to 1; None where it gave no verdict.
        label: its grade, or why there is none.
        judge_request_id: of the request in which it was asked; "" where it was not asked.
        cost: nano-dollars, of all that it was asked about this output.
    """

    request_id: str
    epoch: str
    judged_at: int
    score: float | None
    label: str
    judge_request_id: str
    cost: int


class WaitingOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output that was drawn for the judge, and was not judged in an epoch."""

    request_id: str
    started_at: int
    key_id: str
    tier: str
    target: str
    data_class: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an epoch: how many outputs were judged, how many have no verdict, and what they cost together."""

    outputs: int
    unread: int
    mean: float | None
    cost: int


def begin_epoch(engine: Engine, epoch: JudgeEpoch) -> None:
    """Note an epoch, unless it is known: one that comes back goes on."""
    values = {**msgspec.structs.asdict(epoch), "model": epoch.model[:_LONGEST_NAME]}
    with writing(engine) as connection:
        connection.execute(insert_new(connection, judge_epochs).values(**values))


def add_judgement(engine: Engine, judgement: Judgement) -> bool:
    """Keep what was said of an output; False where that was known already, or the output is forgotten by now."""
    values = {**msgspec.structs.asdict(judgement), "label": judgement.label[:_LONGEST_LABEL]}
    there = select(scored_outputs.c.request_id).where(scored_outputs.c.request_id == judgement.request_id)
    with writing(engine) as connection:
        if connection.execute(there).first() is None:
            return False
        is_new = connection.execute(insert_new(connection, judgements).values(**values)).rowcount == 1
        here = scored_outputs.c.request_id == judgement.request_id
        connection.execute(update(scored_outputs).where(here).values(judged_in=judgement.epoch))
        return is_new


def waiting_outputs(engine: Engine, home: str, epoch: str, since: int, most: int) -> list[WaitingOutput]:
    """Outputs of a state folder that wait to be judged, those with the least draw first.

    So whatever is judged of them before it must end, for it costs too much, is a smaller sample of the same kind: it
    has what people review, and does not depend on when an output was made.

    Args:
        since: nanoseconds since the epoch; older ones do not wait any more.
    """
    found: list[tuple[float, str]] = []
    with engine.connect() as connection:
        for query in _waiting(home, epoch, since):
            part = connection.execute(query.order_by(*_PLACE).limit(most))
            found += [(row.draw, row.request_id) for row in part]
        ids = [request_id for _, request_id in sorted(found)[:most]]
        columns = [requests.c[name] for name in WaitingOutput.__struct_fields__]
        rows = connection.execute(select(*columns).where(requests.c.request_id.in_(ids))).mappings()
        known = {row["request_id"]: WaitingOutput(**row) for row in rows}
    return [known[request_id] for request_id in ids if request_id in known]


def count_waiting(engine: Engine, home: str, epoch: str, since: int) -> int:
    """How many `waiting_outputs` there are."""
    with engine.connect() as connection:
        counts = (query.with_only_columns(func.count()) for query in _waiting(home, epoch, since))
        return sum(int(connection.execute(query).scalar_one()) for query in counts)


def judgements_of(engine: Engine, request_id: str) -> list[Judgement]:
    """What was said of an output, the last first."""
    columns = [judgements.c[name] for name in Judgement.__struct_fields__]
    query = select(*columns).where(judgements.c.request_id == request_id).order_by(judgements.c.judged_at.desc())
    with engine.connect() as connection:
        return [Judgement(**row) for row in connection.execute(query).mappings()]


def known_epochs(engine: Engine) -> list[JudgeEpoch]:
    """All there were, the newest first."""
    columns = [judge_epochs.c[name] for name in JudgeEpoch.__struct_fields__]
    with engine.connect() as connection:
        found = connection.execute(select(*columns).order_by(judge_epochs.c.began_at.desc())).mappings()
        return [JudgeEpoch(**row) for row in found]


def judged_in(engine: Engine, epoch: str) -> Judged:
    """What came of an epoch until now."""
    unread = func.coalesce(func.sum(case((judgements.c.score.is_(None), 1), else_=0)), 0)
    cost = func.coalesce(func.sum(judgements.c.cost), 0)
    query = select(func.count(), unread, func.avg(judgements.c.score), cost).where(judgements.c.epoch == epoch)
    with engine.connect() as connection:
        outputs, without, mean, total = connection.execute(query).one()
    return Judged(
        outputs=int(outputs), unread=int(without), mean=None if mean is None else float(mean), cost=int(total)
    )


def dearest_of(engine: Engine, epoch: str) -> int:
    """The most that one output has cost in an epoch, in nano-dollars; 0 where none is known."""
    query = select(func.coalesce(func.max(judgements.c.cost), 0)).where(judgements.c.epoch == epoch)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def spent_on_judging(engine: Engine, since: int, unseen: Collection[str] = ()) -> tuple[int, list[str]]:
    """What the ledger says that judging has cost since a time, in nano-dollars.

    Args:
        unseen: ids of requests that may not be in the ledger yet.

    Returns:
        The sum, and which of `unseen` are in the ledger. What comes in between the two is in the sum alone, so that
        whoever adds what is still unseen counts it twice rather than not at all.
    """
    cost = select(func.coalesce(func.sum(requests.c.cost), 0))
    cost = cost.where(requests.c.reason == QUALITY_JUDGE, requests.c.started_at >= since)
    with engine.connect() as connection:
        seen = _seen(connection, list(unseen))
        return int(connection.execute(cost).scalar_one()), seen


def _seen(connection: Connection, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    return [*connection.execute(select(requests.c.request_id).where(requests.c.request_id.in_(ids))).scalars()]


def _waiting(home: str, epoch: str, since: int) -> Iterator[Select[tuple[float, str]]]:
    """The draw and the id of what waits, in parts that are each one range of the index of what is for the judge.

    What another epoch judged last may have been judged in this one before.
    """
    last = scored_outputs.c.judged_in
    for_judge: ColumnElement[bool] = literal_column("scored_outputs.for_judge")  # in the words of the index
    every = select(*_PLACE).where(for_judge, scored_outputs.c.home == home, scored_outputs.c.started_at >= since)
    known = exists().where(judgements.c.request_id == scored_outputs.c.request_id, judgements.c.epoch == epoch)
    yield every.where(last == "")
    yield every.where(last > "", last < epoch, ~known)
    yield every.where(last > epoch, ~known)

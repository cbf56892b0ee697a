"""What outputs scored: each output once, with its sums and the place up to which the ledger was looked at.

Rows of the ledger have a place in the chain of their project, without gaps and in the order in which they came. A
cursor for each state folder and project says up to which place outputs were scored. It moves in the transaction that
adds the scores, and only from where it was when the rows were read: so a crash leaves all or nothing, and of two that
score the same rows one finds that it was too late.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Insert, Table, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from homeport.core.types import Outcome
from homeport.storage.db import insert_new, upsert, writing
from homeport.storage.labels import forget_labels
from homeport.storage.opinion_tables import judgements
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import (
    OPINIONS,
    sample_hours,
    score_days,
    score_hours,
    scored_outputs,
    scores,
    scoring_cursors,
)
from homeport.storage.tables import ledger_heads, requests

_COLUMNS = (
    "sequence",
    "request_id",
    "started_at",
    "project",
    "tier",
    "target",
    "model",
    "surface",
    "data_class",
    "reason",
    "outcome",
    "stream",
    "holder",
    "trace_id",
    "output_tokens",
    "latency_ns",
    "ttft_ns",
)
SUMS_OF_SCORES = ("outputs", "judged", "failed", "total", "squares")
_SUMS_OF_SAMPLES = ("outputs", "kept", "low", "broken", "for_judge", "for_human")
_IDS_AT_ONCE = 500
_HOME = 12


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of a request, as far as it is scored; see `RequestFinished` for what the fields mean."""

    sequence: int
    request_id: str
    started_at: int
    project: str
    tier: str
    target: str
    model: str
    surface: str
    data_class: str
    outcome: str
    stream: bool
    holder: str
    trace_id: str
    output_tokens: int
    latency_ns: int
    ttft_ns: int
    reason: str = ""

    @property
    def ended_at(self) -> int:
        return self.started_at + self.latency_ns

    @property
    def home(self) -> str:
        return self.holder.partition("-")[0][:_HOME]

    @property
    def completed(self) -> bool:
        return self.outcome == Outcome.COMPLETED


class StoredScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric says of an output."""

    metric: str
    version: int
    value: float
    passed: bool | None
    label: str
    why: str


class ScoredOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One output, what it scored, and the samples that it was drawn for.

    Attributes:
        kept: what was said was kept, so it was read.
        broken: a metric failed to say anything.
        draw, low, judge_probability, human_probability, for_judge, for_human: see evaluation/sampling.py.
    """

    row: LedgerRow
    kept: bool
    broken: bool
    low: bool
    draw: float
    judge_probability: float
    human_probability: float
    for_judge: bool
    for_human: bool
    scores: tuple[StoredScore, ...]


class Place(msgspec.Struct, frozen=True):
    """Up to where the chain of a project was looked at."""

    project: str
    sequence: int


def behind(engine: Engine, home: str, since: int) -> list[Place]:
    """Projects of whose chain something was not looked at yet.

    Args:
        home: id of the state folder.
        since: nanoseconds since the epoch; of a project that is new here, rows before are passed over.
    """
    known = and_(scoring_cursors.c.project == ledger_heads.c.project, scoring_cursors.c.home == home)
    at = scoring_cursors.c.sequence
    query = (
        select(ledger_heads.c.project, at)
        .select_from(ledger_heads.outerjoin(scoring_cursors, known))
        .where(or_(at.is_(None), at < ledger_heads.c.sequence))
        .order_by(ledger_heads.c.project)
    )
    with engine.connect() as connection:
        found = connection.execute(query).all()
        return [
            Place(row.project, _first(connection, row.project, since) if row.sequence is None else row.sequence)
            for row in found
        ]


def waiting(engine: Engine, home: str) -> int:
    """How many rows of the ledger were not looked at yet, of projects that are known here."""
    cursors = scoring_cursors.alias()
    query = (
        select(func.coalesce(func.sum(ledger_heads.c.sequence - cursors.c.sequence), 0))
        .select_from(ledger_heads.join(cursors, cursors.c.project == ledger_heads.c.project))
        .where(cursors.c.home == home)
    )
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def rows_after(engine: Engine, place: Place, most: int) -> list[LedgerRow]:
    """The next rows of a project's chain, in order."""
    query = (
        select(*(requests.c[name] for name in _COLUMNS))
        .where(requests.c.project == place.project, requests.c.sequence > place.sequence)
        .order_by(requests.c.sequence)
        .limit(most)
    )
    with engine.connect() as connection:
        return [LedgerRow(**{**row, "stream": bool(row["stream"])}) for row in connection.execute(query).mappings()]


def keep(engine: Engine, home: str, place: Place, to: int, outputs: Sequence[ScoredOutput], now: int) -> bool:
    """Keep what outputs scored, and that the chain was looked at up to a place; False where somebody was faster.

    Args:
        place: where the cursor was when the rows were read.
        to: where it is then.
        now: nanoseconds since the epoch.
    """
    with writing(engine) as connection:
        if not _moved(connection, home, place, to):
            return False
        if outputs:
            _add(connection, outputs, now)
    return True


def scores_of(engine: Engine, request_id: str) -> list[StoredScore]:
    """What an output scored, by metric; empty where it was not scored, or is not kept any more."""
    columns = [scores.c[name] for name in StoredScore.__struct_fields__]
    query = select(*columns).where(scores.c.request_id == request_id).order_by(scores.c.metric, scores.c.version)
    with engine.connect() as connection:
        found = connection.execute(query).mappings().all()
    return [StoredScore(**{**row, "passed": None if row["passed"] is None else bool(row["passed"])}) for row in found]


def prune_scores(engine: Engine, before: int, most: int) -> int:
    """Forget the oldest outputs of before a time (nanoseconds since the epoch); how many, at most `most`."""
    old = select(scored_outputs.c.request_id).where(scored_outputs.c.started_at < before)
    with engine.connect() as connection:
        ids = connection.execute(old.order_by(scored_outputs.c.started_at).limit(most)).scalars().all()
    forget_scores(engine, ids)
    return len(ids)


def prune_score_hours(engine: Engine, before: int) -> int:
    """Forget the sums of hours that began before a time, and of days that ended before it; how many rows."""
    removed = 0
    for table, bound in ((score_hours, before), (score_days, before - DAY + 1), (sample_hours, before)):
        with engine.connect() as connection:
            there = connection.execute(select(table.c.start).where(table.c.start < bound).limit(1)).first()
        if there is not None:
            with writing(engine) as connection:
                removed += connection.execute(delete(table).where(table.c.start < bound)).rowcount
    return removed


def forget_scores(engine: Engine, request_ids: Sequence[str]) -> None:
    """Forget what some outputs scored, and what the judge and people said of them; their part of the sums stays."""
    for first in range(0, len(request_ids), _IDS_AT_ONCE):
        ids = request_ids[first : first + _IDS_AT_ONCE]
        with writing(engine) as connection:
            for table in (scores, judgements, scored_outputs):
                connection.execute(delete(table).where(table.c.request_id.in_(ids)))
            forget_labels(connection, ids)


def _first(connection: Connection, project: str, since: int) -> int:
    """The place before the first row since a time; that of the last row where there is none."""
    place = select(func.min(requests.c.sequence)).where(requests.c.project == project, requests.c.started_at >= since)
    found = connection.execute(place).scalar()
    if found is not None:
        return int(found) - 1
    head = select(ledger_heads.c.sequence).where(ledger_heads.c.project == project)
    return int(connection.execute(head).scalar_one())


def _moved(connection: Connection, home: str, place: Place, to: int) -> bool:
    """Whether the cursor was where it was taken to be; then it is moved."""
    at = and_(scoring_cursors.c.home == home, scoring_cursors.c.project == place.project)
    first = insert_new(connection, scoring_cursors).values(home=home, project=place.project, sequence=place.sequence)
    connection.execute(first)
    here = at & (scoring_cursors.c.sequence == place.sequence)
    return connection.execute(update(scoring_cursors).where(here).values(sequence=to)).rowcount == 1


def _add(connection: Connection, outputs: Sequence[ScoredOutput], now: int) -> None:
    connection.execute(upsert(connection, scored_outputs, OPINIONS), [_row(output, now) for output in outputs])
    each = [
        {"request_id": output.row.request_id, **msgspec.structs.asdict(score)}
        for output in outputs
        for score in output.scores
    ]
    if each:
        connection.execute(upsert(connection, scores), each)
    scored = [_of_score(output, score) for output in outputs for score in output.scores]
    add_up(connection, score_hours, SUMS_OF_SCORES, scored)
    days = ({**row, "start": row["start"] // DAY * DAY} for row in scored)
    add_up(connection, score_days, SUMS_OF_SCORES, days)
    add_up(connection, sample_hours, _SUMS_OF_SAMPLES, map(_of_sample, outputs))


def _row(output: ScoredOutput, now: int) -> dict[str, Any]:
    names = (column.name for column in scored_outputs.columns if column.name not in OPINIONS)
    return {name: now if name == "scored_at" else getattr(_holder(output, name), name) for name in names}


def _holder(output: ScoredOutput, name: str) -> object:
    return output if name in ScoredOutput.__struct_fields__ else output.row


def _of_score(output: ScoredOutput, score: StoredScore) -> dict[str, Any]:
    return {
        **_where(output.row),
        "metric": score.metric,
        "version": score.version,
        "outputs": 1,
        "judged": int(score.passed is not None),
        "failed": int(score.passed is False),
        "total": score.value,
        "squares": score.value * score.value,
    }


def _of_sample(output: ScoredOutput) -> dict[str, Any]:
    counted = {name: int(getattr(output, name)) for name in _SUMS_OF_SAMPLES if name != "outputs"}
    return {**_where(output.row), "outputs": 1, **counted}


def _where(row: LedgerRow) -> dict[str, Any]:
    return {"start": row.started_at // HOUR * HOUR, "tier": row.tier, "target": row.target}


def add_up(connection: Connection, table: Table, summed: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to their cells, in one order, so that two who do it never wait for each other."""
    key = itemgetter(*(column.name for column in table.primary_key))
    cells: dict[Any, dict[str, Any]] = {}
    for row in rows:
        cell = cells.setdefault(key(row), {**row, **dict.fromkeys(summed, 0)})
        for name in summed:
            cell[name] += row[name]
    if cells:
        connection.execute(_adding(connection, table, summed), [cells[name] for name in sorted(cells)])


def _adding(connection: Connection, table: Table, summed: Sequence[str]) -> Insert:
    """An INSERT that adds to what is in the row with the same key."""
    made: postgresql.Insert | sqlite.Insert
    made = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    return made.on_conflict_do_update(
        index_elements=keys, set_={name: table.c[name] + made.excluded[name] for name in summed}
    )

"""What prompts were like, day by day and project by project, and which days were looked at.

The prompts of a day are drawn by the draw that every measured output has (`scored_outputs`): by chance, and nobody
without the key of the state folder can choose what is drawn.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, delete, func, select

from homeport.core.prompts import PromptFeatures, Reached
from homeport.storage.db import upsert, writing
from homeport.storage.input_tables import input_days, input_features
from homeport.storage.score_tables import scored_outputs
from homeport.storage.tables import requests

_SECOND = 1_000_000_000
DAY_NS = 86_400 * _SECOND
_IDS_AT_ONCE = 500


class Drawn(msgspec.Struct, frozen=True):
    """A request whose prompt may be looked at; `started_at` is in nanoseconds since the epoch."""

    request_id: str
    started_at: int


def day_of(at: int) -> str:
    """The date in UTC of a time in nanoseconds since the epoch."""
    return datetime.fromtimestamp(at // _SECOND, UTC).date().isoformat()


def start_of(day: str) -> int:
    """When a date begins in UTC, in nanoseconds since the epoch."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * _SECOND


def projects_due(engine: Engine, home: str, day: str) -> list[str]:
    """Projects that were asked something on a day at which nobody of this state folder looked yet."""
    start = start_of(day)
    done = and_(input_days.c.project == scored_outputs.c.project, input_days.c.home == home, input_days.c.day == day)
    query = (
        select(scored_outputs.c.project)
        .distinct()
        .select_from(scored_outputs.outerjoin(input_days, done))
        .where(scored_outputs.c.started_at >= start, scored_outputs.c.started_at < start + DAY_NS)
        .where(scored_outputs.c.kept, input_days.c.day.is_(None))
        .order_by(scored_outputs.c.project)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def drawn_of(engine: Engine, project: str, day: str, most: int) -> list[Drawn]:
    """Kept requests of a project and a day, in the order in which they are drawn."""
    start = start_of(day)
    query = (
        select(scored_outputs.c.request_id, scored_outputs.c.started_at)
        .where(scored_outputs.c.started_at >= start, scored_outputs.c.started_at < start + DAY_NS)
        .where(scored_outputs.c.project == project, scored_outputs.c.kept)
        .order_by(scored_outputs.c.draw, scored_outputs.c.request_id)
        .limit(most)
    )
    with engine.connect() as connection:
        return [Drawn(*row) for row in connection.execute(query)]


def keep_inputs(engine: Engine, project: str, day: str, embedder: str, prompts: Sequence[PromptFeatures]) -> None:
    """Keep what prompts were like; again is the same as once."""
    rows = [
        {"request_id": one.id, "project": project, "day": day, "embedder": embedder, **_features(one)}
        for one in prompts
    ]
    if rows:
        with writing(engine) as connection:
            connection.execute(upsert(connection, input_features), rows)


def looked_at(engine: Engine, home: str, project: str, day: str, prompts: int, now: int) -> None:
    """A day of a project is done."""
    row = {"home": home, "project": project, "day": day, "looked_at": now, "prompts": prompts}
    with writing(engine) as connection:
        connection.execute(upsert(connection, input_days), [row])


def known_projects(engine: Engine) -> list[str]:
    """Projects of whose prompts something is kept."""
    query = select(input_features.c.project).distinct().order_by(input_features.c.project)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def read_inputs(engine: Engine, project: str, embedder: str, after: str = "") -> list[tuple[str, list[PromptFeatures]]]:
    """What the prompts of a project were like on the days after a date, the earliest first."""
    table = input_features.c
    query = (
        select(input_features)
        .where(table.project == project, table.embedder == embedder, table.day > after)
        .order_by(table.day, table.digest, table.request_id)
    )
    days: dict[str, list[PromptFeatures]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            fields = {name: row[name] for name in PromptFeatures.__struct_fields__ if name != "id"}
            days.setdefault(row["day"], []).append(PromptFeatures(id=row["request_id"], **fields))
    return list(days.items())


def reached_by(engine: Engine, request_ids: Sequence[str]) -> list[Reached]:
    """Where some prompts went, and whose they were."""
    found: dict[tuple[str, str], int] = {}
    for first in range(0, len(request_ids), _IDS_AT_ONCE):
        ids = list(request_ids[first : first + _IDS_AT_ONCE])
        for one in _reached(engine, input_features.c.request_id.in_(ids)):
            place = (one.route, one.key_id)
            found[place] = found.get(place, 0) + one.prompts
    return [Reached(*place, prompts) for place, prompts in found.items()]


def reached_between(engine: Engine, project: str, first: str, end: str) -> list[Reached]:
    """Where the prompts went that were looked at on the days from a date until before another."""
    table = input_features.c
    return _reached(engine, (table.project == project) & (table.day >= first) & (table.day < end))


def _reached(engine: Engine, wanted: ColumnElement[bool]) -> list[Reached]:
    table, went = input_features.c, scored_outputs.c
    place = (went.tier, went.target, requests.c.key_id)
    query = (
        select(*place, func.count().label("prompts"))
        .select_from(
            input_features.join(scored_outputs, went.request_id == table.request_id).join(
                requests, requests.c.request_id == table.request_id
            )
        )
        .where(wanted)
        .group_by(*place)
        .order_by(func.count().desc(), *place)
    )
    with engine.connect() as connection:
        rows = connection.execute(query)
        return [Reached(f"{row.tier}/{row.target}", row.key_id, int(row.prompts)) for row in rows]


def forget_inputs(engine: Engine, request_ids: Sequence[str]) -> None:
    """Forget what some prompts were like."""
    for first in range(0, len(request_ids), _IDS_AT_ONCE):
        ids = list(request_ids[first : first + _IDS_AT_ONCE])
        with writing(engine) as connection:
            connection.execute(delete(input_features).where(input_features.c.request_id.in_(ids)))


def prune_inputs(engine: Engine, before: str) -> int:
    """Forget days before a date; how many rows."""
    removed = 0
    for table in (input_features, input_days):
        with engine.connect() as connection:
            there = connection.execute(select(table.c.day).where(table.c.day < before).limit(1)).first()
        if there is not None:
            with writing(engine) as connection:
                removed += connection.execute(delete(table).where(table.c.day < before)).rowcount
    return removed


def _features(one: PromptFeatures) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(one).items() if name != "id"}

"""Requests, newest first, a page at a time, in bounded time however many there are.

Each thing that requests are looked for by has an index. With one that says what a column is (`target = 'x'`) requests
are walked from the newest back. With one that says how large it is (by steps), or how it begins, few requests are
gathered and sorted, and where there are many time is walked. Where a filter says several things the rarest leads, and
what is left is looked at row by row, `LOOKS` of them for a page at most: a page may then be short, or empty, and have
a next one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    literal,
    literal_column,
    or_,
    select,
    text,
)

from homeport.core.errors import InvalidRequest
from homeport.storage.request_filter import EQUAL, RequestFilter
from homeport.storage.request_rows import COLUMNS, RequestRow, row_of
from homeport.storage.tables import STEPS, WHERE_NAMED, ledger_heads, requests, step_of

LOOKS = 10_000
"""Rows that are looked at one by one for a page, at most."""
MOST = 1_000
"""Rows of a page, at most."""

_TIME = "time"
_PRIMARY = "sqlite_autoindex_requests_1"
"""What SQLite calls the index of the primary key."""
_ROWS_AT_ONCE = 1_000
_PROJECTS = 100
"""So many projects below one are named to the database; of more it is told how they begin."""
_INDEXES = {"key_id": "requests_by_key"}
_LATEST = (1 << 63) - 1


class Cursor(msgspec.Struct, frozen=True):
    """A place in the list: what comes next is older, or as old and has a smaller id."""

    started_at: int
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.started_at}.{self.request_id}"


def read_cursor(said: str) -> Cursor:
    """What `str` of one gave. Raises InvalidRequest: cursor_invalid."""
    time, dot, request_id = said.partition(".")
    if not (dot and time.isascii() and time.isdecimal() and len(time) < 20 and request_id.isprintable()):
        raise InvalidRequest(
            "this is no place in the list",
            code="cursor_invalid",
            param="after",
            hint="give what `next` of the page before was",
        )
    return Cursor(min(int(time), _LATEST), request_id)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some requests, newest first.

    Attributes:
        next: where the next page begins; None at the end. There may be one however short this page is.
    """

    rows: tuple[RequestRow, ...]
    next: Cursor | None


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a filter says.

    Attributes:
        index: by which it is answered; "" for none, because most rows are so.
        ordered: its rows come from the index in the order of time.
        steps: what the index itself can tell, where that is less: it admits some more rows.
    """

    clause: ColumnElement[bool]
    steps: ColumnElement[bool] | None = None
    index: str = ""
    ordered: bool = False


class Lead(msgspec.Struct, frozen=True):
    """The index that a page is read by, and since when, so that it does not look at too much; 0 for ever."""

    index: str
    since: int = 0


def list_requests(
    engine: Engine, wanted: RequestFilter | None = None, *, after: Cursor | None = None, limit: int = 50
) -> Page:
    """A page of the requests that a filter admits, at most `MOST`."""
    wanted, limit = wanted or RequestFilter(), min(limit, MOST)
    with engine.connect() as connection:
        said = conditions(connection, wanted)
        within = _within(wanted, after)
        lead = _lead(connection, said, within, limit)
        query = _by(select(*COLUMNS), lead.index).where(*within, *[one.clause for one in said])
        if lead.since:
            query = query.where(requests.c.started_at >= lead.since)
        newest = query.order_by(*_newest_first(connection, lead)).limit(limit + 1)
        rows = tuple(row_of(row) for row in connection.execute(newest).mappings())
    return Page(rows=rows[:limit], next=_next(rows, limit, lead))


def find_request(engine: Engine, request_id: str) -> RequestRow | None:
    """The request with an id; None where the ledger has none, or none yet."""
    found = find_requests(engine, [request_id])
    return found[0] if found else None


def find_requests(
    engine: Engine, request_ids: Sequence[str], wanted: RequestFilter | None = None
) -> tuple[RequestRow, ...]:
    """Those of some requests that a filter admits, newest first."""
    wanted = wanted or RequestFilter()
    with engine.connect() as connection:
        limits = [*_within(wanted, None), *(one.clause for one in conditions(connection, wanted))]
        query = _by(select(*COLUMNS), _PRIMARY).where(requests.c.request_id.in_(list(request_ids)), *limits)
        rows = [row_of(row) for row in connection.execute(query).mappings()]
    return tuple(sorted(rows, key=lambda row: (row.started_at, row.request_id), reverse=True))


def stream_requests(engine: Engine, wanted: RequestFilter | None = None) -> Iterator[RequestRow]:
    """All requests that a filter admits, the oldest first, in constant memory."""
    wanted = wanted or RequestFilter()
    with engine.connect() as connection:
        said = conditions(connection, wanted)
        ordered = next((one.index for one in said if one.ordered), _index(_TIME))
        query = _by(select(*COLUMNS), ordered).where(*_within(wanted, None), *[one.clause for one in said])
        sorted_ = query.order_by(requests.c.started_at, requests.c.request_id)
        for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(sorted_).mappings():
            yield row_of(row)


def conditions(connection: Connection, wanted: RequestFilter) -> tuple[Condition, ...]:
    """What a filter says, but for when."""
    said = [_equal(name, getattr(wanted, name)) for name in EQUAL if getattr(wanted, name)]
    if wanted.project:
        said.append(_of_project(connection, wanted.project))
    if wanted.route:
        said.append(Condition(clause=_first_word(connection, wanted.route), index="requests_by_reason"))
    if wanted.min_cost:
        said.append(_at_least("cost", wanted.min_cost))
    if wanted.min_latency_ns:
        said.append(_at_least("latency_ns", wanted.min_latency_ns))
    return tuple(said)


def _equal(name: str, value: str | int) -> Condition:
    clause = requests.c[name] == value
    rows = WHERE_NAMED.get(name)
    if rows is None:
        return Condition(clause=clause, index=_INDEXES.get(name, f"requests_by_{name}"), ordered=True)
    if value == "completed" or (name == "status" and int(value) < 400):
        return Condition(clause=clause)  # as most are, so they have no index and need none
    return Condition(clause=and_(clause, text(rows)), index=f"requests_by_{name}", ordered=True)


def _at_least(name: str, least: int) -> Condition:
    steps = literal_column(step_of(name), BigInteger) >= least // STEPS[name]
    return Condition(clause=and_(steps, requests.c[name] >= least), steps=steps, index=f"requests_by_{name}")


def _of_project(connection: Connection, project: str) -> Condition:
    """Where there is nothing below it, or just one project that is, its rows come in order."""
    heads = ledger_heads.c.project
    here = or_(heads == project, _between(connection, heads, f"{project}/", f"{project}0"))
    names = connection.execute(select(heads).where(here).limit(_PROJECTS + 1)).scalars().all()
    if len(names) < 2:
        clause = requests.c.project == (names[0] if names else project)
        return Condition(clause=clause, index="requests_by_project", ordered=True)
    among: ColumnElement[bool] = requests.c.project.in_(names)
    if len(names) > _PROJECTS:
        below = _between(connection, requests.c.project, f"{project}/", f"{project}0")
        among = or_(requests.c.project == project, below)
    return Condition(clause=among, index="requests_by_project")


def _first_word(connection: Connection, word: str) -> ColumnElement[bool]:
    """Reasons that are this word, or go on after a blank."""
    reason = requests.c.reason
    goes_on = _between(connection, reason, f"{word} ", f"{word}!")
    return and_(_between(connection, reason, word, f"{word}!"), or_(reason == word, goes_on))


def _between(connection: Connection, column: ColumnElement[str], first: str, end: str) -> ColumnElement[bool]:
    """From one text to just before another by their code points, as each database has it in an index."""
    if connection.dialect.name == "postgresql":
        return and_(column.op("~>=~", is_comparison=True)(first), column.op("~<~", is_comparison=True)(end))
    return and_(column >= first, column < end)


def _within(wanted: RequestFilter, after: Cursor | None) -> list[ColumnElement[bool]]:
    began = requests.c.started_at
    limits = [began >= wanted.since] if wanted.since else []
    if wanted.until:
        limits.append(began < wanted.until)
    if after is not None:
        older = or_(began < after.started_at, requests.c.request_id < after.request_id)
        limits.append(and_(began <= after.started_at, older))
    return limits


def _newest_first(connection: Connection, lead: Lead) -> tuple[ColumnElement[Any], ...]:
    """PostgreSQL would rather walk time than gather what its figures say comes soon, and may then walk all of it."""
    began: ColumnElement[Any] = requests.c.started_at
    if connection.dialect.name == "postgresql" and lead.index != _index(_TIME):
        began = began + literal(0)
    return began.desc(), requests.c.request_id.desc()


def _lead(connection: Connection, said: Sequence[Condition], within: Sequence[ColumnElement[bool]], limit: int) -> Lead:
    """By which index a page is read."""
    if not said:
        return Lead(_index(_TIME))
    if len(said) == 1 and said[0].ordered:
        # PostgreSQL is told where the page ends, so that there is nothing to guess.
        ends = _probe(connection, said[0], within, limit) if connection.dialect.name == "postgresql" else None
        return Lead(said[0].index, ends or 0)
    probes = {one.index: _probe(connection, one, within) for one in said if one.index}
    time = Condition(clause=literal(True), index=_index(_TIME), ordered=True)
    return choose(probes, _probe(connection, time, within))


def choose(probes: Mapping[str, int | None], time: int | None) -> Lead:
    """The index to go by.

    Args:
        probes: by index, when the last of its newest `LOOKS` rows began; None where it has fewer; -1 where it has
            more and they are in no order of time.
        time: the same of all rows.
    """
    few = next((index for index, reached in probes.items() if reached is None), None)
    if few is not None or time is None:
        return Lead(few or _index(_TIME))
    ordered = {_index(_TIME): time, **{index: at for index, at in probes.items() if at is not None and at >= 0}}
    rarest = min(ordered, key=lambda index: ordered[index])
    return Lead(rarest, ordered[rarest])


def _probe(
    connection: Connection, one: Condition, within: Sequence[ColumnElement[bool]], looks: int | None = None
) -> int | None:
    began = requests.c.started_at
    if one.ordered:
        query: Select[Any] = select(began).where(one.clause, *within).order_by(began.desc())
    else:
        query = select(literal(-1)).select_from(requests).where(one.clause if one.steps is None else one.steps)
    found: int | None = connection.execute(_by(query, one.index).limit(1).offset(looks or LOOKS)).scalar()
    return found


def _by(query: Select[Any], index: str) -> Select[Any]:
    """SQLite keeps no figures of its columns to choose an index by; PostgreSQL does, and takes no advice."""
    return query.with_hint(requests, f"INDEXED BY {index}", "sqlite")


def _index(name: str) -> str:
    return f"requests_by_{name}"


def _next(rows: Sequence[RequestRow], limit: int, lead: Lead) -> Cursor | None:
    if len(rows) > limit:
        last = rows[limit - 1]
        return Cursor(last.started_at, last.request_id)
    return Cursor(lead.since) if lead.since else None

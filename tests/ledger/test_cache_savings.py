"""What the cache saved: the same by rows, hours and days, never a part of what was spent, and bound by the chain."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, text

from homeport.core.events import RequestFinished
from homeport.ledger.reports import GROUPS, spend
from homeport.ledger.sources import Only
from homeport.ledger.verification import Verification, What
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.rollups import DAY, HOUR, TABLES
from homeport.storage.tables import ledger_heads, requests
from tests.storage.events import finished

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["", "miss", "hit", "semantic", "alias"]),
        st.integers(0, 10**12),
        st.integers(0, 3 * DAY),
        st.sampled_from(["local", "mid"]),
    ),
    max_size=20,
)


def events(drawn: list[tuple[str, int, int, str]]) -> list[RequestFinished]:
    found = []
    for number, (cache, amount, at, tier) in enumerate(drawn):
        hit = cache not in ("", "miss")
        event = finished(f"r{number}", cost=0 if hit else amount, started_at=at)
        found.append(msgspec.structs.replace(event, cache=cache, saved_cost=amount if hit else 0, tier=tier))
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_savings_are_conserved_and_never_spent(engine: Engine, drawn: list[tuple[str, int, int, str]]) -> None:
    told = events(drawn)
    with writing(engine) as connection:
        for table in (requests, *TABLES.values(), ledger_heads):
            connection.execute(delete(table))
        insert_events(connection, told)
        sums = [
            connection.execute(
                select(
                    *(func.coalesce(func.sum(table.c[name]), 0) for name in ("saved_cost", "cost", "cache_hits"))
                ).where(table.c.span == span)
            ).one()
            for span, table in TABLES.items()
        ]
    expected = (
        sum(event.saved_cost for event in told),
        sum(event.cost for event in told),
        sum(event.cache not in ("", "miss") for event in told),
    )
    assert [tuple(map(int, row)) for row in sums] == [expected] * 2
    for since in (0, 1, HOUR // 3):
        [total] = spend(engine, since_ns=since)
        late = [event for event in told if event.started_at >= since]
        assert (total.saved_cost, total.cost) == (sum(e.saved_cost for e in late), sum(e.cost for e in late))
        assert (total.cache_asked, total.cache_hits) == (
            sum(e.cache != "" for e in late),
            sum(e.cache not in ("", "miss") for e in late),
        )
    for by in GROUPS:
        groups = spend(engine, by=by, only=Only())
        assert (sum(g.saved_cost for g in groups), sum(g.cost for g in groups)) == expected[:2]
    assert [*Verification(engine).findings()] == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("saved_cost = 71", {What.CHANGED, What.SUMS}),
        ("cache = 'miss'", {What.CHANGED, What.SUMS}),
        ("cache = 'alias'", {What.CHANGED}),
        ("cache_entry = 'ff'", {What.CHANGED}),
    ],
)
def test_it_is_in_the_chain(engine: Engine, change: str, what: set[What]) -> None:
    hit = msgspec.structs.replace(finished("r1", cost=0), cache="hit", saved_cost=70, cache_entry="ab" * 16)
    with writing(engine) as connection:
        insert_events(connection, [hit])
    assert [*Verification(engine).findings()] == []
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE requests SET {change}"))
    assert {finding.what for finding in Verification(engine).findings()} == what

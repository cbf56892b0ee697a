"""Rows, journal and sums say the same to the nano-dollar, whatever comes in which order and breaks in between."""

import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.ledger.reports import GROUPS, spend
from homeport.ledger.verification import Verification
from homeport.storage import ingest as ingest_module
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.rollups import DAY
from homeport.storage.tables import metadata, requests
from tests.storage.events import finished

EVENTS = st.builds(
    lambda place, **said: msgspec.structs.replace(finished(f"r{place}"), **said),
    place=st.integers(0, 40),  # few, so that some come twice
    started_at=st.integers(0, 3 * DAY),
    cost=st.integers(-(10**6), 10**15),
    project=st.sampled_from(["default", "acme", "acme/search", "\0", "é" * 200]),
    key_id=st.sampled_from(["key_1", "key_2"]),
    outcome=st.sampled_from(Outcome),
    local=st.booleans(),
    reason=st.sampled_from(["", "static:a", "static:b because", " "]),
    output_tokens=st.integers(0, 10**9),
)
PASSES = st.lists(st.lists(EVENTS, max_size=12), min_size=1, max_size=4)
BREAKS = st.lists(st.integers(1, 25), max_size=4)


class Cut:
    """Makes the database fail at some statement of a pass, once for each number."""

    def __init__(self, engine: Engine, places: list[int]) -> None:
        self._places = places
        self._seen = 0
        event.listen(engine, "before_cursor_execute", self._count)

    def again(self) -> None:
        self._seen = 0

    def stop(self) -> None:
        self._places.clear()

    def _count(self, *_: object) -> None:
        self._seen += 1
        if self._places and self._seen == self._places[0]:
            self._places.pop(0)
            raise OperationalError("", {}, Exception("database or disk is full"))


@settings(max_examples=40)
@given(PASSES, BREAKS)
def test_rows_are_the_journal_and_sums_are_the_rows(passes: list[list[RequestFinished]], breaks: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_module, "BATCH_ROWS", 5)
        folder = Path(name)
        engine = open_database(sqlite_url(folder / "homeport.db"))
        metadata.create_all(engine)
        journal, cut = Journal(folder / "journal"), Cut(engine, [*breaks])
        first: dict[str, RequestFinished] = {}
        for events in passes:
            for each in events:
                journal.record(each)
                first.setdefault(each.request_id, each)
            bring_in(engine, folder / "journal", cut)
        journal.close()
        cut.stop()
        ingest(engine, folder / "journal")
        check(engine, first)
        assert list((folder / "journal").iterdir()) == []
        engine.dispose()


def bring_in(engine: Engine, folder: Path, cut: Cut) -> None:
    """As the worker does: after a failure once more."""
    for _ in range(9):
        cut.again()
        try:
            ingest(engine, folder)
        except OperationalError:
            continue
        return


def check(engine: Engine, first: dict[str, RequestFinished]) -> None:
    with engine.connect() as connection:
        rows = connection.execute(select(requests.c.request_id, requests.c.cost)).all()
    assert {row.request_id: row.cost for row in rows} == {name: each.cost for name, each in first.items()}
    assert [*Verification(engine).findings()] == [], "rows, chains, hours and days agree"
    total = sum(each.cost for each in first.values())
    for by in GROUPS:
        groups = spend(engine, by=by)
        assert sum(group.cost for group in groups) == total
        assert sum(group.requests for group in groups) == len(first)
    outcomes = Counter(str(each.outcome) for each in first.values())
    assert {group.group: group.requests for group in spend(engine, by="outcome")} == dict(outcomes)
    [whole] = spend(engine)
    assert whole.local_cost == sum(each.cost for each in first.values() if each.local)
    assert whole.output_tokens == sum(each.output_tokens for each in first.values())

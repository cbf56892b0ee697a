"""The audit log: a chain that says what was taken out, a change and its row that stand or fall together."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from homeport.core.audit import HOMEPORT, Actor, Origin
from homeport.storage.audit import Asked, Broken, Recorder, broken, entries, prune_audit, read_ends, write
from homeport.storage.db import writing
from homeport.storage.people_tables import audit

ANN = Actor(name="ann", origin=Origin.CONSOLE, role="admin", address="192.0.2.7", request_id="req_1")


def fill(engine: Engine, count: int) -> None:
    for number in range(1, count + 1):
        Recorder(engine, partial(int, number * 10))(ANN, "key.update", f"key_{number}", {"rpm": number})


def test_a_row_says_what_differs(engine: Engine) -> None:
    with writing(engine) as connection:
        write(connection, ANN, "key.update", "key_1", {"name": "a", "rpm": 1}, {"name": "a", "rpm": None}, at=5)
    (row,) = entries(engine, Asked(), 10)
    assert (row.actor, row.origin, row.role, row.address, row.request_id) == (
        "ann",
        "console",
        "admin",
        "192.0.2.7",
        "req_1",
    )
    assert (row.sequence, row.at, row.action, row.subject) == (1, 5, "key.update", "key_1")
    assert (row.before, row.after) == ({"rpm": 1}, {"rpm": None})
    assert [*broken(engine)] == []


def test_rows_are_found_by_what_they_say(engine: Engine) -> None:
    record = Recorder(engine, lambda: 1)
    record(ANN, "key.create", "key_1", {})
    record(ANN, "key.revoke", "key_1", {})
    record(HOMEPORT, "keyring.made", "key_2", {})
    assert [row.sequence for row in entries(engine, Asked(), 2)] == [3, 2]
    assert [row.sequence for row in entries(engine, Asked(below=3), 10)] == [2, 1]
    assert [row.sequence for row in entries(engine, Asked(action="key"), 10)] == [2, 1]
    assert [row.sequence for row in entries(engine, Asked(action="key.revoke"), 10)] == [2]
    assert [row.sequence for row in entries(engine, Asked(actor="homeport", origin="system"), 10)] == [3]
    assert [row.sequence for row in entries(engine, Asked(subject="key_1", actor="ann"), 10)] == [2, 1]
    for hostile in ("%", "' OR 1=1 --", "\x00", "\ud800"):
        assert entries(engine, Asked(actor=hostile, action=hostile), 10) == []


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 1_000, "\u202e\x1b[31m"])
def test_whatever_was_said_can_be_kept(engine: Engine, text: str) -> None:
    Recorder(engine, lambda: 1)(Actor(name=text, origin=Origin.CLI), text, text, {})
    (row,) = entries(engine, Asked(), 1)
    assert 0 < len(row.actor) <= 160
    assert [*broken(engine)] == []


def test_what_is_too_long_is_counted(engine: Engine) -> None:
    Recorder(engine, lambda: 1)(ANN, "a.b", "", {"names": ["x" * 1_000] * 1_000})
    (row,) = entries(engine, Asked(), 1)
    assert row.after["too_long"] is True
    assert row.after["names"] == ["names"]


def test_a_change_that_fails_leaves_no_row(engine: Engine) -> None:
    def change_and_fail() -> None:
        with writing(engine) as connection:
            write(connection, ANN, "a.b", "", {}, {}, at=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert entries(engine, Asked(), 1) == []
    assert read_ends(engine).newest.sequence == 0


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (update(audit).where(audit.c.sequence == 3).values(actor="bob"), [Broken(sequence=3, what="changed")]),
        (update(audit).where(audit.c.sequence == 3).values(after="{}"), [Broken(sequence=3, what="changed")]),
        (delete(audit).where(audit.c.sequence == 3), [Broken(sequence=3, what="removed")]),
        (delete(audit).where(audit.c.sequence == 5), [Broken(sequence=5, what="removed")]),
        (delete(audit).where(audit.c.sequence == 1), [Broken(sequence=1, what="removed")]),
        (delete(audit), [Broken(sequence=5, what="removed")]),
    ],
)  # fmt: skip
def test_what_was_done_to_the_log_is_seen(engine: Engine, statement: Any, found: list[Broken]) -> None:
    fill(engine, 5)
    with writing(engine) as connection:
        connection.execute(statement)
    assert [*broken(engine)] == found


def test_a_row_that_was_put_in_is_seen(engine: Engine) -> None:
    fill(engine, 2)
    with writing(engine) as connection:
        row = dict(connection.execute(select(audit).where(audit.c.sequence == 2)).mappings().one())
        connection.execute(insert(audit).values({**row, "sequence": 3}))
    assert [one.sequence for one in broken(engine)][:1] == [3]


def test_retention_takes_the_oldest_and_what_is_left_can_be_checked(engine: Engine) -> None:
    fill(engine, 10)
    assert prune_audit(engine, before=41, most=3) == 3
    assert prune_audit(engine, before=41, most=3) == 1
    assert prune_audit(engine, before=41, most=3) == 0
    assert [row.sequence for row in entries(engine, Asked(), 20)] == [10, 9, 8, 7, 6, 5]
    assert [*broken(engine)] == []
    assert read_ends(engine).removed.sequence == 4
    with writing(engine) as connection:
        connection.execute(delete(audit).where(audit.c.sequence == 5))
    assert [*broken(engine)] == [Broken(sequence=5, what="removed")]


def test_whoever_writes_at_once_writes_one_chain(engine: Engine) -> None:
    record = Recorder(engine, lambda: 1)
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda number: record(ANN, "a.b", str(number), {}), range(40)))
    assert len(entries(engine, Asked(), 100)) == 40
    assert [*broken(engine)] == []

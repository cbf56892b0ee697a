"""Users and sessions at rest."""

import msgspec
import pytest
from sqlalchemy import Connection, Engine

from homeport.core.people import Role
from homeport.storage import users
from homeport.storage.audit import Facts
from homeport.storage.users import StoredUser

ANN = StoredUser(name="ann", role=Role.VIEWER, password="kept", created_at=1)


class Notes:
    """Remembers what was told of changes."""

    def __init__(self) -> None:
        self.told: list[tuple[Facts, Facts]] = []

    def __call__(self, _: Connection, before: Facts, after: Facts) -> None:
        self.told.append((before, after))


def test_the_life_of_a_user(engine: Engine) -> None:
    notes = Notes()
    assert not users.has_users(engine)
    assert users.add_user(engine, ANN, notes)
    assert not users.add_user(engine, ANN, notes)
    assert users.find_user(engine, "ann") == ANN
    assert users.find_user(engine, "ann\0") is None
    changed = users.change_user(engine, "ann", lambda user: msgspec.structs.replace(user, role=Role.ADMIN), notes)
    assert changed is not None
    assert [user.role for user in users.list_users(engine)] == [Role.ADMIN]
    assert users.remove_user(engine, "ann", notes)
    assert not users.remove_user(engine, "ann", notes)
    assert users.change_user(engine, "ann", lambda user: user, notes) is None
    assert [after.get("role") for _, after in notes.told] == ["viewer", "admin", None]
    assert "kept" not in str(notes.told)


def test_what_is_noted_can_refuse_the_change(engine: Engine) -> None:
    users.add_user(engine, ANN, Notes())

    def refuse(connection: Connection, before: Facts, after: Facts) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        users.remove_user(engine, "ann", refuse)
    assert users.find_user(engine, "ann") == ANN


def test_a_session_is_of_the_user_as_the_user_is_now(engine: Engine) -> None:
    notes = Notes()
    users.add_user(engine, ANN, notes)
    users.begin_session(engine, "d1", ANN, "192.0.2.7", 5, notes)
    found = users.find_session(engine, "d1")
    assert found is not None
    assert (found.user, found.created_at, found.seen_at) == (ANN, 5, 5)
    users.touch_session(engine, "d1", 9)
    assert users.find_session(engine, "d1").seen_at == 9  # type: ignore[union-attr]
    assert users.find_session(engine, "d2") is None
    users.change_user(engine, "ann", lambda user: msgspec.structs.replace(user, password="new"), notes)
    assert users.find_session(engine, "d1") is None
    assert notes.told[-1][1]["password"] == "changed"


@pytest.mark.parametrize("change", [{"password": "new"}, {"role": Role.ADMIN}, None])
def test_no_session_begins_of_a_user_who_was_changed_meanwhile(
    engine: Engine, change: dict[str, object] | None
) -> None:
    notes = Notes()
    users.add_user(engine, ANN, notes)
    if change is None:
        users.remove_user(engine, "ann", notes)
    else:
        users.change_user(engine, "ann", lambda user: msgspec.structs.replace(user, **change), notes)
    assert not users.begin_session(engine, "d1", ANN, "", 5, notes)
    assert users.find_session(engine, "d1") is None
    assert len(notes.told) == 2


def test_sessions_end_one_by_one_and_together(engine: Engine) -> None:
    notes = Notes()
    users.add_user(engine, ANN, notes)
    for name in ("d1", "d2", "d3"):
        users.begin_session(engine, name, ANN, "", 5, notes)
    users.end_session(engine, "d1", notes)
    users.end_session(engine, "d1", notes)
    assert users.end_sessions(engine, "ann", notes) == 2
    assert len(notes.told) == 1 + 3 + 1 + 1


def test_sessions_that_are_over_are_forgotten(engine: Engine) -> None:
    notes = Notes()
    users.add_user(engine, ANN, notes)
    for name, began, seen in (("old", 10, 95), ("idle", 50, 60), ("live", 50, 95)):
        users.begin_session(engine, name, ANN, "", began, notes)
        users.touch_session(engine, name, seen)
    assert users.prune_sessions(engine, began_before=20, seen_before=90) == 2
    assert users.prune_sessions(engine, began_before=20, seen_before=90) == 0
    assert users.find_session(engine, "live") is not None

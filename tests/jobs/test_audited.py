"""What is old enough leaves the audit log, and sessions that are over are forgotten."""

from functools import partial

from homeport.core.audit import HOMEPORT
from homeport.core.people import Role
from homeport.jobs.audited import AuditRetention, Terms
from homeport.storage import users
from homeport.storage.audit import Asked, Recorder, broken, entries
from homeport.storage.users import StoredUser
from tests.ledger.requests import ledger


def test_a_pass_is_of_both_kinds() -> None:
    engine = ledger()
    for at in range(1, 601):
        Recorder(engine, partial(int, at))(HOMEPORT, "a.b", "", {})
    ann = StoredUser(name="ann", role=Role.VIEWER, password="", created_at=1)
    users.add_user(engine, ann, lambda *_: None)
    users.begin_session(engine, "d", ann, "", 1, lambda *_: None)
    kept = AuditRetention(engine, Terms(audit=400, idle=1_000, whole=500))
    assert kept.tidy(951) == 550 + 1
    assert kept.tidy(951) == 0
    assert [row.sequence for row in entries(engine, Asked(), 100)][-1] == 551
    assert [*broken(engine)] == []

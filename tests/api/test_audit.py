"""What is changed through the admin API is in the audit log: by whom, from where, in which request."""

from pathlib import Path
from typing import Any

import pytest

from homeport.api.admin import named, said
from homeport.storage.audit import Asked, Entry, entries
from tests.api.test_admin import KEYS, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def newest(office: Office, action: str) -> Entry:
    return entries(office.engine, Asked(action=action), 1)[0]


async def test_each_change_of_a_key_says_what_was_before(office: Office) -> None:
    made = (await office.ask("POST", KEYS, {"name": "bot", "requests_per_minute": 60})).json
    path = f"{KEYS}/{made['id']}"
    answer = await office.ask("PATCH", path, {"requests_per_minute": 90})
    row = newest(office, "key.update")
    assert (row.origin, row.role, row.subject) == ("api", "admin", made["id"])
    assert row.actor.startswith("key_")
    assert row.request_id == answer.headers["x-homeport-request-id"]
    assert (row.before, row.after) == ({"requests_per_minute": 60}, {"requests_per_minute": 90})
    await office.ask("POST", f"{path}/rotate", {})
    await office.ask("DELETE", path)
    rows = entries(office.engine, Asked(subject=made["id"]), 10)
    assert [row.action for row in rows] == ["key.revoke", "key.rotate", "key.update", "key.create"]
    assert made["key"] not in str(rows)
    assert office.admin not in str(rows)


async def test_a_change_that_was_refused_is_none(office: Office) -> None:
    count = len(entries(office.engine, Asked(), 100))
    office.broken = True
    for method, path, body in (
        ("POST", KEYS, {"name": ""}),
        ("DELETE", f"{KEYS}/key_none", None),
        ("POST", "/admin/v1/budgets", {"name": "b"}),
        ("POST", "/admin/v1/reload", None),
        ("POST", "/admin/v1/holders/nobody/give-up", {}),
    ):
        assert (await office.ask(method, path, body)).status >= 400
    assert (await office.ask("POST", KEYS, {"name": "b"}, token=office.caller)).status == 403
    assert len(entries(office.engine, Asked(), 100)) == count


async def test_budgets_and_what_no_registry_keeps(office: Office) -> None:
    budget = {"name": "cap", "kind": "all", "limit_usd": "5", "window": "day"}
    made = (await office.ask("POST", "/admin/v1/budgets", budget)).json
    await office.ask("PATCH", f"/admin/v1/budgets/{made['id']}", {"limit_usd": "2"})
    assert newest(office, "budget.update").after == {"limit_usd": "2.000000000"}
    await office.ask("DELETE", f"/admin/v1/budgets/{made['id']}")
    assert newest(office, "budget.remove").before["name"] == "cap"
    await office.ask("POST", "/admin/v1/reload")
    assert newest(office, "reload").origin == "api"


async def test_reading_changes_nothing(office: Office) -> None:
    count = len(entries(office.engine, Asked(), 100))
    for path in (KEYS, "/admin/v1/config", "/admin/v1/targets", "/admin/v1/budgets", "/admin/v1/alerts"):
        await office.ask("GET", path)
    assert len(entries(office.engine, Asked(), 100)) == count


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "reload", ("reload", "")),
        ("POST", "cache/purge", ("cache.purge", "")),
        ("POST", "holders/x/give-up", ("holders.give-up", "x")),
        ("POST", "cache/partitions/p/resume", ("cache.resume", "p")),
        ("DELETE", "things/t", ("things.remove", "t")),
        ("PATCH", "things/t", ("things.update", "t")),
    ],
)
def test_what_a_request_is_called(method: str, path: str, expected: tuple[str, str]) -> None:
    assert named(method, path.split("/")) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b'{"free": true}', {"free": True}),
        (b'{"system": "' + b"a" * 500 + b'"}', {"system": "(500 characters)"}),
        *((body, {}) for body in (b"[]", b"{", b"\xff", b"[" * 100_000)),
    ],
)
def test_what_a_body_says(body: bytes, expected: dict[str, Any]) -> None:
    assert said(body) == expected

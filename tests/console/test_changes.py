"""The pages that change keys, budgets and users: what their forms say, and what is said of what cannot be."""

from typing import Any

import pytest

from homeport.api.budgets import BudgetFields
from homeport.api.keys import KeyFields
from homeport.core.people import Role
from homeport.storage.audit import Asked, broken, entries
from tests.console.office import ADDRESS, Browser, Office
from tests.fakes.wire import Caller

BUDGET = {"name": "cap", "kind": "all", "scope": "", "limit_usd": "25.00", "window": "month", "action": "block"}


async def make(browser: Browser, **fields: Any) -> Caller:
    return await browser.post("/console/keys", {"name": "bot", "scope": ["inference"], **fields})


async def test_a_key_as_its_form_says_it(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    fields = {
        "project": "acme/search",
        "tiers": " mid , ",
        "requests_per_minute": "60",
        "days": "2",
        "tokens_per_minute": "",
    }
    answer = await make(browser, scope=["chat", "admin"], **fields)
    assert answer.status == 200
    (stored,) = office.keys.every()
    assert f"hp-{stored.key.id.removeprefix('key_')}-" in answer.body.decode()
    assert (stored.key.name, stored.key.project, [*stored.key.tiers]) == ("bot", "acme/search", ["mid"])
    assert {str(scope) for scope in stored.key.scopes} == {"chat", "admin"}
    assert stored.key.limits is not None
    assert (stored.key.limits.requests_per_minute, stored.key.limits.tokens_per_minute) == (60, None)
    assert stored.key.expires_at == office.clock.wall / 1e9 + 2 * 86_400
    row = entries(office.engine, Asked(action="key.create"), 1)[0]
    assert (row.actor, row.role, row.origin, row.address) == ("admin", "admin", "console", ADDRESS)
    assert "hp-" not in str(row)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 500},
        {"scope": []},
        {"scope": ["root"]},
        {"project": "../../etc"},
        {"tiers": "unheard-of"},
        {"models": "unheard-of"},
        {"requests_per_minute": "-1"},
        {"requests_per_minute": "1e9"},
        {"requests_per_minute": "\u0663"},
        {"requests_per_minute": "9" * 400},
        {"days": "0"},
        {"data_class": "unheard-of"},
    ],
)
async def test_a_key_that_cannot_be_is_told_and_not_made(office: Office, fields: dict[str, Any]) -> None:
    browser = await office.enter(Role.ADMIN)
    answer = await make(browser, **fields)
    assert answer.status in (400, 422)
    assert b'role="alert"' in answer.body
    assert office.keys.every() == []


async def test_a_key_is_rotated_and_revoked(office: Office) -> None:
    issued = office.keys.create(KeyFields(name="bot"))
    path = f"/console/keys/{issued.stored.key.id}"
    admin, operator = await office.enter(Role.ADMIN), await office.enter(Role.OPERATOR)
    assert (await operator.post(f"{path}/rotate")).status == 403
    rotated = await admin.post(f"{path}/rotate")
    assert rotated.status == 200
    assert issued.token not in rotated.body.decode()
    assert (await operator.post(f"{path}/revoke")).status == 303
    assert office.keys.get(issued.stored.key.id).revoked_at is not None
    assert office.ring.live(issued.stored.key.id) is None
    assert (await operator.post(f"{path}/revoke")).status == 404
    assert [row.actor for row in entries(office.engine, Asked(subject=issued.stored.key.id), 2)] == [
        "operator",
        "admin",
    ]


async def test_the_life_of_a_budget(office: Office) -> None:
    browser = await office.enter(Role.OPERATOR)
    assert (await browser.post("/console/budgets", BUDGET)).status == 303
    (facts,) = office.budgets.every()
    path = f"/console/budgets/{facts.stored.budget.id}"
    assert b"$25.00 a month" in (await browser.get("/console/budgets")).body
    assert (await browser.post(path, {"limit_usd": "0.5"})).status == 303
    assert b"$0.50 a month" in (await browser.get("/console/budgets?done=changed")).body
    row = entries(office.engine, Asked(action="budget.update"), 1)[0]
    assert (row.actor, row.before, row.after) == (
        "operator", {"limit_usd": "25.000000000"}, {"limit_usd": "0.500000000"}
    )  # fmt: skip
    assert (await browser.post(f"{path}/remove")).status == 303
    assert office.budgets.every() == []
    assert (await browser.post(f"{path}/remove")).status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"limit_usd": "-1"},
        {"limit_usd": "NaN"},
        {"limit_usd": ""},
        {"window": "year"},
        {"kind": "planet"},
        {"kind": "key", "scope": "key_none"},
        {"name": "<b>"},
        {"action": "explode"},
    ],
)
async def test_a_budget_that_cannot_be_is_told_and_not_made(office: Office, fields: dict[str, str]) -> None:
    browser = await office.enter(Role.OPERATOR)
    answer = await browser.post("/console/budgets", {**BUDGET, **fields})
    assert answer.status in (400, 404)
    assert b'role="alert"' in answer.body
    assert office.budgets.every() == []


async def test_what_was_typed_is_still_there_where_a_form_was_refused(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    budget = await browser.post("/console/budgets", {**BUDGET, "name": 'a "name"', "limit_usd": "much"})
    assert b'value="a &#34;name&#34;"' in budget.body
    assert b'value="much"' in budget.body
    key = await browser.post("/console/keys", {"name": "bot", "scope": "chat", "tiers": "none-such", "days": "7"})
    assert b'role="alert"' in key.body
    assert b'value="none-such"' in key.body
    assert b'value="chat" checked' in key.body
    assert b'value="inference" checked' not in key.body


async def test_a_form_says_nothing_that_it_has_no_field_for(office: Office) -> None:
    browser = await office.enter(Role.OPERATOR)
    made = office.budgets.create(BudgetFields(name="cap", kind="all", limit_usd="5", window="day"))  # type: ignore[arg-type]
    path = f"/console/budgets/{made.stored.budget.id}"
    assert (await browser.post(path, {"limit_usd": "1", "id": "bud_other", "created_at": "0"})).status == 303
    assert office.budgets.every()[0].stored.budget.id == made.stored.budget.id


async def test_the_life_of_a_user(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    added = await browser.post("/console/users", {"name": "grace", "role": "viewer"})
    password = added.body.decode().partition('class="token">')[2].partition("<")[0]
    grace = office.browser()
    assert (await grace.sign_in("grace", password)).status == 303
    assert (await browser.post("/console/users/grace/role", {"role": "operator"})).status == 303
    assert (await grace.get("/console/keys")).status == 303, "the session is over"
    again = await browser.post("/console/users/grace/password")
    assert password not in again.body.decode()
    assert (await browser.post("/console/users/grace/sign-out")).status == 303
    assert (await browser.post("/console/users/grace/remove")).status == 303
    assert (await browser.post("/console/users/grace/remove")).status == 404
    assert password not in str(entries(office.engine, Asked(), 50))
    assert [*broken(office.engine)] == []


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("", {"name": "admin", "role": "viewer"}, "there is a user named"),
        ("", {"name": "a b", "role": "viewer"}, "1 to 128 letters"),
        ("", {"name": "ada", "role": "king"}, "no such role"),
        ("/admin/role", {"role": "viewer"}, "is the last admin"),
        ("/admin/remove", {}, "is the last admin"),
        ("/nobody/sign-out", {}, "there is no user named"),
    ],
)
async def test_what_cannot_be_done_to_users(office: Office, path: str, fields: dict[str, str], told: str) -> None:
    browser = await office.enter(Role.ADMIN)
    before = office.users.every()
    answer = await browser.post(f"/console/users{path}", fields)
    assert answer.status in (400, 404)
    assert b'role="alert"' in answer.body
    assert office.users.every() == before
    assert told in answer.body.decode()
    assert not entries(office.engine, Asked(action="user"), 5)

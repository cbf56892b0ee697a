"""Who may what: every route for every role, and nothing that is not in the table."""

import re

import pytest

from homeport.console.access import LEAST, may
from homeport.console.app import PAGES
from homeport.console.routing import Routes
from homeport.core.audit import Actor, Origin
from homeport.core.discovery import discover, load_each
from homeport.core.people import Role
from tests.console.office import Office

OPEN = [route for route, least in LEAST.items() if least is None]
CLOSED = [route for route, least in LEAST.items() if least is not None]


def example(route: str) -> tuple[str, str]:
    """The method, and a path of the route."""
    method, _, path = route.partition(" ")
    return method, re.sub(r"\{\w+\}", "some-id", path)


def routes(office: Office) -> Routes:
    return Routes(module.page(office.parts) for module in load_each(PAGES, discover(PAGES)).values())


def test_the_table_has_every_route_and_no_other(office: Office) -> None:
    assert sorted(routes(office).names) == sorted(LEAST)


def test_every_change_needs_somebody_who_is_signed_in() -> None:
    assert [route for route in OPEN if route.startswith("POST")] == ["POST /console/sign-in"]


@pytest.mark.parametrize("route", CLOSED)
@pytest.mark.parametrize("role", [None, *Role])
async def test_each_route_for_each_role(office: Office, role: Role | None, route: str) -> None:
    method, path = example(route)
    least = LEAST[route]
    assert least is not None
    browser = office.browser()
    if role is not None:
        browser.cookie = f"homeport_console={begin(office, role)}"
        browser.csrf = office.sessions.proof(browser.cookie.partition("=")[2], "form")
    answer = await (browser.get(path) if method == "GET" else browser.post(path))
    if role is None:
        expected = (303, "/console/sign-in?") if method == "GET" else (401, "")
        assert (answer.status, answer.headers.get("location", "")[:17]) == expected
    elif role.allows(least):
        assert answer.status not in (401, 403), answer.body
    else:
        assert answer.status == 403
        assert b"role_missing" in answer.body


def begin(office: Office, role: Role) -> str:
    """A session without the password, which takes a quarter of a second to check."""
    user = office.users.find(str(role))
    assert user is not None
    return office.sessions.begin(Actor(name=str(role), origin=Origin.CONSOLE), user)


def test_what_is_not_in_the_table_nobody_may() -> None:
    assert not any(may(role, "GET /console/unheard-of") for role in Role)


def test_roles_are_in_order() -> None:
    assert [role.rank for role in Role] == [0, 1, 2, 3]
    assert Role.ADMIN.allows(Role.VIEWER)
    assert not Role.VIEWER.allows(Role.REVIEWER)

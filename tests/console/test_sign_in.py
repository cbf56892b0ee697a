"""Signing in and out: passwords, sessions, and what is tried against them."""

import asyncio
from collections.abc import Callable

import pytest

from homeport.console import passwords
from homeport.console.attempts import LIMITS
from homeport.core.people import Role
from homeport.storage.audit import Asked, entries
from tests.console.office import PASSWORD, Office

_MINUTE = 60 * 1_000_000_000


async def test_somebody_signs_in_and_out(office: Office) -> None:
    browser = office.browser()
    answer = await browser.sign_in("viewer")
    assert (answer.status, answer.headers["location"]) == (303, "/console")
    assert (await browser.get("/console/keys")).status == 200
    signed_out = await browser.post("/console/sign-out")
    assert signed_out.headers["location"] == "/console/sign-in"
    assert (await browser.get("/console/keys")).status == 303
    kept = entries(office.engine, Asked(actor="viewer"), 10)
    assert [(row.action, row.address) for row in kept] == [
        ("session.end", "192.0.2.7"),
        ("session.begin", "192.0.2.7"),
    ]


async def test_an_old_cookie_is_nobodys_after_signing_out(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    stolen = browser.cookie
    await browser.post("/console/sign-out")
    browser.cookie = stolen
    assert (await browser.get("/console/keys")).status == 303


async def test_signing_in_gives_a_new_session(office: Office) -> None:
    browser = office.browser()
    await browser.get("/console/sign-in")
    planted = browser.cookie
    await browser.sign_in("admin")
    assert browser.cookie != planted
    other = office.browser()
    other.cookie = planted
    assert (await other.get("/console/keys")).status == 303


async def test_a_cookie_that_somebody_chose_is_not_taken(office: Office) -> None:
    browser = office.browser()
    browser.cookie = "homeport_console=chosen-by-somebody-else"
    await browser.get("/console/sign-in")
    assert "chosen" not in browser.cookie


@pytest.mark.parametrize("public_url", [None, "https://homeport.example.com"])
async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    open_office: Callable[..., Office], public_url: str | None
) -> None:
    office = open_office(console={"public_url": public_url})
    browser = office.browser()
    browser.host = "homeport.example.com" if public_url else "127.0.0.1:8080"
    cookie = (await browser.get("/console/sign-in")).headers["set-cookie"]
    attributes = set(cookie.split("; ")[1:])
    assert {"HttpOnly", "SameSite=Lax"} < attributes
    assert ("Secure" in attributes) is (public_url is not None)
    assert cookie.startswith("__Host-homeport=" if public_url else "homeport_console=")


@pytest.mark.parametrize(
    ("name", "password"), [("admin", "wrong password"), ("nobody", PASSWORD), ("", ""), ("\ufffd", "x")]
)
async def test_a_wrong_name_or_password_is_refused_in_the_same_words(office: Office, name: str, password: str) -> None:
    browser = office.browser()
    answer = await browser.sign_in(name, password)
    assert answer.status == 401
    assert b"the name or the password is wrong" in answer.body
    assert (await browser.get("/console/keys")).status == 303


async def test_a_wrong_password_is_logged_without_what_was_typed(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.browser().sign_in("my-secret-passphrase", "typed in the wrong field")
    assert "a wrong name or password from 192.0.2.7" in caplog.text
    assert "secret" not in caplog.text
    assert "typed" not in caplog.text


async def test_guessing_is_slowed_down(office: Office) -> None:
    browser = office.browser()
    _, most, seconds = LIMITS[1]
    for _ in range(most):
        assert (await browser.sign_in("admin", "a wrong password")).status == 401
    refused = await browser.sign_in("admin")
    assert (refused.status, refused.headers["retry-after"]) == (429, str(seconds))
    assert (await browser.sign_in("viewer")).status == 303
    office.clock.advance(seconds * 1_000_000_000)
    assert (await browser.sign_in("admin")).status == 303


async def test_a_session_ends_without_requests(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    for _ in range(3):
        office.clock.advance(29 * _MINUTE)
        assert (await browser.get("/console/keys")).status == 200
    office.clock.advance(31 * _MINUTE)
    assert (await browser.get("/console/keys")).status == 303


async def test_a_session_ends_at_last(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    for _ in range(12 * 3):
        office.clock.advance(20 * _MINUTE)
        assert (await browser.get("/console/keys")).status == 200
    office.clock.advance(20 * _MINUTE)
    assert (await browser.get("/console/keys")).status == 303


async def test_a_role_holds_at_once_and_ends_the_sessions_from_before(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    office.users.add("second", Role.ADMIN, PASSWORD)
    office.users.set_role("admin", Role.VIEWER)
    assert (await browser.get("/console/users")).status == 303
    again = office.browser()
    await again.sign_in("admin")
    assert (await again.get("/console/users")).status == 403


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """While a password is checked, which takes a quarter of a second, something changes."""
    matches = passwords.matches

    def check(password: str, kept: str) -> bool:
        right = matches(password, kept)
        monkeypatch.setattr(passwords, "matches", matches)
        change()
        return right

    monkeypatch.setattr(passwords, "matches", check)


@pytest.mark.parametrize("how", ["password", "role", "removed", "made anew"])
async def test_who_is_changed_while_signing_in_is_not_let_in(
    office: Office, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def change() -> None:
        if how == "password":
            office.users.set_password("operator", "another long password")
        elif how == "role":
            office.users.set_role("operator", Role.VIEWER)
        else:
            office.users.remove("operator")
        if how == "made anew":
            office.users.add("operator", Role.ADMIN, "another long password")

    meanwhile(monkeypatch, change)
    browser = office.browser()
    refused = await browser.sign_in("operator")
    assert (refused.status, b"sign in anew" in refused.body) == (401, True)
    assert (await browser.get("/console/keys")).status == 303


async def test_an_old_password_sets_none_once_an_admin_has_set_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = await office.enter(Role.OPERATOR)
    meanwhile(monkeypatch, lambda: office.users.set_password("operator", "the admin's password"))
    refused = await thief.post("/console/account/password", {"old": PASSWORD, "new": "the thief's password"})
    assert (refused.status, b"changed a moment ago" in refused.body) == (400, True)
    assert (await office.browser().sign_in("operator", "the thief&#39;s password")).status == 401
    assert (await office.browser().sign_in("operator", "the admin's password")).status == 303


async def test_guessing_the_old_password_is_slowed_down_also_at_the_same_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def matches(password: str, _: str) -> bool:
        tried.append(password)
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    thief = await office.enter(Role.OPERATOR)
    fields = [{"old": f"guess {number}", "new": "the thief's password"} for number in range(20)]
    answers = await asyncio.gather(*(thief.post("/console/account/password", each) for each in fields))
    assert {answer.status for answer in answers} == {400}
    assert len(tried) == LIMITS[1][1]


@pytest.mark.parametrize("others", ['a={"x": 1}; ', "a=b c; ", "=; ;; ", "\xe9=\xe9; ", 'a="b; '])
async def test_what_other_services_of_the_host_set_signs_nobody_out(office: Office, others: str) -> None:
    browser = await office.enter(Role.VIEWER)
    browser.cookie = f"{others}{browser.cookie}"
    assert (await browser.get("/console/keys")).status == 200


async def test_a_removed_user_is_out(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    office.users.remove("viewer")
    assert (await browser.get("/console/keys")).status == 303
    assert (await browser.sign_in("viewer")).status == 401


async def test_a_new_password_ends_other_sessions_and_goes_on_with_this_one(office: Office) -> None:
    office.home.console_password.write_text(PASSWORD)
    here, elsewhere = await office.enter(Role.ADMIN), await office.enter(Role.ADMIN)
    wrong = await here.post("/console/account/password", {"old": "wrong", "new": "another long password"})
    assert (wrong.status, b"the old password is wrong" in wrong.body) == (400, True)
    short = await here.post("/console/account/password", {"old": PASSWORD, "new": "short"})
    assert b"12 to 256" in short.body
    done = await here.post("/console/account/password", {"old": PASSWORD, "new": "another long password"})
    assert done.status == 303
    assert (await here.get("/console/keys")).status == 200
    assert (await elsewhere.get("/console/keys")).status == 303
    assert not office.home.console_password.exists()
    assert (await office.browser().sign_in("admin", "another long password")).status == 303


async def test_somebody_signs_out_everywhere(office: Office) -> None:
    here, elsewhere = await office.enter(Role.VIEWER), await office.enter(Role.VIEWER)
    await here.post("/console/account/sign-out")
    assert (await here.get("/console/keys")).status == 303
    assert (await elsewhere.get("/console/keys")).status == 303


async def test_no_id_is_kept_as_it_is(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    token = browser.cookie.partition("=")[2]
    kept = office.dump()
    assert "console_sessions" in kept
    assert token not in kept
    assert PASSWORD not in kept


@pytest.mark.parametrize(
    "further",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/console//evil", "javascript:alert(1)", "/v1/models",
     "/console/../v1", "/console/\r\nset-cookie: a=b", "/console/x y", "/consoles", "\u202e/console/keys"],
)  # fmt: skip
async def test_signing_in_leads_to_the_console_alone(office: Office, further: str) -> None:
    answer = await office.browser().sign_in("viewer", next=further)
    assert (answer.status, answer.headers["location"]) == (303, "/console")


async def test_signing_in_leads_to_where_one_wanted_to_go(office: Office) -> None:
    browser = office.browser()
    led = await browser.get("/console/keys?done=revoked")
    assert led.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fkeys%3Fdone%3Drevoked"
    assert b'value="/console/keys?done=revoked"' in (await browser.get(led.headers["location"])).body
    answer = await browser.sign_in("viewer", next="/console/keys?done=revoked")
    assert answer.headers["location"] == "/console/keys?done=revoked"

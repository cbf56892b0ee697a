"""Signing in at an OpenID provider: what counts, and what is tried against it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from homeport.config.oidc import OidcSettings
from homeport.console.oidc import name_of, read_metadata, role_of
from homeport.core.errors import HomeportError, NotAuthenticated, NotPermitted, UpstreamError
from homeport.core.people import Role
from homeport.storage.audit import Asked, entries
from tests.console.office import PASSWORD, Browser, Office
from tests.fakes.clock import ManualClock
from tests.fakes.oidc import CLIENT, SECRET, OpenIdProvider
from tests.fakes.wire import Caller

ROLES = {"ops": "operator", "staff": "viewer", "boss": "admin"}


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    opened = OpenIdProvider(now=ManualClock().wall_ns() // 1_000_000_000)
    with opened.serve():
        yield opened


@pytest.fixture
def office(open_office: Callable[..., Office], provider: OpenIdProvider) -> Office:
    said = {"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET, "roles": ROLES, "name": "Acme ID"}
    return open_office(console={"oidc": said})


def settings(**changes: Any) -> OidcSettings:
    return OidcSettings.model_validate({"issuer": "https://id.example", "client_id": "c", "roles": ROLES, **changes})


def asked(answer: Caller) -> dict[str, str]:
    """What the provider was asked, as the address that the browser was sent to says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def go(browser: Browser, provider: OpenIdProvider, further: str = "") -> str:
    """To the provider; where it sends the browser back to."""
    started = await browser.get(f"/console/oidc/start?next={further}")
    assert started.status == 303, started.body
    back = urlsplit(provider.authorize(asked(started)))
    return f"{back.path}?{back.query}"


async def test_somebody_signs_in(office: Office, provider: OpenIdProvider) -> None:
    browser = office.browser()
    assert b"Sign in with Acme ID" in (await browser.get("/console/sign-in")).body
    planted = browser.cookie
    answer = await browser.get(await go(browser, provider, "/console/keys"))
    assert (answer.status, answer.headers.get("location")) == (303, "/console/keys"), answer.body
    assert browser.cookie != planted
    page = await browser.get("/console/budgets")
    assert b"ada@example.com" in page.body
    user = office.users.find("ada@example.com")
    assert user is not None
    assert (user.role, user.password, user.issuer) == (Role.OPERATOR, "", f"{provider.url}#u-1")
    assert [row.action for row in entries(office.engine, Asked(), 5)] == ["session.begin", "user.add"]


async def test_what_the_provider_is_asked(office: Office, provider: OpenIdProvider) -> None:
    one, other = office.browser(), office.browser()
    first, second = asked(await one.get("/console/oidc/start")), asked(await other.get("/console/oidc/start"))
    again = asked(await one.get("/console/oidc/start"))
    assert first["redirect_uri"] == "http://127.0.0.1:8080/console/oidc/callback"
    for name in ("state", "nonce", "code_challenge"):
        assert len({first[name], second[name], again[name]}) == 3
        assert len(first[name]) >= 43


async def test_a_role_follows_the_provider_at_each_sign_in(office: Office, provider: OpenIdProvider) -> None:
    browser = office.browser()
    await browser.get(await go(browser, provider))
    provider.user["groups"] = ["boss", "staff"]
    again = office.browser()
    await again.get(await go(again, provider))
    assert office.users.find("ada@example.com").role is Role.ADMIN  # type: ignore[union-attr]
    assert (await again.get("/console/users")).status == 200
    assert (await browser.get("/console/keys")).status == 303, "a session from before the change is over"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["another", CLIENT]},
        {"aud": ["another", CLIENT], "azp": "another"},
        {"azp": "another"},
        {"exp": 1_600_000_000},
        {"iat": 1_900_000_000},
        {"nonce": "of another attempt"},
        *({name: None} for name in ("iss", "aud", "exp", "iat", "nonce", "sub", "email")),
        {"email": ["a", "list"]},
        {"email": "a/b"},
        {"email": ".."},
        {"email": " ada@example.com"},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email": "\u202e"},
    ],
)
async def test_a_token_that_is_not_for_this_is_refused(
    office: Office, provider: OpenIdProvider, claims: Mapping[str, Any]
) -> None:
    provider.claims = dict(claims)
    browser = office.browser()
    answer = await browser.get(await go(browser, provider))
    assert answer.status in (400, 401), answer.body
    assert (await browser.get("/console/keys")).status == 303
    assert len(office.users.every()) == len(Role)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS999"])
async def test_a_signature_of_another_kind_is_refused(office: Office, provider: OpenIdProvider, algorithm: str) -> None:
    provider.algorithm = algorithm
    browser = office.browser()
    answer = await browser.get(await go(browser, provider))
    assert (answer.status, b"oidc_token_invalid" in answer.body) == (401, True)


async def test_a_signature_by_another_key_is_refused_and_a_new_key_is_learned(
    office: Office, provider: OpenIdProvider
) -> None:
    browser = office.browser()
    assert (await browser.get(await go(browser, provider))).status == 303
    provider.renew_key()
    browser = office.browser()
    back = await go(browser, provider)
    assert (await browser.get(back)).status == 401
    assert provider.asked.count("/jwks") == 1, "a wrong token does not make us ask at once"
    office.clock.advance(61 * 1_000_000_000)
    assert (await browser.get(await go(browser, provider))).status == 303
    assert provider.asked.count("/jwks") == 2


async def test_a_way_back_is_good_for_the_browser_that_went_and_once(office: Office, provider: OpenIdProvider) -> None:
    browser, other = office.browser(), office.browser()
    back = await go(browser, provider)
    await other.get("/console/sign-in")
    stolen = await other.get(back)
    assert (stolen.status, b"oidc_state_wrong" in stolen.body) == (401, True)
    assert provider.exchanged == 0
    assert (await browser.get(back)).status == 303
    assert (await browser.get(back)).status == 401
    assert provider.exchanged == 1


@pytest.mark.parametrize("change", ["state=x", "state=", "state=%ff", "code=wrong", "error=access_denied", "code="])
async def test_what_came_back_otherwise_is_refused(office: Office, provider: OpenIdProvider, change: str) -> None:
    browser = office.browser()
    answer = await browser.get(f"{await go(browser, provider)}&{change}")
    assert answer.status in (400, 401)
    assert (await browser.get("/console/keys")).status == 303


@pytest.mark.parametrize("further", ["https://evil.example", "//evil.example", "/v1/models"])
async def test_the_way_back_leads_to_the_console_alone(office: Office, provider: OpenIdProvider, further: str) -> None:
    browser = office.browser()
    assert (await browser.get(await go(browser, provider, further))).headers["location"] == "/console"


async def test_nobody_takes_the_name_of_a_local_user(office: Office, provider: OpenIdProvider) -> None:
    provider.user["email"] = "admin"
    browser = office.browser()
    answer = await browser.get(await go(browser, provider))
    assert (answer.status, b"user_name_taken" in answer.body) == (400, True)
    assert office.users.find("admin").issuer == ""  # type: ignore[union-attr]


async def test_another_subject_is_another_user(office: Office, provider: OpenIdProvider) -> None:
    browser = office.browser()
    await browser.get(await go(browser, provider))
    provider.user["sub"] = "u-2"
    browser = office.browser()
    assert (await browser.get(await go(browser, provider))).status == 400


async def test_such_a_user_has_no_password_here(office: Office, provider: OpenIdProvider) -> None:
    browser = office.browser()
    await browser.get(await go(browser, provider))
    with pytest.raises(HomeportError) as caught:
        office.users.set_password("ada@example.com", PASSWORD)
    assert caught.value.code == "user_not_local"
    assert (await office.browser().sign_in("ada@example.com", "")).status == 401


async def test_a_link_signs_nobody_out(office: Office, provider: OpenIdProvider) -> None:
    browser = await office.enter(Role.VIEWER)
    cookie = browser.cookie
    answer = await browser.get("/console/oidc/start?next=/console/keys")
    assert (answer.status, answer.headers["location"]) == (303, "/console/keys")
    assert browser.cookie == cookie
    assert (await browser.get("/console/keys")).status == 200


async def test_a_token_that_is_nested_without_end_is_refused(office: Office, provider: OpenIdProvider) -> None:
    provider.nested = 100_000
    browser = office.browser()
    answer = await browser.get(await go(browser, provider))
    assert (answer.status, b"oidc_token_invalid" in answer.body) == (401, True)


@pytest.mark.parametrize("groups", [{"boss": True}, 7, None, [["boss"]], ["BOSS", "boss "], "boss,staff", [None, {}]])
async def test_groups_of_a_strange_type_give_no_role(office: Office, provider: OpenIdProvider, groups: object) -> None:
    provider.user["groups"] = groups
    browser = office.browser()
    assert (await browser.get(await go(browser, provider))).status == 403


async def test_a_provider_that_never_stops_is_cut(office: Office, provider: OpenIdProvider) -> None:
    provider.describes = {"padding": "x" * (2 << 20)}
    answer = await office.browser().get("/console/oidc/start")
    assert (answer.status, b"oidc_unavailable" in answer.body) == (502, True)


async def test_without_a_role_nobody_comes_in(office: Office, provider: OpenIdProvider) -> None:
    provider.user["groups"] = ["guests"]
    browser = office.browser()
    answer = await browser.get(await go(browser, provider))
    assert (answer.status, b"oidc_role_missing" in answer.body) == (403, True)


async def test_a_provider_that_is_gone_is_told(open_office: Callable[..., Office]) -> None:
    office = open_office(console={"oidc": {"issuer": "http://127.0.0.1:1", "client_id": "c"}})
    answer = await office.browser().get("/console/oidc/start")
    assert (answer.status, b"oidc_unavailable" in answer.body) == (502, True)


async def test_without_a_provider_there_is_nothing(open_office: Callable[..., Office]) -> None:
    assert (await open_office().browser().get("/console/oidc/start")).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
    ],
)
def test_a_description_of_another_is_refused(change: dict[str, Any]) -> None:
    places = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    right: dict[str, Any] = {"issuer": "https://id.example"} | {name: f"https://id.example/{name}" for name in places}
    assert read_metadata(right, "https://id.example").issuer == "https://id.example"
    with pytest.raises(UpstreamError):
        read_metadata({**right, **change}, "https://id.example")


@pytest.mark.parametrize(
    ("said", "role"),
    [
        (["staff", "ops"], Role.OPERATOR),
        ("boss", Role.ADMIN),
        *((other, Role.VIEWER) for other in (["x"], None, 7, [["boss"]])),
    ],
)
def test_the_most_of_several_roles_counts(said: object, role: Role) -> None:
    assert role_of({"groups": said}, settings(default_role="viewer")) is role


def test_nobody_is_let_in_by_default() -> None:
    with pytest.raises(NotPermitted):
        role_of({"groups": ["x"]}, settings())
    with pytest.raises(NotAuthenticated):
        name_of({}, settings())


@pytest.mark.parametrize("change", [{"issuer": "http://id.example"}, {"scopes": ["email"]}, {"roles": {"a": "king"}}])
def test_what_cannot_be_set(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        settings(**change)

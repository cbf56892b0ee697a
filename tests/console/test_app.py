"""What holds for every page: headers, forms, hosts, errors, and that text stays text."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from homeport.api.keys import KeyFields
from homeport.console.access import LEAST
from homeport.core.people import Role
from tests.console.office import Office
from tests.fakes.wire import Message

PAGES = [route.removeprefix("GET ") for route in LEAST if route.startswith("GET") and "{" not in route]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202egnp.exe\u2066\u200b",
    "Z\u0335\u0321" + "\u0335" * 60,
    "2026-11-23 12:00:00 INFO admin signed in\r\nset-cookie: a=b",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 20,
]


@pytest.mark.parametrize("path", ["/console", *PAGES, "/console/static/console.css", "/console/unheard-of"])
@pytest.mark.parametrize("signed_in", [True, False])
async def test_every_answer_is_closed_to_other_sites(office: Office, path: str, signed_in: bool) -> None:
    browser = await office.enter(Role.ADMIN) if signed_in else office.browser()
    answer = await browser.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "no-store" in answer.headers["cache-control"] or "static" in path


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_has_a_script_or_a_style_of_its_own(office: Office, path: str) -> None:
    browser = await office.enter(Role.ADMIN)
    body = (await browser.get(path)).body.decode()
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", body) == []
    assert [tag for tag in re.findall(r"<script[^>]*>(.*?)</script>", body, re.DOTALL) if tag] == []
    assert re.findall(r"""(?:src|href|action)=["'](?!/console)(?!#)[^"']*""", body) == []


@pytest.mark.parametrize("path", PAGES)
async def test_every_form_that_changes_something_sends_the_proof(office: Office, path: str) -> None:
    office.keys.create(KeyFields(name="a key"))
    browser = await office.enter(Role.ADMIN)
    body = (await browser.get(path)).body.decode()
    for form in re.findall(r'<form[^>]*method="post".*?</form>', body, re.DOTALL):
        assert f'name="csrf" value="{browser.csrf}"' in form


async def test_a_form_without_the_proof_changes_nothing(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    right = browser.csrf
    for wrong in ("", "0" * 64, right[:-1], right.upper() + "x", "\xff" * 64):
        browser.csrf = wrong
        refused = await browser.post("/console/keys", {"name": "planted", "scope": "inference"})
        assert (refused.status, b"form_outdated" in refused.body) == (403, True)
    assert office.keys.every() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", '{"csrf": "PROOF", "name": "planted", "scope": "inference"}'),
        ("text/plain", '{"csrf": "PROOF", "name": "planted", "scope": "inference", "x": "="}'),
        (
            "multipart/form-data; boundary=b",
            '--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\nPROOF\r\n--b--\r\n',
        ),
        ("application/x-www-form-urlencoded", "name=planted&scope=inference"),
        ("application/x-www-form-urlencoded", "csrf=PROOF&csrf=&name=planted&scope=inference"),
    ],
)
async def test_the_proof_counts_in_a_form_alone(office: Office, kind: str, body: str) -> None:
    browser = await office.enter(Role.ADMIN)
    said = {"origin": f"http://{browser.host}", "content-type": kind}
    sent = body.replace("PROOF", browser.csrf).encode()
    refused = await browser._call("POST", f"/console/keys?csrf={browser.csrf}&x-csrf-token={browser.csrf}", said, sent)
    assert (refused.status, b"form_outdated" in refused.body) == (403, True)
    assert office.keys.every() == []


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_that_is_looked_at_changes_anything(office: Office, path: str) -> None:
    browser = await office.enter(Role.ADMIN)
    before = office.dump()
    for query in ("", "?name=planted&scope=inference&role=admin&limit_usd=1&all=all&model=mid&_method=POST"):
        await browser.get(f"{path}{query}", x_http_method_override="POST")
    assert office.dump() == before


async def test_the_proof_of_another_session_is_none(office: Office) -> None:
    one, other = await office.enter(Role.ADMIN), await office.enter(Role.ADMIN)
    one.csrf = other.csrf
    assert (await one.post("/console/keys", {"name": "planted", "scope": "inference"})).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "http://127.0.0.1:8080, https://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
)
async def test_a_form_from_another_site_changes_nothing(office: Office, headers: dict[str, str]) -> None:
    browser = await office.enter(Role.ADMIN)
    refused = await browser.post("/console/keys", {"name": "planted", "scope": "inference"}, **headers)
    assert (refused.status, b"request_cross_site" in refused.body) == (403, True)
    assert office.keys.every() == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1:8080, evil.example", "[::1"])
async def test_a_name_that_is_not_ours_is_refused(office: Office, host: str) -> None:
    browser = office.browser()
    browser.host = host
    refused = await browser.get("/console/sign-in")
    assert (refused.status, b"host_unknown" in refused.body) == (400, True)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "10.1.2.3:80", "LOCALHOST"])
async def test_addresses_and_localhost_are_ours(office: Office, host: str) -> None:
    browser = office.browser()
    browser.host = host
    assert (await browser.get("/console/sign-in")).status == 200


async def test_with_a_public_url_only_that_is_ours(open_office: Callable[..., Office]) -> None:
    office = open_office(console={"public_url": "https://homeport.example.com"})
    browser = office.browser()
    for host, status in (("homeport.example.com", 200), ("HOMEPORT.example.com", 200), ("127.0.0.1", 400)):
        browser.host = host
        assert (await browser.get("/console/sign-in")).status == status


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "/etc/passwd",
        "console.css/",
        "",
        "console.css%00",
        "..\\app.py",
        "app.py",
    ],
)
async def test_no_other_file_is_a_static_one(office: Office, name: str) -> None:
    answer = await office.browser().get(f"/console/static/{name}")
    assert answer.status in (303, 404)
    assert b"import" not in answer.body


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=" + b"%zz" * 5, b"a=1&" * 400, b"csrf=%ff%fe", b"{}"])
async def test_a_form_that_is_none_is_refused(office: Office, body: bytes) -> None:
    browser = await office.enter(Role.ADMIN)
    answer = await browser._call("POST", "/console/keys", {"origin": f"http://{browser.host}"}, body)
    assert answer.status in (400, 403)
    assert office.keys.every() == []


@pytest.mark.parametrize("change", ["removed", "lowered", "signed out"])
async def test_who_is_no_more_while_a_form_comes_changes_nothing(office: Office, change: str) -> None:
    browser = await office.enter(Role.OPERATOR)
    issued = office.keys.create(KeyFields(name="a key"))
    caller = browser.caller(
        "POST",
        f"/console/keys/{issued.stored.key.id}/revoke",
        {"origin": f"http://{browser.host}"},
        f"csrf={browser.csrf}".encode(),
    )
    receive = caller.receive

    async def slowly() -> Message:
        if change == "removed":
            office.users.remove("operator")
        elif change == "lowered":
            office.users.set_role("operator", Role.VIEWER)
        else:
            office.users.end_sessions("operator")
        return await receive()

    await office.house.app(caller.scope, slowly, caller.send)
    assert caller.status == 401
    assert office.keys.get(issued.stored.key.id).revoked_at is None


@pytest.mark.parametrize("announced", [True, False])
async def test_a_form_that_is_too_long_is_not_read(office: Office, announced: bool) -> None:
    browser, body = office.browser(), b"a=" + b"%41" * 2_600_000
    said = {"content-length": str(len(body))} if announced else {}
    caller = browser.caller("POST", "/console/sign-in", {"sec-fetch-site": "same-origin", **said}, body)
    began = time.process_time()
    await caller.call(office.house.app)
    assert time.process_time() - began < 0.5
    assert (caller.status, b"request_too_large" in caller.body) == (413, True)


@pytest.mark.parametrize(
    "query",
    ["below=x", "below=-1", "below=9223372036854775808", "below=" + "9" * 5000, "%ff=1", "a&" * 300, "actor=%00"],
)
async def test_a_query_that_is_none_is_refused(office: Office, query: str) -> None:
    browser = await office.enter(Role.ADMIN)
    assert (await browser.get(f"/console/audit?{query}")).status == 400


NUMBERS = ["nan", "-inf", "1e400", "9" * 400, "9" * 19, "-1", "0x10", "1_0", "\u0663", " 1", "1E-999999999"]
WINDOWS = ["9999-12", "2199-12", "1970-01", "0000-01", "2026-13", "month\r\n", "__class__"]
WORDS = [
    '"' * 300,
    "a* " * 30,
    "NEAR/0",
    "{text}: x",
    "\ud7ff",
    "a" * 400,
    "\u0301" * 99,
    "%_",
    "' OR 1=1 --",
    "a:b & !c | (d",
]
TRIED = {
    "requests": {
        **dict.fromkeys(["min_latency_ms", "min_cost_usd", "start_time", "end_time", "status", "after"], NUMBERS),
        "q": WORDS,
        "window": WINDOWS,
        "project": WORDS,
    },
    "requests?q=x": {"after": NUMBERS},
    "audit": {"below": NUMBERS, "action": WORDS},
    "cache": {"purged": NUMBERS, "window": WINDOWS},
    "costs": {"by": WINDOWS, "window": WINDOWS, "project": WORDS},
    "costs/export": {"format": ["../x", "csv\r\n"], "window": WINDOWS, "by": WINDOWS},
    "routing/what-if": {"share:mid": NUMBERS, "share:": NUMBERS},
}


@pytest.mark.parametrize("page", TRIED)
async def test_no_parameter_breaks_a_page(office: Office, page: str) -> None:
    browser = await office.enter(Role.ADMIN)
    for name, texts in TRIED[page].items():
        for text in texts:
            query = urlencode({name: text})
            answer = await browser.get(f"/console/{page}{'&' if '?' in page else '?'}{query}")
            assert answer.status in (200, 400), (query, answer.body)
            assert "\n" not in "".join(answer.headers.values())


@pytest.mark.parametrize(
    "path", ["/console/requests/%00", "/console/keys%00", "/console/static/%00", "/console/users/%00/role", "/%00"]
)
async def test_a_path_with_a_nul_is_none(office: Office, path: str) -> None:
    browser = await office.enter(Role.ADMIN)
    caller = browser.caller("GET", path.replace("%00", "\0"))
    assert (await caller.call(office.house.app)).status == 404


@pytest.mark.parametrize(
    "query",
    ["models?ordered=Call+5550100", "models?engine=5550100", "cache?resumed=Call+5550100", "cache?resumed=" + "a" * 33],
)
async def test_an_address_puts_no_words_on_a_page(office: Office, query: str) -> None:
    browser = await office.enter(Role.ADMIN)
    answer = await browser.get(f"/console/{query}")
    assert b"5550100" not in re.sub(rb"<code>.*?</code>", b"", answer.body) or answer.status == 400


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_somebody_wrote_is_text(office: Office, text: str) -> None:
    office.keys.create(KeyFields(name=text))
    browser = await office.enter(Role.ADMIN)
    failed = await browser.post("/console/users", {"name": text, "role": "viewer"})
    for answer in (
        await browser.get("/console/keys"),
        await browser.get("/console/audit"),
        await browser.get(f"/console/audit?actor={'%3Cb%3E'}"),
        failed,
    ):
        page = answer.body.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert not {"\x1b", "\x07", "\u202e", "\u200b", "\r"} & {*page}
        assert "49" not in re.findall(r"<bdi>(\d+)", page)
        assert "set-cookie: a=b" not in str(answer.headers)


async def test_a_page_with_a_defect_says_so_without_its_insides(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await office.enter(Role.ADMIN)

    def fail() -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(office.keys, "every", fail)
    answer = await browser.get("/console/keys")
    assert answer.status == 500
    assert b"internal_error" in answer.body
    assert b"secret" not in answer.body
    assert "content-security-policy" in answer.headers


async def test_a_template_with_a_defect_says_so_on_a_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await office.enter(Role.ADMIN)
    office.targets = [{"model": "a secret detail", "ready": True}]  # without what the template asks for
    answer = await browser.get("/console/models")
    assert (answer.status, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert b"internal_error" in answer.body
    assert b"Next: look for this request in logs/gateway.log" in answer.body
    assert b"secret" not in answer.body
    assert b'aria-label="Pages"' in answer.body
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_where_no_template_works_a_person_is_told_in_plain_words(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await office.enter(Role.ADMIN)

    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(office.parts.skin.renderer, "page", fail)
    answer = await browser.get("/console/keys")
    assert (answer.status, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert b"<h1>Not done</h1>" in answer.body
    assert b"secret" not in answer.body
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/console/unheard-of", "/console/audit", "/console/costs?window=x"])
async def test_who_is_refused_can_go_elsewhere(office: Office, path: str) -> None:
    answer = await (await office.enter(Role.VIEWER)).get(path)
    assert answer.status in (400, 403, 404)
    assert b'href="/console/requests"' in answer.body


async def test_other_methods_are_refused(office: Office) -> None:
    browser = await office.enter(Role.ADMIN)
    assert (await browser._call("DELETE", "/console/keys", {})).status == 405
    assert (await browser._call("POST", "/console/audit", {})).status == 404
    assert (await browser._call("HEAD", "/console/keys", {})).status == 200


async def test_the_first_page_is_the_first_of_the_navigation(office: Office) -> None:
    answer = await office.browser().get("/console")
    assert (answer.status, answer.headers["location"][:9]) == (303, "/console/")


async def test_no_page_tells_a_secret(open_office: Callable[..., Office]) -> None:
    canary = "sk-canary-5f2c1d"
    providers = {
        "p": {"provider": "simulated"},
        "q": {"provider": "openai_compatible", "base_url": "https://a.example/v1", "api_key": canary},
    }
    oidc = {"issuer": "https://id.example", "client_id": "homeport", "client_secret": canary}
    office = open_office(providers=providers, console={"oidc": oidc})
    issued = office.keys.create(KeyFields(name="a key"))
    browser = await office.enter(Role.ADMIN)
    token = browser.cookie.partition("=")[2]
    user = office.users.find("admin")
    assert user is not None
    for path in PAGES:
        if "oidc" not in path and not path.endswith("/tail"):
            body = (await browser.get(path)).body.decode()
            told = [
                secret
                for secret in (canary, issued.token, issued.stored.digest, token, user.password)
                if secret in body
            ]
            assert told == [], path

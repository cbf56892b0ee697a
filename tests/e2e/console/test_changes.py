"""What somebody changes in the console holds for the next request, and is in the audit log."""

import json
import time

import pytest
from playwright.sync_api import Browser, Dialog, Page

from tests.e2e.console.site import Site

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b[31m"


def status(site: Site, token: str) -> int:
    return site.program.post(
        "/chat/completions",
        {"model": "frontier", "max_tokens": 64, "messages": [{"role": "user", "content": f"at {time.time_ns()}"}]},
        {"authorization": f"Bearer {token}"},
    )[0]


def eventually(site: Site, token: str, expected: int) -> None:
    """Within five seconds the next request is answered so."""
    until = time.monotonic() + 5
    while (found := status(site, token)) != expected and time.monotonic() < until:
        time.sleep(0.1)
    assert found == expected


def accept(page: Page) -> list[str]:
    """Say yes to what the page asks; what it asked."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", answer)
    return asked


def logged(page: Page, action: str) -> str:
    """The newest row of the audit log about an action."""
    page.goto(f"/console/audit?action={action}")
    return page.locator("tbody tr").first.inner_text()


def test_a_key_is_made_used_and_revoked(site: Site, browser: Browser) -> None:
    with site.visit(browser, "admin") as page:
        asked = accept(page)
        page.goto("/console/keys")
        page.get_by_label("Name: who or what").fill("crawler")
        page.get_by_role("button", name="Make it").click()
        token = page.locator(".token").inner_text()
        assert token.startswith("hp-")
        eventually(site, token, 200)
        page.goto("/console/keys")
        assert token not in page.content()
        page.get_by_role("row", name="crawler").get_by_role("button", name="Revoke").click()
        page.get_by_text("The key is revoked").wait_for()
        eventually(site, token, 401)
        assert asked == ["Revoke this key? That cannot be undone."]
        row = logged(page, "key.revoke")
        assert "admin" in row
        assert "state: revoked" in row
        assert token not in page.content()


def test_a_lower_budget_refuses_the_next_request(site: Site, browser: Browser) -> None:
    key = json.loads(site.program.run("keys", "create", "spender", "--budget", "100.00/day", "--json"))
    eventually(site, key["key"], 200)
    with site.visit(browser, "operator") as page:
        page.goto("/console/budgets")
        row = page.get_by_role("row", name=key["id"])
        row.get_by_label("New limit in $").fill("0.000000001")
        row.get_by_role("button", name="Change").click()
        page.get_by_text("Gateways follow within seconds").wait_for()
    eventually(site, key["key"], 429)
    with site.visit(browser, "admin") as page:
        row_text = logged(page, "budget.update")
        assert "operator" in row_text
        assert "limit_usd: 100.000000000" in row_text
        assert "limit_usd: 0.000000001" in row_text


def test_what_somebody_named_runs_nowhere(site: Site, browser: Browser) -> None:
    with site.visit(browser, "admin") as page:
        asked = accept(page)
        page.goto("/console/keys")
        page.get_by_label("Name: who or what").fill(HOSTILE.replace("\x1b", ""))
        page.get_by_role("button", name="Make it").click()
        for path in ("/console/keys", "/console/audit"):
            page.goto(path)
            page.get_by_text("<script>alert(1)</script>").first.wait_for()
        assert asked == []


def test_a_form_that_is_sent_from_another_page_is_refused(site: Site, browser: Browser) -> None:
    with site.visit(browser, "admin") as page:
        page.goto("/console/keys")
        stolen = page.locator("input[name=csrf]").first.get_attribute("value")
        other = page.context.new_page()
        other.route(
            "http://localhost:1/",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f'<form method="post" action="{site.url}/console/keys"><input name="csrf" value="{stolen}">'
                '<input name="name" value="planted"><button>go</button></form>',
            ),
        )
        other.goto("http://localhost:1/")
        other.get_by_role("button").click()
        other.wait_for_load_state()
        assert "planted" not in [one["name"] for one in json.loads(site.program.run("keys", "list", "--json"))]
        other.close()


def test_up_says_where_it_is_and_keeps_the_password_to_itself(site: Site) -> None:
    said = "".join(site.program.output().split())
    assert f"Console:{site.url}/console,useradmin,passwordin" in said
    file = site.program.home / "console.password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().strip() not in said
    for log in (site.program.home / "logs").glob("*.log"):
        assert file.read_text().strip() not in log.read_text()

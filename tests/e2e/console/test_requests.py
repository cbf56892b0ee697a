"""A request is found by what was said in it, opened, asked again of another model, and followed as it ends."""

import json
import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.console.site import NARROW, Site
from tests.e2e.console.test_pages import issues

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e{{7*7}}"
ASKED = "Which clause mentions the okapi?"


def ask(site: Site, text: str, model: str = "small") -> str:
    """The id of a request that was answered, with the log-probabilities of its tokens."""
    body = {"model": model, "max_tokens": 16, "logprobs": True, "top_logprobs": 3}
    said = [{"role": "user", "content": text}]
    status, headers, answer = site.program.post("/chat/completions", {**body, "messages": said})
    assert status == 200, answer
    return str(headers["x-homeport-request-id"])


def search(page: Page, text: str) -> None:
    """Until it is there: what was said is indexed a second after it was kept."""
    until = time.monotonic() + 20
    page.goto(f"/console/requests?q={text}")
    while page.locator("#rows a").count() == 0 and time.monotonic() < until:
        time.sleep(0.3)
        page.reload()


@pytest.fixture(scope="module")
def okapi(site: Site) -> str:
    return ask(site, f"{ASKED} {HOSTILE}")


def test_it_is_found_by_its_text_and_replayed_on_another_model(site: Site, browser: Browser, okapi: str) -> None:
    with site.visit(browser, "operator") as page:
        search(page, "okapi")
        expect(page.get_by_text("okapi")).to_be_visible()
        page.locator("#rows a").click()
        page.wait_for_url(f"**/requests/{okapi}")
        expect(page.get_by_text(ASKED).first).to_be_visible()
        expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
        page.get_by_label("Ask it again, of").select_option("large")
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_role("heading", name="The answer of large")).to_be_visible()
        expect(page.get_by_role("heading", name="The answer of small")).to_be_visible()
        again = page.locator("#replayed a code").inner_text()
    told = json.loads(site.program.run("trace", again, "--json"))
    assert (told["request"]["reason"], told["request"]["target"]) == ("replay", "large")
    with site.visit(browser, "admin") as page:
        page.goto("/console/audit?action=request.replay")
        expect(page.locator("tbody tr").first).to_contain_text(f"request.replay {okapi}")


def test_the_page_of_a_request_can_be_read_by_all(site: Site, browser: Browser, okapi: str) -> None:
    with site.visit(browser, "operator", width=NARROW, scheme="dark") as page:
        page.goto(f"/console/requests/{okapi}")
        assert issues(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_tokens_are_walked_by_the_arrow_keys(site: Site, browser: Browser, okapi: str) -> None:
    with site.visit(browser, "viewer") as page:
        page.goto(f"/console/requests/{okapi}")
        tokens = page.locator(".tokens button")
        tokens.first.focus()
        page.keyboard.press("ArrowRight")
        expect(tokens.nth(1)).to_be_focused()
        expect(page.locator(".others")).to_have_text(re.compile(r"\d+\.\d%"))
        assert page.get_by_role("button", name="Replay").count() == 0, "a viewer asks nothing again"


def test_a_list_is_filtered_by_the_keyboard_alone(site: Site, browser: Browser, okapi: str) -> None:
    large = ask(site, "A question for the large one", "large")
    with site.visit(browser, "viewer") as page:
        search(page, "okapi")
        page.goto("/console/requests")
        page.keyboard.press("/")
        expect(page.get_by_label("Words that were said")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Words that were said")).not_to_be_focused()
        page.keyboard.press("/")
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.type("large")
        page.keyboard.press("Enter")
        page.wait_for_url("**target=large**")
        page.locator("h1").click()
        page.keyboard.press("j")
        expect(page.locator("#rows a").first).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/requests/req_"))
        assert okapi not in page.url
        assert large


def test_requests_come_live(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        page.goto("/console/requests?outcome=failed")
        page.goto("/console/requests")
        page.get_by_role("button", name="Follow live").click()
        expect(page.get_by_text("waiting for requests")).to_be_visible()
        page.wait_for_timeout(500)
        asked = ask(site, "Does this come live?")
        expect(page.locator(f"#rows a[href$='{asked}']")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text(re.compile("stopped, 1 came"))).to_be_visible()


def test_charts_are_drawn_and_sliders_decide_again(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer", width=NARROW) as page:
        page.goto("/console/costs?window=24h")
        expect(page.locator("[data-chart] svg").first).to_be_visible()
        expect(page.get_by_text("Expected")).to_be_visible()
        page.goto("/console/routing")
        expect(page.get_by_text("There is nothing to replay")).to_be_visible()

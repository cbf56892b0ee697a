"""Every page in a real browser: no error, no other host, nothing that somebody cannot read or reach."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from homeport.console.access import LEAST
from tests.e2e.console.site import NARROW, WIDE, Scheme, Site

pytestmark = pytest.mark.slow

_NO_PAGES = ("export", "tail")
PAGES = [
    path
    for path in (route.removeprefix("GET ") for route in LEAST if route.startswith("GET "))
    if "{" not in path and "/oidc/" not in path and not path.endswith(_NO_PAGES)
]
SERIOUS = {"serious", "critical"}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": STANDARDS}}


def issues(page: Page) -> list[str]:
    """What axe-core finds serious, with the elements."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]


@pytest.fixture(scope="module", autouse=True)
def traffic(site: Site) -> None:
    """So that the pages have something to show, names without an end among it."""
    for number in range(3):
        assert site.program.chat(f"What is clause {number}?")[0] == 200
    site.program.post("/chat/completions", {"model": "m" * 4_000, "messages": [{"role": "user", "content": "hello"}]})
    site.program.run("budget", "create", "n" * 128, "--all", "--limit", "100", "--window", "month")
    site.program.run("cost", "--json")  # brings what was asked into the database


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDE), ("dark", NARROW)])
def test_every_page(site: Site, browser: Browser, scheme: Scheme, width: int) -> None:
    with site.visit(browser, "admin", width=width, scheme=scheme) as page:
        for path in PAGES:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            page.wait_for_load_state("networkidle") if "requests" not in path else page.wait_for_timeout(300)
            assert issues(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_sign_in_page(site: Site, browser: Browser) -> None:
    context = browser.new_context(base_url=site.url, viewport={"width": NARROW, "height": 800})
    page = context.new_page()
    page.goto("/console/costs")
    assert "/console/sign-in" in page.url
    assert issues(page) == []
    site.sign_in(page, "viewer")
    assert page.url.endswith("/console/costs")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/console/sign-in")
    context.close()


def test_the_theme_is_chosen_and_kept(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        page.goto("/console/overview")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        switch = page.get_by_role("button", name="Theme")
        switch.click()
        switch.click()
        dark = page.evaluate(ground)
        assert dark != light
        assert issues(page) == []
        page.reload()
        assert page.evaluate(ground) == dark


def test_the_keyboard_alone(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        page.goto("/console/overview")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.get_by_role("link", name="Keys").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/keys")


def test_a_viewer_is_offered_nothing_to_change(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        for path in ("/console/keys", "/console/budgets"):
            page.goto(path)
            assert page.locator("main form[method=post]").count() == 0
        assert page.get_by_role("link", name="Users").count() == 0
        assert page.get_by_role("link", name="Audit log").count() == 0


def test_the_overview_renews_itself_and_says_where_it_cannot(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        page.goto("/console/overview")
        chart = page.locator("#traffic [data-chart] svg")
        chart.wait_for()
        chart.evaluate("drawing => drawing.dataset.kept = 'yes'")
        page.evaluate(
            "htmx.trigger('[data-stale]', 'htmx:sendError', {target: document.querySelector('[data-stale]')})"
        )
        page.get_by_text("the gateway cannot be reached. What stands here is older").wait_for()
        with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
            page.evaluate("htmx.ajax('GET', '/console/overview', {target: '[data-stale]', swap: 'innerHTML'})")
        page.get_by_text("What stands here is older").wait_for(state="hidden")
        assert page.get_by_text("Spent today").count() == 1
        assert chart.get_attribute("data-kept") == "yes", "a chart that is drawn anew flickers"


def test_a_page_that_is_not_there_leads_elsewhere(site: Site, browser: Browser) -> None:
    with site.visit(browser, "viewer") as page:
        answer = page.context.request.get("/console/nowhere")
        assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert 'href="/console/requests"' in answer.text()

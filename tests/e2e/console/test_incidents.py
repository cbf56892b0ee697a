"""Quality and incidents in a real browser: charts are drawn, an operator answers an incident, everybody can read it."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from homeport.config.home import Home
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.incidents import report
from homeport.storage.rollups import HOUR
from tests.e2e.console.site import NARROW, WIDE, Scheme, Site
from tests.e2e.console.test_pages import issues
from tests.fakes.incidents import finding
from tests.fakes.quality import ALL, BAD, GOOD, add_samples, add_scores, publish_standing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(site: Site) -> Iterator[Engine]:
    """The database of the site, with figures of the last hours."""
    opened = open_database(sqlite_url(site.program.home / "homeport.db"))
    start = time.time_ns() // HOUR * HOUR
    for target in ("small", "n" * 120):
        for back in range(1, 4):
            add_samples(opened, start - back * HOUR, target)
            add_scores(opened, start - back * HOUR, target=target, failed=back)
    yield opened
    opened.dispose()


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDE), ("dark", NARROW)])
def test_quality_is_drawn_and_can_be_read(
    site: Site, browser: Browser, engine: Engine, scheme: Scheme, width: int
) -> None:
    publish_standing(Home(site.program.home).quality_standing, time.time_ns(), ALL, GOOD, BAD)
    with site.visit(browser, "viewer", width=width, scheme=scheme) as page:
        page.goto("/console/quality?window=24h")
        expect(page.locator("[data-chart] svg")).to_have_count(2)
        expect(page.get_by_role("alert")).to_contain_text("Judge unusable for cheap/large")
        assert page.locator("[data-chart] svg").first.locator("text=corrected").count() >= 1
        assert issues(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("select[name=route]").select_option("cheap/small")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**route=cheap%2Fsmall**")
        expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDE), ("dark", NARROW)])
def test_an_incident_can_be_read(site: Site, browser: Browser, engine: Engine, scheme: Scheme, width: int) -> None:
    long = {"subject": "s" * 300, "sentence": "worse " * 60, "routes": ("mid/small", "r" * 300)}
    incident = report(engine, finding(**long), time.time_ns()).id
    with site.visit(browser, "operator", width=width, scheme=scheme) as page:
        for path in ("/console/incidents", f"/console/incidents/{incident}"):
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert issues(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_an_operator_answers_an_incident_that_the_overview_leads_to(
    site: Site, browser: Browser, engine: Engine
) -> None:
    sentence = "Answers of mid/small are worse since Monday"
    incident = report(engine, finding(subject="mid/small", sentence=sentence), time.time_ns()).id
    with site.visit(browser, "operator") as page:
        page.goto("/console/overview")
        page.get_by_role("listitem").filter(has_text=sentence).get_by_role("link", name="Look").first.click()
        page.wait_for_url(f"**/console/incidents/{incident}")
        page.get_by_role("button", name="I look into it").click()
        expect(page.get_by_role("status").filter(has_text="It is acknowledged.")).to_be_visible()
        page.get_by_label("Note").fill("the prompt was changed")
        page.get_by_role("button", name="Write it down").click()
        expect(page.get_by_text("the prompt was changed")).to_be_visible()
        page.get_by_label("Why it is over").fill("rolled back")
        page.get_by_role("button", name="Resolve").click()
        expect(page.get_by_text("rolled back")).to_be_visible()
        expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    with site.visit(browser, "viewer") as page:
        page.goto(f"/console/incidents/{incident}")
        assert page.locator("main form[method=post]").count() == 0
    assert site.program.run("incidents", "list", "--all").count(incident) == 1

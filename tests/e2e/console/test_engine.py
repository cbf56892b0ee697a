"""The console over a real engine: what runs, the prompt as it renders it, and orders that it carries out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.console.site import Site

pytestmark = pytest.mark.slow

CONFIG = """\
packages:
  smollm2: {}
engines:
  smollm2: {engine: llamacpp, package: smollm2, hourly_cost_usd: "0.05", profile: {slots: 1, context: 1024}}
tiers:
  - name: local
    targets: [{model: smollm2, engine: smollm2}]
capture: {enabled: true}
"""


@pytest.fixture(scope="module")
def own(package_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A program with an engine of its own."""
    home = tmp_path_factory.mktemp("engine") / "home"
    home.mkdir(mode=0o700)
    (home / "packages").symlink_to(package_store)
    site = Site(home, CONFIG)
    site.start()
    yield site
    assert site.program.stop() == 0, site.program.output()


def test_a_prompt_is_shown_as_the_engine_renders_it(own: Site, browser: Browser) -> None:
    status, headers, _ = own.program.chat("Say hello.", logprobs=True, top_logprobs=3)
    assert status == 200
    own.program.run("cost", "--json")  # brings it into the database
    with own.visit(browser, "viewer") as page:
        page.goto(f"/console/requests/{headers['x-homeport-request-id']}")
        page.get_by_text("The prompt as it is rendered").click()
        expect(page.get_by_text(re.compile(r"<\|im_start\|>user\s+Say hello\."))).to_be_visible()
        expect(page.locator(".tokens button").first).to_be_visible()
        expect(page.get_by_text(re.compile("package sha256:"))).to_be_visible()
        expect(page.get_by_text("time of the engine")).to_be_visible()


def test_an_engine_is_restarted_and_drained(own: Site, browser: Browser) -> None:
    with own.visit(browser, "operator") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/console/models")
        replica = page.get_by_role("region", name="Engines").locator("tbody tr").first
        expect(replica).to_contain_text("serving")
        expect(page.get_by_role("region", name="Packages")).to_contain_text("smollm2")
        told = json.loads(own.program.run("engine", "list", "--json"))
        expect(replica).to_contain_text(str(told[0]["pid"]))
        page.get_by_role("button", name="Restart").click()
        done = page.get_by_text("restart: done")
        for _ in range(60):
            if done.count():
                break
            page.wait_for_timeout(500)
            page.goto("/console/models")
        expect(done).to_be_visible()
        assert own.program.chat("Are you there?")[0] == 200
        own.program.run("cost", "--json")
        page.goto("/console/models")
        model = page.get_by_role("region", name="Models").locator("tbody tr").first
        expect(model.locator("td.number").first).to_have_text(re.compile("[1-9]"))
        page.get_by_role("button", name="Drain").click()
        expect(page.get_by_text("drain: done")).to_be_visible()
        assert json.loads(own.program.run("engine", "list", "--json"))[-1]["state"] != "serving"

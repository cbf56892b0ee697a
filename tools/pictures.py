"""Pictures of the console for docs/images/console/: a running gateway, some weeks of made-up traffic, a real browser.

Usage: python -m tools.pictures
"""

import json
import random
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import insert
from tests.e2e.console.site import FLAGS, NARROW, WIDE, Scheme, Site

from bench.console_house import requests
from homeport.ledger.months import Month
from homeport.ledger.reports import spend
from homeport.storage.db import open_database, sqlite_url, writing
from homeport.storage.ingest import insert_events
from homeport.storage.tables import budget_accounts, budget_slices

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "console"
PAGES = ("overview", "requests", "costs", "routing", "models", "cache", "keys", "budgets", "users", "audit")
_ROWS = 20_000
_SLICE = 15 * 60 * 10**9
_CONFIG = """\
providers:
  demo: {provider: simulated}
tiers:
  - name: local
    targets: [{model: own-8b, provider: demo, price: openai:gpt-4.1-nano}]
  - name: mid
    targets: [{model: gpt-4.1-mini, provider: demo, price: openai:gpt-4.1-mini}]
  - name: frontier
    targets: [{model: gpt-4.1, provider: demo, price: openai:gpt-4.1}]
routing: {policy: complexity}
cache: {exact: true}
capture: {enabled: true}
"""


def main() -> int:
    """0, or 1 where there is no browser."""
    path = shutil.which("chromium")
    if path is None:
        print("there is no chromium here: apt-get install chromium")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder) / "home", _CONFIG)
        site.start()
        fill(site)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name in PAGES:
            picture(site, browser, name, f"{name}.png")
        picture(site, browser, "overview", "overview-dark.png", scheme="dark")
        picture(site, browser, "overview", "overview-390.png", width=NARROW)
        picture(site, browser, "requests", "requests-390-dark.png", width=NARROW, scheme="dark")
        trace(site, browser)
        browser.close()
        site.program.stop()
    return 0


def fill(site: Site) -> None:
    """Traffic, keys and budgets; what was asked just now is kept whole."""
    engine = open_database(sqlite_url(site.program.home / "homeport.db"))
    with writing(engine) as connection:
        insert_events(connection, list(islice(requests(_ROWS, random.Random(2)), _ROWS)))
    engine.dispose()
    for name, project in (("billing-bot", "acme/billing"), ("search", "acme/search"), ("contracts", "acme/legal")):
        site.program.run("keys", "create", name, "--project", project, "--rpm", "600")
    made = json.loads(
        site.program.run("budget", "create", "all-of-it", "--all", "--limit", "60", "--window", "month", "--json")
    )
    spend_from(site, made["id"])
    site.program.run("budget", "create", "search", "--project", "acme/search", "--limit", "5", "--window", "day")
    site.program.run("budget", "update", "search", "--limit", "2.50")
    for number in range(5):
        asked = {"role": "user", "content": f"Which clause of contract {number} says how it ends?"}
        body = {"model": "auto", "messages": [asked], "max_tokens": 48, "stream": True}
        site.program.post("/chat/completions", {**body, "logprobs": True, "top_logprobs": 3})
    time.sleep(2)


def spend_from(site: Site, budget_id: str) -> None:
    """What was spent before the budget was made, as if it had been there."""
    now = time.time_ns()
    engine = open_database(sqlite_url(site.program.home / "homeport.db"))
    (month,) = spend(engine, since_ns=Month.at(now).start_ns)
    account = {"budget_id": budget_id, "instance": ""}
    with writing(engine) as connection:
        connection.execute(insert(budget_accounts), [{**account, "reached_at": now}])
        remote = month.cost - month.local_cost
        connection.execute(insert(budget_slices), [{**account, "start": now // _SLICE * _SLICE, "spent": remote}])
    engine.dispose()


def picture(site: Site, browser: Browser, name: str, file: str, *, width: int = WIDE, scheme: Scheme = "light") -> None:
    """One page, as much of it as a window shows."""
    with site.visit(browser, "admin", width=width, scheme=scheme) as page:
        page.goto(f"/console/{name}")
        page.wait_for_timeout(1_500)
        page.screenshot(path=FOLDER / file)


def trace(site: Site, browser: Browser) -> None:
    """The newest request that was kept whole."""
    with site.visit(browser, "admin") as page:
        page.goto("/console/requests?window=1h")
        page.locator("tbody a").first.click()
        page.wait_for_timeout(1_500)
        page.screenshot(path=FOLDER / "trace.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main())

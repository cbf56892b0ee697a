"""A running program with a console, and a browser that notes whatever a page should not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, StorageState

from tests.e2e.program import Program

CONFIG = """\
providers:
  demo: {provider: simulated}
tiers:
  - name: mid
    targets: [{model: small, provider: demo, price: openai:gpt-4.1-mini}]
  - name: frontier
    targets: [{model: large, provider: demo, price: openai:gpt-4.1}]
cache: {exact: true}
capture: {enabled: true}
"""
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDE, NARROW = 1280, 390
Scheme = Literal["light", "dark"]


class Site:
    """The program, and who may sign in: `admin`, and one user for each other role, named like it."""

    def __init__(self, home: Path, config: str = CONFIG) -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "homeport.yaml").write_text(config)
        self.program = Program(home)
        self._states: dict[str, StorageState] = {}
        self._passwords: dict[str, str] = {}

    def start(self) -> None:
        self.program.start()
        self._passwords["admin"] = (self.program.home / "console.password").read_text().strip()
        for role in ("viewer", "reviewer", "operator"):
            self._passwords[role] = self.program.run("users", "add", role, "--role", role).strip()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.program.port}"

    def sign_in(self, page: Page, name: str) -> None:
        """As a person does, on the page that is open."""
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(self._passwords[name])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console/**")

    @contextmanager
    def visit(self, browser: Browser, name: str, *, width: int = WIDE, scheme: Scheme = "light") -> Iterator[Page]:
        """A page of somebody who is signed in; whatever it does that no page may is an error at its end."""
        with self._context(browser, name, width, scheme) as context:
            page = context.new_page()
            with watched(page, self.url):
                yield page

    @contextmanager
    def _context(self, browser: Browser, name: str, width: int, scheme: Scheme) -> Iterator[BrowserContext]:
        view: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        if name not in self._states:
            first = browser.new_context()
            page = first.new_page()
            page.goto(f"{self.url}/console/sign-in")
            self.sign_in(page, name)
            self._states[name] = first.storage_state()
            first.close()
        context = browser.new_context(base_url=self.url, storage_state=self._states[name], **view)
        context.set_default_timeout(15_000)
        try:
            yield context
        finally:
            context.close()


@contextmanager
def watched(page: Page, url: str) -> Iterator[None]:
    """Raises AssertionError for an error on the page's console, and for a request to another host."""
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"console: {message.text}")

    def see(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != url:
            wrong.append(f"request: {request.url}")

    page.on("console", hear)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", see)
    yield
    assert not wrong, "\n".join(dict.fromkeys(wrong))

"""A console over a real database and the real application, and browsers that remember their cookie."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from homeport.api.auth import StoredKeyRing
from homeport.api.budgets import BudgetRegistry
from homeport.api.keys import KeyRegistry, Offer
from homeport.api.requests import RequestStore
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.console import passwords
from homeport.console.app import Console
from homeport.console.attempts import Attempts
from homeport.console.given import Given
from homeport.console.parts import Parts
from homeport.console.render import Skin
from homeport.console.sessions import Lifetime, Sessions
from homeport.console.users import UserRegistry
from homeport.core.audit import Actor, Origin
from homeport.core.people import Role
from homeport.storage.audit import Recorder
from homeport.storage.bodies import BodyStore
from homeport.storage.users import StoredUser, add_user
from homeport.storage.words_sqlite import SqliteWords
from homeport.traces.detail import DetailReader
from homeport.traces.search import Search
from homeport.traces.tail import Tail
from tests.console.works import Behind
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.house import API_PRICE, MID, House
from tests.fakes.wire import Caller

PEPPER = b"p" * 32
PASSWORD = "correct horse battery"
HOST = "127.0.0.1:8080"
ADDRESS = "192.0.2.7"
TARGET: dict[str, Any] = {
    "model": "mid",
    "tier": "mid",
    "upstream": "p",
    "origin": "p",
    "local": False,
    "simulated": True,
    "ready": True,
    "closed_by": "",
    "retry_after_seconds": 0.0,
    "outstanding_tokens": 0,
}
SKIN = Skin()
"""Compiled once for all tests."""
_HASH = passwords.hashed(PASSWORD)  # it takes a quarter of a second
_COOKIE = re.compile(r"([A-Za-z_-]+)=([^;]*)")
_CSRF = re.compile(rb'name="csrf" value="([0-9a-f]{64})"')


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {
        "providers": {"p": {"provider": "simulated"}},
        "tiers": [{"name": "mid", "targets": [{"model": "mid", "provider": "p"}]}],
    }
    return Settings.model_validate(base | changes)


class Office:
    """A gateway with a console; a user of each role is named like the role.

    Args:
        live: requests can be followed as they end, which has no end by itself.
    """

    def __init__(self, folder: Path, *, live: bool = False, **changes: Any) -> None:
        self.engine = migrated(folder / "homeport.db")
        self.clock = ManualClock()
        self.home = Home(folder / "home")
        self.home.create()
        self.settings = settings(**changes)
        self.keys = KeyRegistry(self.engine, PEPPER, lambda: Offer(("mid",), ("mid",)), self.clock.wall_ns)
        self.ring = StoredKeyRing(self.keys.every, PEPPER, lambda: self.clock.wall / 1e9)
        self.budgets = BudgetRegistry(self.engine, self.clock.wall_ns)
        self.users = UserRegistry(self.engine, self.clock.wall_ns)
        self.sessions = Sessions(self.engine, PEPPER, Lifetime(), self.clock.wall_ns)
        self.targets: list[dict[str, Any]] = [TARGET]
        self.bodies = BodyStore(self.home.captured, keep_days=7, most_bytes=1 << 30)
        self.words = SqliteWords(self.home.captured)
        self.tail = Tail(self.home.journal, every_s=0.01)
        if not live:
            self.tail.close()
        store = RequestStore(
            engine=self.engine,
            bodies=self.bodies,
            detail=DetailReader(self.engine, self.bodies, lambda _: API_PRICE, dict),
            search=Search(self.engine, self.words, self.bodies),
            tail=self.tail,
        )
        self.behind = Behind(store)
        self.parts = Parts(
            engine=self.engine,
            home=self.home,
            settings=self.settings,
            clock=self.clock,
            keys=self.keys,
            refresh=self.ring.refresh,
            budgets=self.budgets,
            users=self.users,
            sessions=self.sessions,
            attempts=Attempts(self.clock.monotonic_ns),
            skin=SKIN,
            record=Recorder(self.engine, self.clock.wall_ns),
            targets=lambda: self.targets,
            works=self.behind.works,
            given=Given(self.home.orders, self.clock.wall_ns),
            secure=(self.settings.console.public_url or "").startswith("https://"),
        )
        self.console = Console(self.parts)
        self.house = House(MID, keys=self.ring, families=[self.console])
        for role in Role:
            user = StoredUser(name=str(role), role=role, password=_HASH, created_at=self.clock.wall_ns())
            add_user(self.engine, user, lambda *_: None)

    def close(self) -> None:
        self.engine.dispose()

    def dump(self) -> str:
        """All that the database has."""
        with self.engine.connect() as connection:
            return "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]

    def browser(self) -> "Browser":
        """Of somebody who has not signed in."""
        return Browser(self)

    async def enter(self, role: Role) -> "Browser":
        """Of somebody who has, without the password: it takes a quarter of a second to check."""
        browser = self.browser()
        actor = Actor(name=str(role), origin=Origin.CONSOLE, address=ADDRESS)
        user = self.users.find(str(role))
        assert user is not None
        browser.cookie = f"homeport_console={self.sessions.begin(actor, user)}"
        await browser.get("/console/account")
        return browser


class Browser:
    """Remembers the cookie and, of the last page, what its forms send back."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.cookie = ""
        self.csrf = ""
        self.host = HOST

    async def get(self, path: str, **headers: str) -> Caller:
        return await self._call("GET", path, headers)

    async def post(self, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> Caller:
        """A form, as a page of ours sends it."""
        body = urlencode({"csrf": self.csrf, **(fields or {})}, doseq=True).encode()
        usual = {"origin": f"http://{self.host}", "content-type": "application/x-www-form-urlencoded"}
        return await self._call("POST", path, {**usual, **headers}, body)

    async def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> Caller:
        await self.get("/console/sign-in")
        answer = await self.post("/console/sign-in", {"name": name, "password": password, **fields})
        if answer.status == 303:
            await self.get("/console/account")
        return answer

    def caller(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Caller:
        """A request that was not sent yet."""
        cookie = {"cookie": self.cookie} if self.cookie else {}
        said = {"host": self.host, **cookie, **{name.replace("_", "-"): text for name, text in (headers or {}).items()}}
        caller = Caller(path, method=method, headers=said.items(), body=[body])
        caller.scope["client"] = (ADDRESS, 40_000)
        return caller

    async def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Caller:
        caller = self.caller(method, path, headers, body)
        await caller.call(self.office.house.app)
        if found := _COOKIE.match(caller.headers.get("set-cookie", "")):
            self.cookie = found[0]
        if forms := _CSRF.findall(caller.body):
            assert len({*forms}) == 1
            self.csrf = forms[0].decode()
        return caller

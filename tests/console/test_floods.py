"""Who tries often, from many places, or leaves before the answer: nobody else is held up, and guessing stays slow."""

import asyncio
import threading
import time
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from homeport.console import passwords
from homeport.console.attempts import LIMITS, network_of
from homeport.console.few import Few
from homeport.console.guard import caller
from homeport.core.errors import CapacityError
from homeport.core.people import Role
from homeport.storage.audit import Asked, entries
from tests.console.office import Browser, Office
from tests.fakes.clock import ManualClock
from tests.fakes.oidc import CLIENT, SECRET, OpenIdProvider


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_one_more_than_may_wait_is_refused() -> None:
    few, go = Few("test", threads=1, waiting=1), threading.Event()
    first, second = (asyncio.create_task(few.run(go.wait)) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(CapacityError) as caught:
        await few.run(go.wait)
    assert caught.value.code == "sign_in_busy"
    go.set()
    assert [await first, await second] == [True, True]
    assert await few.run(lambda: 7) == 7


async def test_work_whose_asker_has_left_still_counts() -> None:
    few, go, begun = Few("test", threads=1, waiting=0), threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return go.wait()

    left = asyncio.create_task(few.run(work))
    await until(begun.is_set)
    left.cancel()
    await asyncio.sleep(0)
    with pytest.raises(CapacityError):
        await few.run(lambda: 7)
    go.set()
    await until(lambda: few._places.acquire(blocking=False))


async def test_whoever_waits_and_leaves_gives_the_place_back() -> None:
    few, go = Few("test", threads=1, waiting=1), threading.Event()
    first, second = (asyncio.create_task(few.run(go.wait)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    third = asyncio.create_task(few.run(lambda: 7))
    await asyncio.sleep(0)
    go.set()
    assert (await first, await third) == (True, 7)


async def test_a_work_that_fails_gives_the_place_back() -> None:
    few = Few("test", threads=1, waiting=0)

    def fail() -> None:
        raise KeyError("x")

    for _ in range(3):
        with pytest.raises(KeyError):
            await few.run(fail)
        await until(lambda: bool(few._places._value))


async def leaving(office: Office, browser: Browser) -> None:
    """Try a password, and go before it is checked."""
    body = f"csrf={browser.csrf}&name=nobody&password=wrong+password".encode()
    asked = browser.caller("POST", "/console/sign-in", {"origin": f"http://{browser.host}"}, body)
    task = asked.start(office.house.app)
    await asyncio.sleep(0.02)
    asked.leave()
    await asyncio.gather(task, return_exceptions=True)


async def test_passwords_are_checked_one_by_one_also_where_everybody_leaves(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def slow(_: str, __: str) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with lock:
            now -= 1
        return False

    monkeypatch.setattr(passwords, "matches", slow)
    browser = office.browser()
    await browser.get("/console/sign-in")
    await asyncio.gather(*(leaving(office, browser) for _ in range(12)))
    await until(lambda: now == 0)
    assert most == 1


async def test_too_many_who_sign_in_are_told_to_come_back_and_lose_no_try(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(passwords, "matches", lambda *_: go.wait())
    browser = office.browser()
    await browser.get("/console/sign-in")
    tasks = []
    for number in range(40):
        body = f"csrf={browser.csrf}&name=viewer{number}&password=x".encode()
        asked = browser.caller("POST", "/console/sign-in", {"origin": f"http://{browser.host}"}, body)
        asked.scope["client"] = (f"192.0.2.{number}", 40_000)
        tasks.append(asked.start(office.house.app))
    await until(lambda: sum(task.done() for task in tasks) == 19)
    go.set()
    answers = await asyncio.gather(*tasks)
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 19
    assert all(b"sign in at the moment" in answer.body and "retry-after" in answer.headers for answer in refused)
    assert len(office.parts.attempts._failed) == 3 * 21


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_network_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_guessing_from_all_addresses_of_a_network_is_slow_too(office: Office) -> None:
    _, most, _ = LIMITS[1]
    for number in range(most):
        office.parts.attempts.failed(f"2001:db8::{number:x}", "admin")
    browser = office.browser()
    await browser.get("/console/sign-in")
    body = f"csrf={browser.csrf}&name=admin&password=x".encode()
    asked = browser.caller("POST", "/console/sign-in", {"origin": f"http://{browser.host}"}, body)
    asked.scope["client"] = ("2001:db8::ffff:1", 40_000)
    assert (await asked.call(office.house.app)).status == 429


OURS = [ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("address", "forwarded", "seen"),
    [
        ("198.51.100.1", "192.0.2.7", "198.51.100.1"),
        ("10.1.1.1", "192.0.2.7", "192.0.2.7"),
        ("10.1.1.1", "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("10.1.1.1", "192.0.2.7, 10.2.2.2", "192.0.2.7"),
        ("::ffff:10.1.1.1", "192.0.2.7", "192.0.2.7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.1.1.1", "10.2.2.2", "10.2.2.2"),
        ("10.1.1.1", "192.0.2.7, <script>", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", None, "10.1.1.1"),
        ("", "192.0.2.7", ""),
    ],
)
def test_only_proxies_of_ours_say_where_somebody_is(address: str, forwarded: str | None, seen: str) -> None:
    assert caller(address, forwarded, OURS) == seen


@pytest.mark.parametrize(("trusted", "address"), [(["192.0.2.0/24"], "203.0.113.9"), ([], "192.0.2.7")])
async def test_the_audit_log_tells_where_somebody_is(
    open_office: Callable[..., Office], trusted: list[str], address: str
) -> None:
    office = open_office(console={"trusted_proxies": trusted})
    browser = await office.enter(Role.VIEWER)
    await browser.post("/console/account/sign-out", x_forwarded_for="203.0.113.9")
    assert entries(office.engine, Asked(action="session.end_all"), 1)[0].address == address


async def test_a_provider_that_is_slow_holds_up_nobody_else(
    open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, go = OpenIdProvider(now=ManualClock().wall_ns() // 10**9), threading.Event()
    monkeypatch.setattr(provider, "metadata", lambda: (go.wait(10), {})[1])
    with provider.serve():
        said = {"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET, "roles": {"staff": "viewer"}}
        office = open_office(console={"oidc": said})
        strangers = [asyncio.create_task(office.browser().get("/console/oidc/start")) for _ in range(60)]
        await until(lambda: sum(task.done() for task in strangers) == 26)
        began = time.monotonic()
        assert (await office.browser().get("/console/sign-in")).status == 200
        assert time.monotonic() - began < 1
        go.set()
        statuses = [answer.status for answer in await asyncio.gather(*strangers)]
    assert statuses.count(503) == 26
    assert set(statuses) == {502, 503}

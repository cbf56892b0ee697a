"""What an administrator is told of single requests, and nobody else."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from homeport.api.requests import RequestPaths
from homeport.core.types import Key, Scope
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.tables import metadata
from tests.fakes.house import MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.ledger.requests import NOW, SECOND, add, failed, request

ADMIN, OWN = "hp-admin-token", "hp-own-token"
KEYS = {
    ADMIN: Key(id="key_admin", name="admin", scopes=frozenset({Scope.ADMIN})),
    OWN: Key(id="key_1", name="own"),
}
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e%_'\""


class Office:
    def __init__(self, folder: Path) -> None:
        engine = open_database(sqlite_url(folder / "homeport.db"))
        metadata.create_all(engine)
        add(
            engine,
            *(request(NOW + number, cost=number * 1_000_000, target="ab"[number % 2]) for number in range(6)),
            failed(NOW + 10 * SECOND, error="upstream_timeout", project="acme/search"),
            request(NOW - SECOND, end_user=HOSTILE, trace_id="tr_1", latency_ns=5 * SECOND, cache="semantic"),
        )
        self.house = House(MID, keys=FixedKeyRing(KEYS), families=[RequestPaths(FixedKeyRing(KEYS), engine)])

    async def get(self, query: str = "", *, path: str = "", token: str | None = ADMIN, method: str = "GET") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        caller = Caller(f"/admin/v1/requests{path}", method=method, headers=headers)
        caller.scope["query_string"] = query.encode()
        return await caller.call(self.house.app)

    async def ids(self, query: str) -> list[str]:
        return [one["id"] for one in (await self.get(query)).json["data"]]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_the_newest_come_first(office: Office) -> None:
    asked = await office.get()
    assert asked.headers["cache-control"] == "no-store"
    page = asked.json
    assert [one["id"] for one in page["data"]] == ["r6", "r5", "r4", "r3", "r2", "r1", "r0", "r7"]
    assert (page["object"], page["has_more"], page["next"]) == ("list", False, None)
    assert page["data"][0] | {"attempts": 0} == page["data"][0]
    first = page["data"][1]
    assert (first["target"], first["cost_usd"], first["latency_ms"], first["outcome"]) == (
        "b",
        "0.005000000",
        1.0,
        "completed",
    )
    assert first["started_at"] == NOW / SECOND
    assert page["data"][-1]["end_user"] == HOSTILE


async def test_page_by_page(office: Office) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(5):
        page = (await office.get(f"limit=3&after={quote(after)}")).json
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert seen == ["r6", "r5", "r4", "r3", "r2", "r1", "r0", "r7"]


async def test_what_is_looked_for(office: Office) -> None:
    assert await office.ids("target=b") == ["r5", "r3", "r1"]
    assert await office.ids("target=b&min_cost_usd=0.003") == ["r5", "r3"]
    assert await office.ids("outcome=failed") == ["r6"]
    assert await office.ids("error=upstream_timeout&status=503&project=acme") == ["r6"]
    assert await office.ids("trace=tr_1") == ["r7"]
    assert await office.ids("user=" + quote(HOSTILE)) == ["r7"]
    assert await office.ids("min_latency_ms=5000") == ["r7"]
    assert await office.ids("cache=semantic&route=static:local&key=key_1") == ["r7"]
    assert await office.ids(f"start_time={NOW // SECOND + 1}") == ["r6"]
    assert await office.ids(f"end_time={NOW // SECOND}") == ["r7"]
    assert await office.ids("tier=' OR 1=1 --") == []


async def test_who_may_not_ask(office: Office) -> None:
    assert (await office.get(token=None)).status == 401
    assert (await office.get(token="hp-unknown-token")).status == 401
    refused = await office.get("limit=x", token=OWN)
    assert (refused.status, refused.json["error"]["code"]) == (403, "scope_missing")
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        assert (await office.get(method=method)).status == 405


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("status=-1", "status"),
        ("status=1e3", "status"),
        ("outcome=done", "outcome"),
        ("cache=yes", "cache"),
        ("start_time=yesterday", "start_time"),
        ("start_time=nan", "start_time"),
        ("start_time=inf", "start_time"),
        ("start_time=-1", "start_time"),
        ("end_time=1e300", "end_time"),
        ("start_time=5&end_time=5", "end_time"),
        ("min_cost_usd=much", "min_cost_usd"),
        ("min_cost_usd=nan", "min_cost_usd"),
        ("min_cost_usd=-1", "min_cost_usd"),
        ("min_cost_usd=1e99", "min_cost_usd"),
        ("min_cost_usd=0.0000000001", "min_cost_usd"),
        ("min_latency_ms=nan", "min_latency_ms"),
        ("min_latency_ms=-1", "min_latency_ms"),
        ("after=x", "after"),
        ("after=1.%00", "after"),
        ("key=" + "k" * 41, "key"),
        ("user=" + "u" * 161, "user"),
    ],
)
async def test_what_cannot_be_asked(office: Office, query: str, param: str) -> None:
    refused = await office.get(query)
    assert (refused.status, refused.json["error"]["param"]) == (400, param), refused.json


@pytest.mark.parametrize("query", ["key=%ff", "key=%ed%a0%80", "&".join(f"p{number}=1" for number in range(40))])
async def test_queries_that_cannot_be_read(office: Office, query: str) -> None:
    refused = await office.get(query)
    assert refused.status == 400
    assert "Traceback" not in refused.body.decode()


async def test_a_path_that_is_not_there(office: Office) -> None:
    for path in ("/", "/../keys", "x"):
        found: Any = await office.get(path=path)
        assert found.status == 404

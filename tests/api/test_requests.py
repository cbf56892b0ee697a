"""What an administrator is told of single requests, and nobody else."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from homeport.api import requests as requests_api
from homeport.api.request_content import ContentActions, Forgotten
from homeport.api.requests import RequestPaths, RequestStore
from homeport.core.audit import Asker
from homeport.core.errors import NotFound
from homeport.core.sse import data_of, events
from homeport.core.types import Key, Scope
from homeport.storage.bodies import BodyStore
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.journal import Journal
from homeport.storage.tables import metadata
from homeport.storage.words import Text
from homeport.storage.words_sqlite import SqliteWords
from homeport.traces.detail import DetailReader
from homeport.traces.search import Search
from homeport.traces.tail import Tail
from tests.fakes.house import MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.ledger.requests import NOW, SECOND, add, failed, request
from tests.traces.kept import chat

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
        self.engine = engine
        add(
            engine,
            *(request(NOW + number, cost=number * 1_000_000, target="ab"[number % 2]) for number in range(6)),
            failed(NOW + 10 * SECOND, error="upstream_timeout", project="acme/search"),
            request(NOW - SECOND, end_user=HOSTILE, trace_id="tr_1", latency_ns=5 * SECOND, cache="semantic"),
        )
        self.journal = Journal(folder / "journal")
        self.bodies = BodyStore(folder / "captured", keep_days=7, most_bytes=1 << 24)
        self.index = SqliteWords(folder / "captured")
        self.tail = Tail(folder / "journal", every_s=0.01)
        store = RequestStore(
            engine=engine,
            bodies=self.bodies,
            detail=DetailReader(engine, self.bodies, lambda _: None, dict),
            search=Search(engine, self.index, self.bodies),
            tail=self.tail,
        )
        self.ring = FixedKeyRing(KEYS)
        self.house = House(MID, keys=self.ring, families=[RequestPaths(self.ring, store)])

    def caller(self, query: str = "", *, path: str = "", token: str | None = ADMIN, method: str = "GET") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        caller = Caller(f"/admin/v1/requests{path}", method=method, headers=headers)
        caller.scope["query_string"] = query.encode()
        return caller

    async def get(self, query: str = "", *, path: str = "", token: str | None = ADMIN, method: str = "GET") -> Caller:
        return await self.caller(query, path=path, token=token, method=method).call(self.house.app)

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


@pytest.mark.parametrize("path", ["", "/r1", "/search", "/export", "/tail"])
async def test_who_may_not_ask(office: Office, path: str) -> None:
    assert (await office.get(path=path, token=None)).status == 401
    assert (await office.get(path=path, token="hp-unknown-token")).status == 401
    refused = await office.get("limit=x", path=path, token=OWN)
    assert (refused.status, refused.json["error"]["code"]) == (403, "scope_missing")
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        assert (await office.get(path=path, method=method)).status == 405


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
        ("after=1.%0a", "after"),
        ("key=%00", None),
        ("min_cost_usd=1e-999999999", "min_cost_usd"),
        ("key=" + "k" * 41, "key"),
        ("user=" + "u" * 161, "user"),
    ],
)
async def test_what_cannot_be_asked(office: Office, query: str, param: str | None) -> None:
    refused = await office.get(query)
    assert (refused.status, refused.json["error"]["param"]) == (400, param), refused.json


@pytest.mark.parametrize("query", ["key=%ff", "key=%ed%a0%80", "&".join(f"p{number}=1" for number in range(40))])
async def test_queries_that_cannot_be_read(office: Office, query: str) -> None:
    refused = await office.get(query)
    assert refused.status == 400
    assert "Traceback" not in refused.body.decode()


async def test_one_request_whole(office: Office) -> None:
    office.bodies.put(chat("r7", prompt=HOSTILE, answer="fine"))
    told = (await office.get(path="/r7")).json
    assert told["request"]["id"] == "r7"
    assert told["said"]["messages"][1]["text"] == HOSTILE
    assert told["said"]["answer"] == "fine"
    assert told["cost"]["total_usd"] == "0.000000007"
    assert (await office.get(path="/tr_1")).json["request"]["id"] == "r7"
    assert (await office.get(path="/r1")).json["said"] is None
    missing = await office.get(path="/req_nothing")
    assert (missing.status, missing.json["error"]["code"]) == (404, "request_unknown")


async def test_what_was_said_is_searched(office: Office) -> None:
    office.bodies.put(chat("r7", prompt=HOSTILE))
    office.index.add([Text(request_id="r7", at=NOW, text=HOSTILE), Text(request_id="r1", at=NOW + 1, text="alert me")])
    page = (await office.get("text=alert", path="/search")).json
    assert [one["id"] for one in page["data"]] == ["r1", "r7"]
    assert "<script>alert(1)</script>" in page["data"][1]["snippet"]
    first = (await office.get("text=alert&limit=1", path="/search")).json
    assert (first["has_more"], [one["id"] for one in first["data"]]) == (True, ["r1"])
    second = (await office.get(f"text=alert&before={first['next']}", path="/search")).json
    assert [one["id"] for one in second["data"]] == ["r7"]
    assert (await office.get("text=alert&target=b", path="/search")).json["data"][0]["id"] == "r1"
    for query in ("", "text=", "text=***", "text=" + "x" * 1_001, "text=a&before=-1", "text=a&limit=0", "text=%ff"):
        assert (await office.get(query, path="/search")).status == 400
    for query in ('"', "a OR", "NEAR(", "text:a", "a*b*", "(", "a AND NOT b", "'; DROP TABLE words; --"):
        assert (await office.get("text=" + quote(query + " alert"), path="/search")).status == 200


async def test_export(office: Office) -> None:
    office.bodies.put(chat("r7", prompt=HOSTILE))
    asked = await office.get("content=true", path="/export")
    assert asked.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in asked.body.splitlines()]
    assert [line["request_id"] for line in lines] == ["r7", "r0", "r1", "r2", "r3", "r4", "r5", "r6"]
    assert lines[0]["messages"][1]["text"] == HOSTILE
    assert b"\x1b" not in asked.body
    assert "\u202e" not in asked.body.decode()
    bare = await office.get("target=b", path="/export")
    assert [sorted(json.loads(line))[:1] for line in bare.body.splitlines()] == [["attempts"]] * 3
    assert (await office.get("content=maybe", path="/export")).status == 400


async def test_an_export_ends_when_its_reader_leaves(office: Office) -> None:
    caller = office.caller(path="/export")
    caller.slow = True
    task = caller.start(office.house.app)
    await caller.writing.wait()
    caller.leave()
    async with asyncio.timeout(5):
        await task
    assert not caller.finished


async def test_requests_as_they_end(office: Office) -> None:
    caller = office.caller("key=key_1", path="/tail")
    task = caller.start(office.house.app)
    async with asyncio.timeout(10):
        while not caller.pieces:
            await asyncio.sleep(0.01)
        office.journal.record(request(NOW, request_id="r100", end_user=HOSTILE))
        office.journal.record(request(NOW, request_id="r101", key_id="key_2"))
        while b"r100" not in caller.body:
            await asyncio.sleep(0.01)
        caller.leave()
        await task
    assert caller.headers["content-type"] == "text/event-stream"
    [told] = [data for event in events(caller.body) if (data := data_of(event))]
    assert json.loads(told)["end_user"] == HOSTILE
    assert b"r101" not in caller.body
    office.journal.close()


async def test_a_key_that_is_revoked_is_told_nothing_more(office: Office) -> None:
    caller = office.caller(path="/tail")
    task = caller.start(office.house.app)
    async with asyncio.timeout(10):
        while not caller.pieces:
            await asyncio.sleep(0.01)
        office.ring.revoke(ADMIN)
        office.journal.record(request(NOW, request_id="r100"))
        await task
    assert caller.finished
    assert b"r100" not in caller.body
    office.journal.close()


async def test_an_export_is_cut_where_its_key_is_revoked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_api, "_LINES_AT_ONCE", 2)
    caller = office.caller(path="/export")
    caller.slow = True
    task = caller.start(office.house.app)
    await caller.writing.wait()
    office.ring.revoke(ADMIN)
    caller.read()
    async with asyncio.timeout(5):
        await task
    assert not caller.finished
    assert len(caller.body.splitlines()) == 2


async def test_watching_ends_with_the_process(office: Office) -> None:
    caller = office.caller(path="/tail")
    task = caller.start(office.house.app)
    async with asyncio.timeout(5):
        while not caller.pieces:
            await asyncio.sleep(0.01)
        office.tail.close()
        await task
    assert caller.finished
    assert (await office.get(path="/tail")).status == 503
    assert (await office.get("outcome=x", path="/tail")).status == 400


async def test_a_path_that_is_not_there(office: Office) -> None:
    for path in ("/", "/../keys", "x", "/r1/body", "/search/"):
        found: Any = await office.get(path=path)
        assert found.status == 404


async def test_what_was_said_is_forgotten(office: Office) -> None:
    actions = ContentActions(office.bodies, office.index, office.engine)
    office.bodies.put(chat("r7", prompt="same words"))
    office.index.add([Text(request_id="r7", at=NOW, text="same words")])
    assert actions.actions(["requests", "r7"]) == actions.actions(["requests", "", "content"]) == {}
    forget = actions.actions(["requests", "r7", "content"])["DELETE"]
    status, told = await forget(Asker(id="key_admin", name="admin"), b"")
    assert (status, told) == (200, Forgotten(id="r7", forgotten=True))
    assert (await office.get(path="/r7")).json["said"] is None
    assert (await office.get("text=words", path="/search")).json["data"] == []
    with pytest.raises(NotFound) as missing:
        await forget(Asker(id="key_admin", name="admin"), b"")
    assert missing.value.code == "content_unknown"

"""What a key is told of its own usage, and an administrator of anybody's."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from homeport.api.usage import UsagePaths
from homeport.core.types import Key, Scope
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.tables import metadata
from tests.fakes.clock import ManualClock
from tests.fakes.house import MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.ledger.requests import DAY, HOUR, NOW, SECOND, add, request

ADMIN, OWN, EMPTY = "hp-admin-token", "hp-own-token", "hp-empty-token"
KEYS = {
    ADMIN: Key(id="key_admin", name="admin", scopes=frozenset({Scope.ADMIN})),
    OWN: Key(id="key_1", name="own"),
    EMPTY: Key(id="key_none", name="none", scopes=frozenset()),
}
TODAY = NOW // DAY * DAY


class Office:
    def __init__(self, folder: Path) -> None:
        engine = open_database(sqlite_url(folder / "homeport.db"))
        metadata.create_all(engine)
        add(
            engine,
            request(NOW, cost=5, target="a"),
            request(NOW - 1, cost=7, target="b"),
            request(NOW - HOUR, cost=11, target="b"),
            request(NOW - 3 * DAY, cost=13, target="a", project="acme/search"),
            request(NOW, cost=17, target="a", key_id="key_2", project="acme"),
        )
        clock = ManualClock()
        clock.wall = NOW
        self.house = House(MID, keys=FixedKeyRing(KEYS), families=[UsagePaths(FixedKeyRing(KEYS), engine, clock)])

    async def get(self, path: str, query: str = "", *, token: str | None = OWN, method: str = "GET") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        caller = Caller(path, method=method, headers=headers)
        caller.scope["query_string"] = query.encode()
        return await caller.call(self.house.app)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def costs(page: Any) -> list[tuple[int, list[tuple[str | None, str]]]]:
    return [
        (bucket["start_time"], [(result["model"], result["cost_usd"][-2:]) for result in bucket["results"]])
        for bucket in page["data"]
        if bucket["results"]
    ]


async def test_a_key_sees_its_own_thirty_days(office: Office) -> None:
    page = (await office.get("/v1/usage")).json
    assert (page["object"], page["has_more"], len(page["data"])) == ("page", False, 31)
    assert costs(page) == [((TODAY - 3 * DAY) // SECOND, [(None, "13")]), (TODAY // SECOND, [(None, "23")])]
    last = page["data"][-1]
    assert last["end_time"] - last["start_time"] == 86_400
    assert last["results"][0]["num_model_requests"] == 3
    assert last["results"][0]["input_tokens"] == 30


async def test_by_hour_and_model(office: Office) -> None:
    asked = f"bucket_width=1h&group_by=model&start_time={NOW // SECOND - 3600}&end_time={NOW // SECOND + 1}"
    page = (await office.get("/v1/usage", asked)).json
    hour = NOW // HOUR * HOUR // SECOND
    assert costs(page) == [(hour - 3600, [("b", "11")]), (hour, [("a", "05"), ("b", "07")])]
    assert len(page["data"]) == 2


async def test_a_key_sees_no_other_whatever_it_says(office: Office) -> None:
    for query in ("key=key_2", "key=&project=acme", "key_id=key_2", "key=%25"):
        assert costs((await office.get("/v1/usage", query)).json) == costs((await office.get("/v1/usage")).json)
    assert costs((await office.get("/v1/usage", token=EMPTY)).json) == []


async def test_an_administrator_sees_everybody(office: Office) -> None:
    async def asked(query: str) -> Any:
        return costs((await office.get("/admin/v1/usage", query, token=ADMIN)).json)

    today = TODAY // SECOND
    assert (await asked(""))[-1] == (today, [(None, "40")])
    assert await asked("key=key_2") == [(today, [(None, "17")])]
    assert (await asked("project=acme")) == [((TODAY - 3 * DAY) // SECOND, [(None, "13")]), (today, [(None, "17")])]
    assert await asked("model=b&group_by=model") == [(today, [("b", "18")])]
    assert await asked("key=" + quote("' OR 1=1 --")) == []
    by_key = (await office.get("/admin/v1/usage", "group_by=key", token=ADMIN)).json["data"][-1]["results"]
    assert [(result["key"], result["cost_usd"][-2:]) for result in by_key] == [("key_1", "23"), ("key_2", "17")]


async def test_who_may_not_ask(office: Office) -> None:
    assert (await office.get("/v1/usage", token=None)).status == 401
    assert (await office.get("/v1/usage", token="hp-unknown-token")).status == 401
    assert (await office.get("/admin/v1/usage", token=None)).status == 401
    refused = await office.get("/admin/v1/usage", "bucket_width=1y", token=OWN)
    assert (refused.status, refused.json["error"]["code"]) == (403, "scope_missing")
    assert (await office.get("/v1/usage", method="POST")).status == 405


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("bucket_width=1m", "bucket_width"),
        ("bucket_width=", "bucket_width"),
        ("group_by=key", "group_by"),
        ("start_time=yesterday", "start_time"),
        ("start_time=-1", "start_time"),
        ("start_time=1.5", "start_time"),
        (f"end_time={10**30}", "end_time"),
        ("end_time=99999999999", "end_time"),
        ("start_time=20&end_time=10", "end_time"),
        ("start_time=10&end_time=10", "end_time"),
        ("start_time=4000000000", "end_time"),
        ("start_time=0", "start_time"),
        (f"bucket_width=1h&start_time={NOW // SECOND - 40 * 86_400}", "start_time"),
    ],
)
async def test_what_cannot_be_asked(office: Office, query: str, param: str) -> None:
    for path, token in (("/v1/usage", OWN), ("/admin/v1/usage", ADMIN)):
        if path.startswith("/admin") and query == "group_by=key":
            continue
        refused = await office.get(path, query, token=token)
        assert (refused.status, refused.json["error"]["param"]) == (400, param)


async def test_a_query_that_cannot_be_read(office: Office) -> None:
    assert (await office.get("/v1/usage", "start_time=%ff")).status == 400
    assert (await office.get("/v1/usage", "&".join(f"a{n}=1" for n in range(99)))).status == 400


async def test_the_first_days_of_time(office: Office) -> None:
    page = (await office.get("/v1/usage", "end_time=0")).json
    assert page["data"] == []
    assert len((await office.get("/v1/usage", "end_time=1")).json["data"]) == 1


async def test_a_database_that_fails_is_said(office: Office, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "homeport.db") as connection:
        connection.execute("DROP TABLE day_rollups")
    connection.close()
    failed = await office.get("/v1/usage")
    assert (failed.status, failed.json["error"]["code"]) == (503, "storage_unavailable")

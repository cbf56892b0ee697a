"""What callers and administrators say of kept answers, and what strangers learn by it: nothing."""

from pathlib import Path
from typing import Any

import pytest

from homeport.cache.desk import Desk
from homeport.cache.guard import Terms
from homeport.config.cache import CacheSettings
from homeport.core.caching import Purge, Sharing, Standing
from tests.api.cache_office import (
    ADMIN,
    BAD,
    CLOSED,
    EXPLAIN,
    MATE,
    ME,
    PURGE,
    SLOW,
    STATS,
    STRANGER,
    Office,
    asking,
)
from tests.fakes.house import CHAT


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_a_bad_answer_is_made_anew_and_not_kept(office: Office) -> None:
    await office.chat()
    hit = await office.chat()
    entry = hit.headers["x-homeport-cache-entry"]
    for _ in range(2):
        said = await office.say(BAD, {"entry": entry})
        assert (said.status, said.json) == (
            200,
            {"object": "cache.bad_answer", "entry": entry, "bar_seconds": 604_800},
        )
    for _ in range(2):
        assert (await office.chat()).headers["x-homeport-cache"] == "miss"
    office.house.clock.advance(8 * 86_400 * 10**9)
    await office.chat()
    assert (await office.chat()).headers["x-homeport-cache"] == "hit"


@pytest.mark.parametrize("which", [0, 1], ids=["kept", "served"])
async def test_an_answer_is_named_by_its_request(office: Office, which: int) -> None:
    answers = [await office.chat(), await office.chat()]
    await office.settle()
    request_id = answers[which].headers["x-homeport-request-id"]
    for _ in range(2):
        assert (await office.say(BAD, {"request_id": request_id, "bar_seconds": 60})).status == 200
    assert (await office.chat()).headers["x-homeport-cache"] == "miss"
    assert (await office.chat()).headers["x-homeport-cache"] == "miss"


async def test_a_thumb_down_is_the_same_and_a_thumb_up_is_not(office: Office) -> None:
    made = await office.chat()
    await office.settle()
    said = {"request_id": made.headers["x-homeport-request-id"]}
    await office.say("/v1/feedback", {**said, "thumb": "up"})
    assert (await office.chat()).headers["x-homeport-cache"] == "hit"
    await office.say("/v1/feedback", {**said, "thumb": "down"})
    assert (await office.chat()).headers["x-homeport-cache"] == "miss"


@pytest.mark.parametrize("token", [MATE, STRANGER])
async def test_anothers_entry_is_told_as_one_that_is_not_there(office: Office, token: str) -> None:
    await office.chat()
    entry = (await office.chat()).headers["x-homeport-cache-entry"]
    refused = await office.say(BAD, {"entry": entry}, token=token)
    unknown = await office.say(BAD, {"entry": "0" * 32}, token=token)
    assert (refused.status, refused.error["code"]) == (404, "cache_entry_unknown")
    assert {**refused.error, "request_id": ""} == {**unknown.error, "request_id": ""}
    await office.say(BAD, {"entry": entry})
    assert (await office.say(BAD, {"entry": entry}, token=token)).status == 404, "nor once it is gone"


async def test_to_call_answers_bad_counts_as_a_request_of_the_key(office: Office) -> None:
    said = [await office.say(BAD, {"entry": "0" * 32}, token=SLOW) for _ in range(4)]
    assert [one.error["code"] for one in said] == ["cache_entry_unknown"] * 3 + ["rate_limit_exceeded"]
    assert (said[3].status, "retry-after" in said[3].headers) == (429, True)
    assert (await office.say(BAD, {"entry": "0" * 32})).status == 404, "a key without limits has none here"


async def test_anothers_request_is_not_barred(office: Office) -> None:
    made = await office.chat()
    await office.settle()
    request_id = made.headers["x-homeport-request-id"]
    for token, code in ((MATE, "cache_entry_unknown"), (STRANGER, "request_unknown")):
        refused = await office.say(BAD, {"request_id": request_id}, token=token)
        assert (refused.status, refused.error["code"]) == (404, code)
    assert (await office.chat()).headers["x-homeport-cache"] == "hit"


async def test_who_shares_an_answer_may_call_it_bad(tmp_path: Path) -> None:
    office = Office(tmp_path, CacheSettings(exact=True, share=Sharing.PROJECT))
    await office.chat()
    entry = (await office.chat(MATE)).headers["x-homeport-cache-entry"]
    assert (await office.say(BAD, {"entry": entry}, token=STRANGER)).status == 404
    assert (await office.say(BAD, {"entry": entry}, token=MATE)).status == 200


async def test_a_request_that_the_cache_had_nothing_to_do_with(office: Office) -> None:
    sampled = await office.chat(body={**CHAT, "temperature": 1})
    await office.settle()
    refused = await office.say(BAD, {"request_id": sampled.headers["x-homeport-request-id"]})
    assert refused.error["code"] == "cache_entry_unknown"


@pytest.mark.parametrize("path", [BAD, EXPLAIN, STATS, PURGE, f"{STATS}/partitions/{'0' * 32}/resume"])
async def test_nobody_asks_without_a_key_that_may(office: Office, path: str) -> None:
    method = "GET" if path == STATS else "POST"
    bare = await office.say(path, CHAT, token=None, method=method)
    assert (bare.status, bare.error["code"]) == (401, "missing_api_key")
    wrong = await office.say(path, CHAT, token=ME if path.startswith("/admin") else ADMIN, method=method)
    assert (wrong.status, wrong.error["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (BAD, b"", "invalid_json"),
        (BAD, b"\xff", "invalid_utf8"),
        (BAD, b"[" * 100_000, "invalid_value"),
        (BAD, {}, "invalid_value"),
        (BAD, {"entry": "0" * 32, "request_id": "req_1"}, "invalid_value"),
        (BAD, {"entry": "0" * 31}, "invalid_value"),
        (BAD, {"entry": "0" * 31 + "G"}, "invalid_value"),
        (BAD, {"entry": "0" * 31 + "\N{ARABIC-INDIC DIGIT ONE}"}, "invalid_value"),
        (BAD, {"entry": "0" * 32 + "\n"}, "cache_entry_unknown"),
        (BAD, {"entry": "0" * 32, "bar_seconds": 0}, "invalid_value"),
        (BAD, {"entry": "0" * 32, "bar_seconds": 1e300}, "invalid_value"),
        (BAD, {"entry": "0" * 32, "nonsense": 1}, "invalid_value"),
        (BAD, {"request_id": "x\0"}, "request_unknown"),
        (BAD, {"request_id": "req_" + "a" * 24}, "request_unknown"),
        (BAD, {"request_id": "x" * 41}, "invalid_value"),
        (EXPLAIN, b"", "invalid_json"),
        (EXPLAIN, {}, "invalid_value"),
        (EXPLAIN, {"surface": 3}, "invalid_value"),
        (EXPLAIN, {**CHAT, "model": "gone"}, "model_not_found"),
    ],
)
async def test_hostile_bodies_of_callers(office: Office, path: str, body: Any, code: str) -> None:
    refused = await office.say(path, body)
    assert 400 <= refused.status < 500
    assert refused.error["code"] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"null", "invalid_value"),
        ({}, "cache_purge_unclear"),
        ({"all": False}, "cache_purge_unclear"),
        ({"all": True, "tag": "a"}, "cache_purge_unclear"),
        ({"tga": "a"}, "invalid_value"),
        ({"tag": ""}, "invalid_value"),
        ({"id": "zz"}, "invalid_value"),
        ({"id": 7}, "invalid_value"),
        ({"prompt": "0" * 32, "system": "x"}, "invalid_value"),
        ({"system": ""}, "invalid_value"),
        ({"model": "x" * 161}, "invalid_value"),
    ],
)
async def test_hostile_purges_take_nothing_out(office: Office, body: Any, code: str) -> None:
    await office.chat()
    refused = await office.say(PURGE, body, token=ADMIN)
    assert (400 <= refused.status < 500, refused.error["code"]) == (True, code)
    assert (await office.chat()).headers["x-homeport-cache"] == "hit"


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({"all": True}, 1),
        ({"model": "own"}, 1),
        ({"model": "mid"}, 0),
        ({"key": "key_me"}, 1),
        ({"key": "key_mate"}, 0),
        ({"tag": "t"}, 0),
        ({"system": "Be brief."}, 1),
        ({"system": "Be long."}, 0),
        ({"model": "own", "key": "key_mate"}, 0),
        ({"tag": "\0%_'"}, 0),
        ({"partition": "0" * 32}, 0),
        ({"id": "0" * 32}, 0),
    ],
)
@pytest.mark.parametrize("stored", [True, False])
async def test_what_is_meant_is_taken_out(office: Office, body: dict[str, Any], gone: int, stored: bool) -> None:
    asked = {**CHAT, "messages": [{"role": "system", "content": "Be brief."}, *CHAT["messages"]]}
    await office.chat(body=asked)
    if stored:
        await office.settle()
    purged = await office.say(PURGE, body, token=ADMIN)
    assert (purged.status, purged.json) == (200, {"purged": gone})
    assert (await office.chat(body=asked)).headers["x-homeport-cache"] == ("miss" if gone else "hit")


async def test_a_purge_reaches_what_a_cache_that_is_off_kept_before(tmp_path: Path) -> None:
    before = Office(tmp_path)
    await before.chat()
    await before.settle()
    (tmp_path / "later").mkdir()
    after = Office(tmp_path, CacheSettings())
    assert (await after.say(PURGE, {"all": True}, token=ADMIN)).json == {"purged": 1}


async def test_figures(office: Office) -> None:
    await office.chat()
    await office.chat()
    await office.chat(MATE)
    await office.settle()
    told = (await office.say(STATS, token=ADMIN, method="GET")).json
    assert (told["entries"], told["partitions"], told["off"]) == (2, 2, 0)
    assert set(told["tenants"]) == {"key_me", "key_mate"}
    assert told["models"]["own"]["entries"] == 2
    assert told["answers"]["by_kind"] == {"hit": 1, "miss": 2}
    assert told["answers"]["hit_rate"] == pytest.approx(1 / 3)
    saved = sum(event.saved_cost for event in office.house.recorder.events)
    assert told["answers"]["saved_usd"] == f"{saved / 1e9:.9f}"
    process = told["process"]
    assert (process["is_on"], process["entries"], process["hits"], process["flights"]) == (True, 2, {"hit": 1}, 0)
    assert process["warm"] is True


async def test_figures_of_a_cache_that_is_off(tmp_path: Path) -> None:
    told = (await Office(tmp_path, CacheSettings()).say(STATS, token=ADMIN, method="GET")).json
    assert (told["entries"], told["answers"]["hit_rate"], told["process"]["is_on"]) == (0, None, False)


async def test_a_partition_that_is_off_is_switched_on_again(office: Office) -> None:
    partition = b"p" * 16
    office.entries.stand([Standing(partition=partition, checked=30, wrong=3, off=10**18)])
    told = (await office.say(STATS, token=ADMIN, method="GET")).json
    assert told["off"] == 1
    assert told["checked"][0]["bound"] > Terms().budget
    assert told["checked"][0] | {"bound": 0} == {
        "partition": partition.hex(),
        "entries": 0,
        "checked": 30,
        "wrong": 3,
        "bound": 0,
        "off_since": 1e9,
    }
    path = f"{STATS}/partitions/{partition.hex()}/resume"
    assert (await office.say(path, token=ADMIN)).json == {"partition": partition.hex(), "resumed": True}
    assert (await office.say(STATS, token=ADMIN, method="GET")).json["off"] == 0
    again = await office.say(path, token=ADMIN)
    assert (again.status, again.error["code"]) == (404, "cache_partition_unknown")


@pytest.mark.parametrize("partition", ["x", "0" * 33, "..", "%00", "\N{ARABIC-INDIC DIGIT ONE}" * 32, "A" * 32])
async def test_what_is_no_partition_is_not_found(office: Office, partition: str) -> None:
    refused = await office.say(f"{STATS}/partitions/{partition}/resume", token=ADMIN)
    assert (refused.status, refused.error["code"]) == (404, "cache_partition_unknown")


async def test_private_answers_go_too(office: Office) -> None:
    await office.chat(CLOSED)
    hit = await office.chat(CLOSED)
    assert hit.headers["x-homeport-cache"] == "hit"
    assert (await office.say(BAD, {"entry": hit.headers["x-homeport-cache-entry"]}, token=CLOSED)).status == 200
    assert (await office.chat(CLOSED)).headers["x-homeport-cache"] == "miss"


async def test_a_purge_from_elsewhere_reaches_private_answers_in_memory(office: Office) -> None:
    await office.chat(CLOSED)
    await office.settle()
    elsewhere = Desk(lambda: None, office.entries)
    office.clock.advance(10**9)
    await elsewhere.purge(Purge(model="mid"))
    await office.settle()
    assert (await office.chat(CLOSED)).headers["x-homeport-cache"] == "hit"
    await elsewhere.purge(Purge(model="own"))
    await office.settle()
    assert (await office.chat(CLOSED)).headers["x-homeport-cache"] == "miss"
    office.house.clock.advance(2 * 10**9)
    await office.chat(body=asking("Who?"), token=CLOSED)
    await office.settle()
    assert (await office.chat(body=asking("Who?"), token=CLOSED)).headers["x-homeport-cache"] == "hit", "made later"

"""POST /v1/cache/explain: what the cache would do with a request, and nothing done."""

from pathlib import Path
from typing import Any

import pytest

from homeport.config.cache import CacheRouteSettings, CacheSettings
from homeport.core.caching import Mode, Sharing, Standing
from tests.api.cache_office import ADMIN, BAD, EXACT, EXPLAIN, MATE, ME, STATS, STRANGER, Office, asking
from tests.fakes.house import CHAT


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_what_the_cache_would_do_is_told_and_changes_nothing(office: Office) -> None:
    before = (await office.say(EXPLAIN, CHAT)).json
    assert (before["result"], before["rule"]["exact"], before["warm"]) == ("miss", True, False)
    kept = await office.chat()
    assert kept.headers["x-homeport-cache"] == "miss", "nor is anybody waited for"
    told = (await office.say(EXPLAIN, CHAT)).json
    [place] = told["places"]
    assert (told["result"], told["not_semantic"], place["kept"], place["model"]) == ("hit", "off", True, "own")
    assert place["expires_in_seconds"] == 3600
    assert (await office.say(EXPLAIN, CHAT, token=MATE)).json["result"] == "miss"
    assert len(office.house.recorder.events) == 1
    assert office.house.calls() == ["own"]
    hit = await office.chat()
    assert hit.headers["x-homeport-cache-entry"] == place["entry"]
    await office.say(BAD, {"entry": place["entry"]})
    assert (await office.say(EXPLAIN, CHAT)).json["places"][0]["barred"] is True


@pytest.mark.parametrize(
    ("settings", "body", "token", "bypass"),
    [
        (CacheSettings(), CHAT, ME, "off"),
        (CacheSettings(routes=(CacheRouteSettings(name="r", models=("mid",), exact=True),)), CHAT, ME, "off"),
        (EXACT, {**CHAT, "temperature": 1}, ME, "sampled"),
    ],
)
async def test_why_the_cache_has_nothing_to_do_with_it(
    tmp_path: Path, settings: CacheSettings, body: dict[str, Any], token: str, bypass: str
) -> None:
    told = (await Office(tmp_path, settings).say(EXPLAIN, body, token=token)).json
    assert (told["result"], told["bypass"], told["places"]) == ("bypass", bypass, [])


async def test_the_nearest_are_told_with_the_ruling(tmp_path: Path) -> None:
    office = Office(tmp_path, CacheSettings(semantic=Mode.BALANCED))
    await office.chat(body=asking("How do I cancel my subscription?"))
    same = (await office.say(EXPLAIN, asking("how do i cancel my subscription"))).json
    [near] = same["places"][0]["nearest"]
    assert (same["result"], near["same"], near["text"]) == ("semantic", True, "How do I cancel my subscription?")
    other = (await office.say(EXPLAIN, asking("How do I not cancel my subscription?"))).json
    [near] = other["places"][0]["nearest"]
    assert (other["result"], near["same"]) == ("miss", False)
    assert near["reason"]
    assert 0.75 < near["similarity"] < 1
    assert (await office.say(EXPLAIN, asking("how do i cancel my subscription"), token=MATE)).json["places"][0][
        "nearest"
    ] == []


async def test_a_partition_that_is_off_is_told(tmp_path: Path) -> None:
    office = Office(tmp_path, CacheSettings(semantic=Mode.BALANCED))
    await office.chat(body=asking("How do I cancel my subscription?"))
    again = asking("how do i cancel my subscription")
    partition = (await office.say(EXPLAIN, again)).json["places"][0]["partition"]
    office.entries.stand([Standing(partition=bytes.fromhex(partition), checked=30, wrong=3, off=1)])
    await office.settle()
    told = (await office.say(EXPLAIN, again)).json
    assert (told["result"], told["places"][0]["off"]) == ("miss", True)
    await office.say(f"{STATS}/partitions/{partition}/resume", token=ADMIN)
    await office.settle()
    assert (await office.say(EXPLAIN, again)).json["result"] == "semantic"


async def test_a_shared_text_is_not_told(tmp_path: Path) -> None:
    office = Office(tmp_path, CacheSettings(semantic=Mode.BALANCED, share=Sharing.EVERYONE))
    await office.chat(body=asking("How is a subscription cancelled?"))
    told = await office.say(EXPLAIN, asking("how is a subscription cancelled"), token=STRANGER)
    [near] = told.json["places"][0]["nearest"]
    assert (near["same"], near["text"]) == (True, None)
    assert b"How is a" not in told.body

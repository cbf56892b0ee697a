import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.core.types import Key, Surface, Target, UpstreamCall
from homeport.pipeline.salting import Salter
from tests.fakes.house import CHAT, MID, OWN, House, seen
from tests.fakes.upstream import whole

ONE, TWO = Key(id="key_1", name="one", project="a"), Key(id="key_2", name="two", project="a")
ELSEWHERE = Key(id="key_3", name="three", project="b")


def salted(by: str) -> Target:
    return msgspec.structs.replace(OWN, salted_by=by)


def salt(key: Key, by: str, secret: bytes = b"pepper", surface: Surface = Surface.CHAT, **fields: Any) -> Any:
    told = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    call = UpstreamCall(target=salted(by), surface=surface, fields=told, request_id="r")
    given = Salter(secret).salted(call, key).fields.get("cache_salt")
    return None if given is None else msgspec.json.decode(given)


def test_a_key_has_its_own_and_keeps_it() -> None:
    assert salt(ONE, "key") == salt(ONE, "key") != salt(TWO, "key")


def test_or_a_project_has() -> None:
    assert salt(ONE, "project") == salt(TWO, "project") != salt(ELSEWHERE, "project")


def test_a_project_that_is_called_like_a_key_is_not_that_key() -> None:
    assert salt(ONE, "key") != salt(Key(id="k", name="n", project="key_1"), "project")


def test_nobody_can_work_it_out() -> None:
    assert salt(ONE, "key", b"pepper") != salt(ONE, "key", b"another")
    assert "key_1" not in salt(ONE, "key")
    assert len(bytes.fromhex(salt(ONE, "key"))) == 24


@given(st.text())
def test_a_callers_own_salt_divides_further_and_cannot_be_somebody_elses(own: str) -> None:
    """Also not by sending the salt that another tenant gets."""
    divided = salt(ONE, "key", cache_salt=own)
    assert divided != own
    assert divided not in {salt(ONE, "key"), salt(TWO, "key"), salt(TWO, "key", cache_salt=own)}
    assert salt(ONE, "key", cache_salt=salt(TWO, "key")) != salt(TWO, "key")


@pytest.mark.parametrize("surface", [Surface.EMBEDDING, Surface.RERANK])
def test_only_prompts_are_salted(surface: Surface) -> None:
    assert salt(ONE, "key", surface=surface) is None


async def test_it_is_sent_to_an_engine_that_takes_one() -> None:
    target = salted("key")
    house = House(target)
    house.upstreams[target.name].script(whole())
    assert (await house.ask({**CHAT, "model": target.name})).status == 200
    assert len(seen(house.upstreams[target.name])["cache_salt"]) == 48


async def test_without_a_salt_it_is_not_asked() -> None:
    target = salted("key")
    house = House(target, salter=None)
    house.upstreams[target.name].script(whole())
    assert (await house.ask({**CHAT, "model": target.name})).status == 500
    assert house.calls() == []


@pytest.mark.parametrize("target", [OWN, MID])
async def test_and_to_nobody_else(target: Target) -> None:
    house = House(target)
    house.upstreams[target.name].script(whole())
    assert (await house.ask({**CHAT, "model": target.name})).status == 200
    assert "cache_salt" not in seen(house.upstreams[target.name])

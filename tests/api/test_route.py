"""POST /v1/route as strangers see it."""

import json
from typing import Any

import pytest

from homeport.core.types import Surface
from tests.fakes.house import CHAT, EMBED, PROMPT, House


async def test_the_surface_is_in_the_query_or_in_the_body() -> None:
    house = House()
    told = [
        (await house.ask(EMBED, surface="route?surface=embeddings")).json,
        (await house.ask({**EMBED, "surface": "embeddings"}, surface="route")).json,
    ]
    assert told[0] == told[1]
    assert len(told[0]["candidates"]) == 1, "embeddings have one"
    message = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": PROMPT}]}
    assert (await house.ask(message, surface="route?surface=messages")).status == 200


async def test_nobody_asks_without_a_key() -> None:
    caller = await House().ask(CHAT, surface="route", token=None)
    assert (caller.status, caller.error["code"]) == (401, "missing_api_key")
    wrong = await House().ask(b"x" * 10, surface="route?surface=no", token="hp-wrong-token")
    assert (wrong.status, wrong.error["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("", b"", "invalid_json"),
        ("", b"[]", "invalid_value"),
        ("", b"{}", "invalid_value"),
        ("", b"\xff\xfe", "invalid_utf8"),
        ("", b'{"surface":"chat/completions"', "invalid_json"),
        ("", b'{"surface":"\xff"}', "invalid_utf8"),
        ("", b'{"surface":"nothing"}', "invalid_value"),
        ("", b'{"surface":3}', "invalid_value"),
        ("", b'{"surface":{"a":[]}}', "invalid_value"),
        ("", b'{"surface":' + b"[" * 100_000, "json_too_deep"),
        ("?surface=nothing", b"{}", "invalid_value"),
        ("?surface=%00", b"{}", "invalid_value"),
        ("?" + "a=1&" * 100, b"{}", "invalid_value"),
        ("", json.dumps({**CHAT, "model": "gone"}).encode(), "model_not_found"),
        ("?surface=rerank", json.dumps(CHAT).encode(), "invalid_value"),
    ],
)
async def test_hostile_bodies_and_queries(query: str, body: bytes, code: str) -> None:
    house = House(max_body=200_000)
    caller = await house.ask(body, surface=f"route{query}")
    assert 400 <= caller.status < 500
    assert caller.error["code"] == code
    assert house.recorder.events == []


@pytest.mark.parametrize("surface", Surface)
async def test_no_text_of_the_request_is_in_the_answer(surface: Surface) -> None:
    secret = "zebra-4711"
    body: dict[str, Any] = {
        "model": "auto",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": secret}],
        "input": secret,
        "prompt": secret,
        "query": secret,
        "documents": [secret],
    }
    caller = await House().ask(body, surface=f"route?surface={surface}")
    assert secret not in caller.body.decode()

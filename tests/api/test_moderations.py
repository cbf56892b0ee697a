"""POST /v1/moderations through the request path: answered at home, or by an upstream that is named."""

import json
from typing import Any

import pytest
from openai.types import ModerationCreateResponse

from homeport.core.errors import ConfigError
from homeport.core.types import Completion, Outcome, Surface
from homeport.privacy.moderate import NOT_JUDGED
from homeport.privacy.recognize import Recognizers, load_recognizers
from homeport.providers import moderation
from tests.fakes.house import MID, PRIVATE, House, target
from tests.fakes.wire import Caller

REMOTE = target("omni-moderation-latest", surfaces=frozenset({Surface.MODERATION}))
CARD = "my card is 4111 1111 1111 1111"


@pytest.fixture
def house() -> House:
    house = House(MID, REMOTE, moderation.TARGET)
    house.serve(moderation.NAME, moderation.LocalModeration(load_recognizers))
    return house


async def ask(house: House, given: Any, model: str | None = None, **more: Any) -> Caller:
    return await house.ask({"input": given, **({"model": model} if model else {})}, surface="moderations", **more)


async def test_private_data_is_found_and_nothing_else_is_judged(house: House) -> None:
    caller = await ask(house, CARD)
    assert caller.status == 200
    ModerationCreateResponse.model_validate(caller.json, strict=True)
    [result] = caller.json["results"]
    assert caller.json["model"] == "homeport-recognizers"
    assert result["flagged"]
    assert [name for name, found in result["categories"].items() if found] == ["homeport/payment_card"]
    assert result["category_scores"]["homeport/payment_card"] > 0.9
    assert result["category_applied_input_types"]["homeport/payment_card"] == ["text"]
    assert result["homeport"]["findings"] == [
        {
            "recognizer": "payment_card",
            "start": 11,
            "end": 30,
            "score": result["category_scores"]["homeport/payment_card"],
        }
    ]
    for name in NOT_JUDGED:
        assert (result["categories"][name], result["category_scores"][name]) == (False, 0)
        assert result["category_applied_input_types"][name] == []
    assert result["homeport"]["not_judged"] == list(NOT_JUDGED)
    assert b"4111" not in caller.body


async def test_it_is_recorded_and_costs_nothing(house: House) -> None:
    caller = await ask(house, CARD)
    assert caller.headers["x-homeport-cost"] == "0.000000000"
    assert (house.event.surface, house.event.cost, house.event.local) == (Surface.MODERATION, 0, True)
    assert (house.event.input_tokens, house.event.output_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("nothing here", [False]),
        ("", [False]),
        (["nothing", CARD, "a@example.org"], [False, True, True]),
        ([{"type": "text", "text": "nothing"}, {"type": "text", "text": CARD}], [True]),
        (["nothing", {"type": "text", "text": CARD}], [True]),
    ],
)
async def test_inputs(house: House, given: Any, flags: list[bool]) -> None:
    assert [result["flagged"] for result in (await ask(house, given)).json["results"]] == flags


@pytest.mark.parametrize("model", [None, "homeport-recognizers", "auto"])
async def test_private_requests_are_answered_at_home(house: House, model: str | None) -> None:
    caller = await ask(house, CARD, model, token=PRIVATE)
    assert caller.headers["x-homeport-model"] == "homeport-recognizers"


async def test_an_upstream_that_is_named_judges(house: House) -> None:
    told = {"id": "modr-1", "model": "omni", "results": [{"flagged": False, "new": 1}]}
    house.upstreams[REMOTE.name].script(Completion(body=json.dumps(told).encode(), usage=None))
    caller = await ask(house, CARD, REMOTE.name)
    assert caller.json == told
    [call] = house.upstreams[REMOTE.name].calls
    assert (call.surface, json.loads(bytes(call.fields["input"]))) == (Surface.MODERATION, CARD)


async def test_a_judge_that_is_not_there_is_not_replaced() -> None:
    caller = await ask(House(MID, moderation.TARGET), CARD, "text-moderation-latest")
    assert (caller.status, caller.error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}], 400, "upstream_rejected_request"),
        ([{"type": "text"}], 400, "upstream_rejected_request"),
        ("x" * (moderation.MAX_CHARS + 1), 413, "upstream_rejected_request"),
        ([], 400, "invalid_value"),
        (None, 400, "invalid_value"),
        ([["x"]], 400, "invalid_value"),
        ({"type": "text", "text": "x"}, 400, "invalid_value"),
    ],
)
async def test_what_is_refused(given: Any, status: int, code: str) -> None:
    house = House(moderation.TARGET, max_body=2_000_000)
    house.serve(moderation.NAME, moderation.LocalModeration(load_recognizers))
    caller = await ask(house, given)
    assert (caller.status, caller.error["code"]) == (status, code)
    assert house.event.outcome is Outcome.REJECTED


async def test_a_recognizer_that_cannot_be_loaded_is_named() -> None:
    def load() -> Recognizers:
        raise ConfigError("the adapter 'acme' cannot be imported", code="adapter_broken", hint="remove it")

    house = House(moderation.TARGET)
    house.serve(moderation.NAME, moderation.LocalModeration(load))
    caller = await ask(house, "text")
    assert (caller.status, caller.error["code"]) == (502, "adapter_broken")

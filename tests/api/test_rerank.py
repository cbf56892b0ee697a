"""POST /v1/rerank: checked, sent to a model that can, passed through, and billed by its tokens."""

import json
from typing import Any

import pytest

from homeport.core.types import Completion, Outcome, Surface, Usage
from tests.fakes.house import API_PRICE, MID, House, target
from tests.fakes.wire import Caller

RANKER = target("ranker", price=API_PRICE, surfaces=frozenset({Surface.RERANK}))
CHATTY = target("chatty", surfaces=frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING}))
ASK: dict[str, Any] = {
    "model": "ranker",
    "query": "Who ends the contract?",
    "documents": ["Clause 1.", {"text": "Clause 9."}],
    "top_n": 1,
    "return_documents": True,
    "truncation": True,
}
TOLD = {"model": "ranker-1", "results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 30}}


async def ask(house: House, **fields: Any) -> Caller:
    body = {name: value for name, value in {**ASK, **fields}.items() if value is not ...}
    return await house.ask(body, surface="rerank")


async def test_it_passes_through_and_is_billed_by_its_tokens() -> None:
    house = House(RANKER, MID)
    house.upstreams["ranker"].script(Completion(body=json.dumps(TOLD).encode(), usage=Usage(input_tokens=30)))
    caller = await ask(house)
    assert (caller.status, caller.json) == (200, TOLD)
    [call] = house.upstreams["ranker"].calls
    assert {name: json.loads(bytes(raw)) for name, raw in call.fields.items()} == ASK
    assert (house.event.input_tokens, house.event.output_tokens, house.event.cost) == (30, 0, 30_000)


async def test_without_usage_each_document_is_counted_with_the_query() -> None:
    house = House(RANKER)
    house.upstreams["ranker"].script(Completion(body=json.dumps(TOLD).encode(), usage=None))
    await ask(house, query="x" * 40, documents=["y" * 40, {"text": "z" * 40}, {"image": "?"}])
    assert (house.event.input_tokens, house.event.output_tokens, house.event.estimated) == (50, 0, True)


async def test_a_model_that_cannot_is_refused() -> None:
    caller = await ask(House(CHATTY), model="chatty")
    assert (caller.status, caller.error["code"], caller.error["param"]) == (400, "surface_not_supported", "model")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ...}, None),
        ({"query": 7}, "query"),
        ({"documents": ...}, None),
        ({"documents": []}, "documents"),
        ({"documents": [7]}, "documents[0]"),
        ({"documents": "x"}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "1"}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"model": ""}, "model"),
    ],
)
async def test_what_is_refused(fields: dict[str, Any], param: str | None) -> None:
    house = House(RANKER)
    caller = await ask(house, **fields)
    assert (caller.status, caller.error["code"], caller.error["param"]) == (400, "invalid_value", param)
    assert house.event.outcome is Outcome.REJECTED

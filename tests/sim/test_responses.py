"""The Responses API, moderations and reranking; the openai package reads what it knows."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from homeport.sim.server import SimServer
from tests.fakes.sim import Received, ask

TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
async def client(sim: SimServer) -> AsyncIterator[Any]:
    """`Any`, for the package's overloads want typed dictionaries that say nothing to these tests."""
    async with openai.AsyncOpenAI(base_url=f"{sim.url}/v1", api_key="k", max_retries=0) as client:
        yield client


async def test_a_whole_response(client: Any) -> None:
    answer = await client.responses.create(model="m", input="hi", instructions="be brief")
    assert answer.output_text.startswith('Simulated: no model was called. You asked: "hi".')
    assert (answer.status, answer.incomplete_details, answer.object) == ("completed", None, "response")
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (3, 48, 51)
    short = await client.responses.create(model="m", input="hi", max_output_tokens=4)
    assert (short.status, short.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_a_stream_adds_up_to_the_whole(client: Any) -> None:
    fields = {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}
    whole = await client.responses.create(**fields)
    events = [event async for event in await client.responses.create(**fields, stream=True)]
    kinds = [event.type for event in events]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 48,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type.endswith("text.delta")) == whole.output_text
    assert events[-1].response == whole
    async with client.responses.stream(**fields) as stream:
        assert (await stream.get_final_response()).output_text == whole.output_text


@pytest.mark.parametrize("faults", ["", "tool-split=1"])
async def test_functions(client: Any, faults: str) -> None:
    fields: dict[str, Any] = {"model": "m", "input": "the weather?", "tools": [TOOL]}
    whole = await client.responses.create(**fields)
    [call] = whole.output
    assert (call.type, call.name) == ("function_call", "get_weather")
    assert set(json.loads(call.arguments)) == {"city"}
    headers = {"x-sim-fault": faults}
    events = [event async for event in await client.responses.create(**fields, stream=True, extra_headers=headers)]
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == call.arguments
    assert not faults or {len(delta) for delta in deltas} == {1}
    assert events[-1].response.output == whole.output
    items = [
        {"role": "user", "content": "the weather?"},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"},
    ]
    after = await client.responses.create(**{**fields, "input": items})
    assert "12 degrees" in after.output_text


async def test_choice_and_json(client: Any) -> None:
    forced = {"type": "function", "name": "get_weather"}
    for choice, kind in (("required", "function_call"), (forced, "function_call"), ("none", "message")):
        answer = await client.responses.create(model="m", input="hi", tools=[TOOL], tool_choice=choice)
        assert answer.output[0].type == kind
    form = {"type": "json_schema", "name": "x", "schema": {"const": {"a": 1}}}
    answer = await client.responses.create(model="m", input="hi", text={"format": form})
    assert json.loads(answer.output_text) == {"a": 1}


async def test_images_and_usage(client: Any) -> None:
    parts = [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "data:image/png;base64,AA"}]
    headers = {"x-sim-fault": "cached=5;reasoning=7"}
    answer = await client.responses.create(model="m", input=[{"role": "user", "content": parts}], extra_headers=headers)
    assert answer.usage.input_tokens == 86
    assert answer.usage.input_tokens_details.cached_tokens == 5
    assert answer.usage.output_tokens_details.reasoning_tokens == 7


async def send(sim: SimServer, path: str, faults: str = "", **fields: Any) -> Received:
    return await ask(sim, fields, faults, path)


async def test_faults_of_the_end(sim: SimServer) -> None:
    async def events(faults: str) -> list[str]:
        body = (await send(sim, "/v1/responses", faults, model="m", input="hi", stream=True)).body.decode()
        return body.split("\n\n")[:-1]

    whole = await events("")
    assert await events("missing-done") == whole[:-1]
    assert await events("duplicate-done") == [*whole, whole[-1]]
    assert json.loads((await events("error-event;after=4"))[-1].partition("data: ")[2])["type"] == "error"
    assert '"usage":null' in (await events("missing-usage"))[-1]


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "x"},
        {"model": "m"},
        {"model": "m", "input": []},
        {"model": "m", "input": [{"type": "song"}]},
        {"model": "m", "input": [{"role": "king", "content": "x"}]},
        {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
        {"model": "m", "input": "x", "previous_response_id": "resp_1"},
        {"model": "m", "input": "x", "max_output_tokens": 0},
        {"model": "m", "input": "x", "tools": [{"type": "function", "function": {"name": "x"}}]},
    ],
    ids=str,
)
async def test_requests_that_are_refused(sim: SimServer, fields: dict[str, Any]) -> None:
    assert (await send(sim, "/v1/responses", **fields)).fields["error"]["type"] == "invalid_request_error"


async def test_moderations(client: Any) -> None:
    answer = await client.moderations.create(input=["about violence", "about tea"])
    assert [result.flagged for result in answer.results] == [True, False]
    assert answer.results[0].categories.violence
    assert answer.results[1].category_scores.violence < 0.1
    one = await client.moderations.create(input=[{"type": "text", "text": "tea"}])
    assert len(one.results) == 1


async def test_reranking(sim: SimServer) -> None:
    documents = ["tea is green", {"text": "the contract ends"}, "when the contract ends early"]
    fields: dict[str, Any] = {"model": "r", "query": "contract ends early", "documents": documents}
    answer = (await send(sim, "/v1/rerank", **fields)).fields
    assert [result["index"] for result in answer["results"]] == [2, 1, 0]
    assert answer["results"][1]["document"] == {"text": "the contract ends"}
    assert all(0 <= result["relevance_score"] <= 1 for result in answer["results"])
    assert answer["usage"]["total_tokens"] > 0
    short = (await send(sim, "/v2/rerank", **fields, top_n=1, return_documents=False)).fields
    assert [set(result) for result in short["results"]] == [{"index", "relevance_score"}]
    wrongs: list[dict[str, Any]] = [{"query": ""}, {"documents": []}, {"documents": [7]}]
    for wrong in wrongs:
        assert (await send(sim, "/v1/rerank", **{**fields, **wrong})).status == 400
    assert (await send(sim, "/v1/moderations", input=7)).status == 400

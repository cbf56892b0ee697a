"""Gemini's dialect against the shapes of its documentation."""

import json
import math
from typing import Any

import pytest

from homeport.sim.server import SimServer
from tests.fakes.sim import Received, ask, get

HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
SHORT: dict[str, Any] = {"generationConfig": {"maxOutputTokens": 6}}
FUNCTION = {
    "name": "get_weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 1, "maximum": 7}},
        "required": ["city", "days"],
    },
}
TOOLS: dict[str, Any] = {"tools": [{"functionDeclarations": [FUNCTION]}]}


async def send(sim: SimServer, faults: str = "", method: str = "generateContent", **fields: Any) -> Received:
    return await ask(sim, {**HELLO, **fields}, faults, f"/v1beta/models/gemini-x:{method}", {"x-goog-api-key": "k"})


async def stream(sim: SimServer, faults: str = "", **fields: Any) -> list[dict[str, Any]]:
    return (await send(sim, faults, "streamGenerateContent?alt=sse", **fields)).chunks


async def test_whole_content(sim: SimServer) -> None:
    answer = (await send(sim, **SHORT)).fields
    assert answer == {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Simulated: no model was"}]},
                "finishReason": "MAX_TOKENS",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 1,
            "candidatesTokenCount": 6,
            "totalTokenCount": 7,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}],
        },
        "modelVersion": "gemini-x",
        "responseId": answer["responseId"],
    }


async def test_a_stream_has_chunks_of_the_same_shape(sim: SimServer) -> None:
    whole, chunks = (await send(sim, **SHORT)).fields, await stream(sim, **SHORT)
    assert len(chunks) == 7
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", [])]
    assert "".join(part["text"] for part in parts) == whole["candidates"][0]["content"]["parts"][0]["text"]
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None] * 6 + ["MAX_TOKENS"]
    assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]
    listed = json.loads((await send(sim, "", "streamGenerateContent", **SHORT)).body)
    assert listed == chunks


async def test_functions(sim: SimServer) -> None:
    asked = {"role": "user", "parts": [{"text": "the weather?"}]}
    fields: dict[str, Any] = {"contents": [asked], **TOOLS}
    candidate = (await send(sim, **fields)).fields["candidates"][0]
    call = candidate["content"]["parts"][0]["functionCall"]
    assert (call["name"], candidate["finishReason"]) == ("get_weather", "STOP")
    assert isinstance(call["args"]["city"], str)
    assert 1 <= call["args"]["days"] <= 7
    assert (await stream(sim, **fields))[-1]["candidates"] == [candidate]
    answered = {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"t": "12 deg"}}}]}
    contents = [asked, {"role": "model", "parts": [{"functionCall": call}]}, answered]
    after = (await send(sim, **{**fields, "contents": contents})).fields["candidates"][0]
    assert "12 deg" in after["content"]["parts"][0]["text"]


@pytest.mark.parametrize(
    ("config", "called"),
    [
        ({"mode": "ANY"}, True),
        ({"mode": "ANY", "allowedFunctionNames": ["get_weather"]}, True),
        ({"mode": "NONE"}, False),
        ({"mode": "AUTO"}, False),
    ],
)
async def test_choice_of_functions(sim: SimServer, config: dict[str, Any], called: bool) -> None:
    camel = await send(sim, **TOOLS, toolConfig={"functionCallingConfig": config})
    snake = await send(sim, **TOOLS, tool_config={"function_calling_config": config})
    for answer in (camel.fields, snake.fields):
        assert ("functionCall" in answer["candidates"][0]["content"]["parts"][0]) == called


async def test_json_images_systems_and_several_candidates(sim: SimServer) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "nullable": True}}, "required": ["a"]}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    text = (await send(sim, generationConfig=config)).fields["candidates"][0]["content"]["parts"][0]["text"]
    assert set(json.loads(text)) == {"a"}
    parts = [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"text": "hi"}]
    fields: dict[str, Any] = {"contents": [{"parts": parts}], "system_instruction": {"parts": [{"text": "be brief"}]}}
    answer = (await send(sim, **fields, generationConfig={"candidateCount": 2, "stopSequences": ["model"]})).fields
    assert answer["usageMetadata"]["promptTokenCount"] == 1 + 85 + 2
    assert [candidate["index"] for candidate in answer["candidates"]] == [0, 1]
    assert {candidate["content"]["parts"][0]["text"] for candidate in answer["candidates"]} == {"Simulated: no "}


async def test_usage_by_faults(sim: SimServer) -> None:
    usage = (await send(sim, "cached=1;reasoning=5")).fields["usageMetadata"]
    assert (usage["cachedContentTokenCount"], usage["thoughtsTokenCount"]) == (1, 5)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"] + 5
    assert all("usageMetadata" not in chunk for chunk in await stream(sim, "missing-usage"))


async def test_faults_of_the_end(sim: SimServer) -> None:
    whole = await stream(sim)
    assert await stream(sim, "missing-done") == whole[:-1]
    assert await stream(sim, "duplicate-done") == [*whole, whole[-1]]
    assert (await stream(sim, "error-event;after=3"))[3]["error"]["status"] == "UNAVAILABLE"


async def test_counts_embeddings_and_models(sim: SimServer) -> None:
    assert (await send(sim, "", "countTokens")).fields["totalTokens"] == 1
    inner = {"generateContentRequest": {"model": "models/gemini-x", **HELLO}}
    assert (await ask(sim, inner, path="/v1beta/models/gemini-x:countTokens")).fields["totalTokens"] == 1
    content = {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}
    values = (await ask(sim, content, path="/v1beta/models/e:embedContent")).fields["embedding"]["values"]
    assert len(values) == 8
    assert math.isclose(math.hypot(*values), 1)
    batch = {"requests": [{"model": "models/e", **content}] * 2}
    found = (await ask(sim, batch, path="/v1beta/models/e:batchEmbedContents")).fields["embeddings"]
    assert [one["values"] for one in found] == [values, values]
    listed = (await get(sim, "/v1beta/models")).fields["models"]
    assert [model["name"] for model in listed] == ["models/simulated-small", "models/simulated-large"]
    assert (await get(sim, "/v1beta/models/simulated-small")).fields == listed[0]
    assert (await get(sim, "/v1beta/models/no")).fields["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
async def test_errors(sim: SimServer, status: int, word: str) -> None:
    reply = await send(sim, f"status={status}")
    assert (reply.status, reply.fields["error"]["code"], reply.fields["error"]["status"]) == (status, status, word)


async def test_the_wait_is_a_detail_of_the_error(sim: SimServer) -> None:
    [detail] = (await send(sim, "status=429;retry-after=3")).fields["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}


def declared(parameters: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]}


@pytest.mark.parametrize(
    "fields",
    [
        {"contents": []},
        {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": []}]},
        {"contents": [{"role": "user", "content": "x"}]},
        {"contents": [{"role": "user", "parts": [{"text": 7}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x", "inlineData": {}}]}]},
        {"contents": [{"role": "user", "parts": [{"functionCall": {"name": "f", "args": "{}"}}]}]},
        {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
        {"messages": []},
        {"generationConfig": {"max_tokens": 5}},
        {"generationConfig": {"maxOutputTokens": 0}},
        {"generationConfig": {"responseSchema": {"type": "OBJECT"}}},
        {"tools": {}},
        {"tools": [{"functionDeclarations": [{"parameters": {}}]}]},
        {"toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}},
        declared({"type": "object", "additionalProperties": False}),
        declared({"$ref": "#/x"}),
        declared({"type": "object", "properties": {"a": {"type": "string", "const": "x"}}}),
        declared({"type": "text"}),
    ],
    ids=str,
)
async def test_requests_that_gemini_refuses(sim: SimServer, fields: dict[str, Any]) -> None:
    reply = await send(sim, **fields)
    assert (reply.status, reply.fields["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_an_unknown_method_is_refused_in_its_own_words(sim: SimServer) -> None:
    assert (await send(sim, "", "sing")).fields["error"]["status"] == "NOT_FOUND"
    assert (await get(sim, "/v1beta/nothing")).fields["error"]["status"] == "NOT_FOUND"


async def test_json_schema_may_be_more(sim: SimServer) -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False}
    fields: dict[str, Any] = {
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    }
    part = (await send(sim, **fields)).fields["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"] == {"a": 1}

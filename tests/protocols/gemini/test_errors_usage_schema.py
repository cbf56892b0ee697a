"""Errors, usage, embeddings and schemas."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.core.types import Usage
from homeport.protocols.gemini.embeddings import (
    batch_answer,
    batch_request,
    embedding_list,
    embedding_request,
    estimated_tokens,
)
from homeport.protocols.gemini.errors import GeminiError, chat_error, gemini_error, read_error
from homeport.protocols.gemini.schema import json_schema
from homeport.protocols.gemini.usage import chat_usage, read_chat_usage, read_usage, usage_metadata
from tests.protocols.gemini.talk import VALUES, raw, usages


@given(usages())
def test_usage_there_and_back(usage: Usage) -> None:
    assert read_usage(msgspec.Raw(msgspec.json.encode(usage_metadata(usage)))) == usage
    assert read_chat_usage(chat_usage(usage)) == usage


@given(VALUES)
def test_usage_that_makes_no_sense(value: Any) -> None:
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")
    usage = read_usage(msgspec.Raw(json.dumps(dict.fromkeys(names, value)).encode()))
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9
    assert (usage is not None) == is_count
    assert read_usage(msgspec.Raw(json.dumps(value).encode())) is None


INVALID_KEY = b"""{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",
"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID",
"domain":"googleapis.com","metadata":{"service":"generativelanguage.googleapis.com"}}]}}"""
QUOTA = b"""[{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED",
"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}]"""


def test_errors() -> None:
    invalid = read_error(INVALID_KEY)
    assert invalid is not None
    assert (invalid.code, invalid.status, invalid.reason) == (400, "INVALID_ARGUMENT", "API_KEY_INVALID")
    assert chat_error(invalid)["error"]["code"] == "api_key_invalid"
    quota = read_error(QUOTA)
    assert quota is not None
    assert (quota.code, quota.retry_after) == (429, 35)
    assert chat_error(quota)["error"]["type"] == "rate_limit_error"
    assert read_error(json.dumps(gemini_error(503, "busy")).encode()) == GeminiError(
        code=503, status="UNAVAILABLE", message="busy"
    )


@given(VALUES, VALUES, VALUES)
def test_errors_that_make_no_sense(error: Any, code: Any, details: Any) -> None:
    for body in (error, {"error": error}, {"error": {"code": code, "details": details, "message": error}}):
        told = read_error(json.dumps(body).encode())
        assert told is None or told.code == 0 or 400 <= told.code <= 599


def test_embeddings() -> None:
    fields = {"model": "m", "input": ["one", "two"], "dimensions": 2, "encoding_format": "base64", "user": "u"}
    body = json.loads(batch_request(raw(fields), "gemini-embedding-001"))
    one = {"model": "models/gemini-embedding-001", "outputDimensionality": 2, "content": {"parts": [{"text": "one"}]}}
    assert body["requests"][0] == one
    assert embedding_request(json.dumps(body).encode(), model="m") == {
        "model": "m",
        "input": ["one", "two"],
        "dimensions": 2,
    }
    answer = b'{"embeddings":[{"values":[0.5,-1]}],"usageMetadata":{"promptTokenCount":3}}'
    told, usage = embedding_list(answer, model="m", encoding="float", expected=9)
    assert told["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}]
    assert usage == Usage(input_tokens=3)
    assert json.loads(batch_answer(msgspec.json.encode(told))) == {
        "embeddings": [{"values": [0.5, -1.0]}],
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    }
    packed, _ = embedding_list(answer, model="m", encoding="base64", expected=9)
    assert packed["data"][0]["embedding"] == "AAAAPwAAgL8="


def test_embeddings_without_usage_have_an_estimate() -> None:
    expected = estimated_tokens(raw({"input": ["seven", "ate"]}))
    assert expected == 2
    told, usage = embedding_list(b'{"embeddings":[{"values":[0.5]}]}', model="m", encoding="float", expected=expected)
    assert told["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert usage == Usage(input_tokens=2, estimated=True)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input": []},
        {"input": [1, 2]},
        {"input": [[1]]},
        {"input": "x", "encoding_format": "int8"},
        {"input": "x", "dimensions": "many"},
        {"input": "x", "other": 1},
    ],
)
def test_embeddings_that_gemini_cannot_make(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        batch_request(raw(fields), "m")


def test_schemas() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "minItems": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1", "maxItems": 3},
            "any": {"anyOf": [{"type": "NUMBER"}], "nullable": True},
        },
        "required": ["list"],
        "propertyOrdering": ["list"],
    }
    assert json_schema(schema, "s") == {
        "type": "object",
        "properties": {
            "minItems": {"type": ["string", "null"], "enum": ["a", None]},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
            "any": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["list"],
        "propertyOrdering": ["list"],
    }


@given(
    st.recursive(
        VALUES,
        lambda inner: st.dictionaries(
            st.sampled_from(["type", "items", "anyOf", "any_of", "properties", "nullable", "enum", "minItems"]), inner
        ),
    )
)
def test_schemas_that_are_none(schema: Any) -> None:
    try:
        assert isinstance(json_schema(schema, "s"), dict)
    except InvalidRequest as error:
        assert error.param.startswith("s")  # noqa: PT017 # either ending is right


@given(VALUES, VALUES)
def test_details_that_make_no_sense_are_passed_over(details: Any, count: Any) -> None:
    told = {
        "promptTokenCount": 9,
        "candidatesTokenCount": 4,
        "promptTokensDetails": details,
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": count}, details],
        "candidatesTokensDetails": [{"modality": details, "tokenCount": 3}, {"modality": "IMAGE", "tokenCount": count}],
        "serviceTier": details,
    }
    usage = read_usage(msgspec.Raw(json.dumps(told).encode()))
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)
    assert usage.cached_audio_input_tokens == 0
    assert 0 <= usage.image_output_tokens <= 4
    assert usage.service_tier == ""

"""Requests both ways: what is said where, what is refused, and that nothing is lost on the way there and back."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.contents import SKIP_SIGNATURE
from homeport.protocols.gemini.request import chat_request, gemini_request
from tests.protocols.gemini.talk import (
    FIELDS,
    MODEL,
    OBJECTS,
    PIXEL,
    TEXT,
    VALUES,
    WEATHER,
    conversations,
    raw,
    to_chat,
    to_gemini,
)

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]


def parsed_results(fields: dict[str, Any]) -> dict[str, Any]:
    """Results of tools that are JSON objects as such: their spaces and the order of their keys mean nothing."""

    def parsed(message: dict[str, Any]) -> dict[str, Any]:
        if message["role"] != "tool":
            return message
        try:
            value = json.loads(message["content"])
        except ValueError:
            return message
        return {**message, "content": value} if isinstance(value, dict) else message

    return {**fields, "messages": [parsed(message) for message in fields["messages"]]}


@given(conversations(), FIELDS)
def test_there_and_back(messages: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    said = {"model": "m", "messages": messages, **fields}
    assert parsed_results(to_chat(to_gemini(said))) == parsed_results(said)


@given(conversations(), FIELDS)
def test_back_and_there(messages: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    body = to_gemini({"messages": messages, **fields})
    assert to_gemini(to_chat(body)) == body


@given(st.lists(TEXT, min_size=1, max_size=4), st.lists(TEXT, min_size=1, max_size=4))
def test_no_text_is_lost(system: list[str], users: list[str]) -> None:
    said = [{"role": "system", "content": text} for text in system] + [{"role": "user", "content": t} for t in users]
    body = to_gemini({"messages": said})
    assert [part["text"] for part in body["systemInstruction"]["parts"]] == system
    assert [content["parts"] for content in body["contents"]] == [[{"text": text}] for text in users]


def test_a_conversation_with_tools() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
    other = {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}}
    body = to_gemini(
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                *HELLO,
                {"role": "assistant", "content": None, "tool_calls": [call, other]},
                {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 3}'},
                {"role": "tool", "tool_call_id": "call_2", "content": "no such city"},
            ],
            "tools": [WEATHER],
            "tool_choice": "required",
        }
    )
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "weather", "args": {"city": "Bern"}, "id": "call_1"}},
                {"functionCall": {"name": "weather", "id": "call_2"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"celsius": 3}, "id": "call_1"}},
                {"functionResponse": {"name": "weather", "response": {"result": "no such city"}, "id": "call_2"}},
            ],
        },
    ]
    function = WEATHER["function"]
    assert isinstance(function, dict)
    [declared] = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"] == function["parameters"]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:IMAGE/PNG;charset=utf-8;base64,{PIXEL}"}},
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        ),
        ({"type": "image_url", "image_url": {"url": "https://h/a.png"}}, {"fileData": {"fileUri": "https://h/a.png"}}),
        (
            {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": PIXEL}},
        ),
        ({"type": "file", "file": {"file_id": "https://h/f"}}, {"fileData": {"fileUri": "https://h/f"}}),
    ],
)
def test_media(part: dict[str, Any], sent: dict[str, Any]) -> None:
    assert to_gemini({"messages": [{"role": "user", "content": [part]}]})["contents"][0]["parts"] == [sent]


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8192}),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 24576}),
        ("gemini-3-pro-preview", "low", {"thinkingLevel": "low"}),
        ("gemini-3.1-flash", "minimal", {"thinkingLevel": "minimal"}),
        ("models/gemini-10-pro", "high", {"thinkingLevel": "high"}),
    ],
)
def test_thinking(model: str, effort: str, thinking: dict[str, Any]) -> None:
    body = to_gemini({"messages": HELLO, "reasoning_effort": effort}, model)
    assert body["generationConfig"] == {"thinkingConfig": thinking}


@pytest.mark.parametrize(("model", "signed"), [("gemini-3-pro", True), ("gemini-2.5-pro", False)])
def test_a_lost_signature_is_replaced_where_one_is_required(model: str, signed: bool) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assistant = {"role": "assistant", "tool_calls": [call, {**call, "id": "2"}]}
    first, second = to_gemini({"messages": [*HELLO, assistant]}, model)["contents"][1]["parts"]
    assert first.get("thoughtSignature") == (SKIP_SIGNATURE if signed else None)
    assert "thoughtSignature" not in second
    call["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    [kept] = to_gemini({"messages": [*HELLO, {**assistant, "tool_calls": [call]}]}, model)["contents"][1]["parts"]
    assert kept["thoughtSignature"] == "c2ln"


def test_googles_own_fields_survive() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    google = {
        "safety_settings": safety,
        "cached_content": "cachedContents/1",
        "thinking_config": {"include_thoughts": True, "thinking_budget": 77},
        "generation_config": {"media_resolution": "LOW"},
        "tools": [{"google_search": {}}],
    }
    body = to_gemini({"messages": HELLO, "tools": [WEATHER], "extra_body": {"google": google}})
    assert body["safetySettings"] == safety
    assert body["cachedContent"] == "cachedContents/1"
    thinking = {"includeThoughts": True, "thinkingBudget": 77}
    assert body["generationConfig"] == {"mediaResolution": "LOW", "thinkingConfig": thinking}
    assert body["tools"][1] == {"googleSearch": {}}
    chat = to_chat(body)
    assert chat["reasoning_effort"] == "low"
    assert chat["extra_body"]["google"]["safetySettings"] == safety
    assert to_gemini(chat) == body


def test_what_is_harmless_is_dropped() -> None:
    harmless = {
        "user": "u",
        "store": True,
        "metadata": {},
        "parallel_tool_calls": True,
        "logit_bias": {},
        "service_tier": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "modalities": ["text"],
        "stop": None,
        "max_tokens": None,
    }
    assert to_gemini({"model": "m", "messages": HELLO, **harmless}) == to_gemini({"messages": HELLO})


def test_one_tool_cannot_be_mixed_with_others_so_parallel_calls_may_be_forbidden() -> None:
    """So ask the clients that want one object: LangChain, Vercel's provider of Anthropic."""
    forbidden = {"messages": HELLO, "parallel_tool_calls": False}
    assert to_gemini({**forbidden, "tools": [WEATHER]}) == to_gemini({"messages": HELLO, "tools": [WEATHER]})
    forced = {"tools": [WEATHER, WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}}
    assert to_gemini({**forbidden, **forced}) == to_gemini({"messages": HELLO, **forced})


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("logit_bias", {"logit_bias": {"1": 5}}),
        ("parallel_tool_calls", {"parallel_tool_calls": False, "tools": [WEATHER, WEATHER]}),
        ("audio", {"audio": {"voice": "x"}}),
        ("modalities", {"modalities": ["text", "audio"]}),
        ("functions", {"functions": [{"name": "f"}]}),
        ("no_such_field", {"no_such_field": 1}),
        ("tools[0]", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
        ("tool_choice", {"tool_choice": "maybe"}),
        ("tool_choice", {"tool_choice": {"type": "custom"}}),
        ("response_format", {"response_format": {"type": "grammar"}}),
        ("reasoning_effort", {"reasoning_effort": "utmost"}),
        ("temperature", {"temperature": "hot"}),
        ("stop[0]", {"stop": [1]}),
        ("extra_body.other", {"extra_body": {"other": {}}}),
        ("extra_body.google.contents", {"extra_body": {"google": {"contents": []}}}),
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "narrator", "content": "x"}]}),
        ("messages[0].content", {"messages": [{"role": "user"}]}),
        ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "video"}]}]}),
        ("messages[0].tool_call_id", {"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_gemini({"messages": HELLO, **fields})
    assert caught.value.param == param


@pytest.mark.parametrize("arguments", ["[]", "1", "{", '{"a":1}x', '"x"'])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    with pytest.raises(InvalidRequest):
        to_gemini({"messages": [*HELLO, {"role": "assistant", "tool_calls": [call]}]})


def test_snake_case_is_taken_and_the_callers_names_stay() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"parts": [{"text": "see"}, {"inline_data": {"mime_type": "image/png", "data": PIXEL}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a_key": {"b_key": 1}}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"c_key": 2}}}]},
        ],
        "generation_config": {"max_output_tokens": 5},
    }
    chat = to_chat(body)
    assert chat["max_completion_tokens"] == 5
    assert chat["messages"][0] == {"role": "system", "content": "Be brief."}
    [call] = chat["messages"][2]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"a_key": {"b_key": 1}}
    assert chat["messages"][3] == {"role": "tool", "tool_call_id": call["id"], "content": '{"c_key":2}'}


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]},
        {"contents": [{"role": "narrator", "parts": [{"text": "x"}]}]},
        {"contents": [{"parts": [{}]}]},
        {"contents": "x"},
        {"contents": [], "generationConfig": {"temperature": "x"}},
        {"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": "x"}]}]},
        {"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
        {},
    ],
)
def test_gemini_requests_that_are_none(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        to_chat(body)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "tool_choice", "response_format", "extra_body", "stop", "seed"]), VALUES
    )
)
def test_nonsense_is_refused_and_nothing_else(fields: dict[str, Any]) -> None:
    try:
        assert json.loads(gemini_request(raw(fields), MODEL))["contents"]
    except InvalidRequest as error:
        assert error.message  # noqa: PT017 # either ending is right


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "system"])}, optional={
    "content": VALUES, "tool_calls": VALUES | st.lists(OBJECTS), "tool_call_id": VALUES, "extra_content": VALUES,
}), max_size=3))  # fmt: skip
def test_nonsense_messages(messages: list[dict[str, Any]]) -> None:
    try:
        to_gemini({"messages": messages})
    except InvalidRequest as error:
        assert error.message  # noqa: PT017 # either ending is right


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_nonsense_from_the_other_side(body: bytes) -> None:
    try:
        chat_request(body, model="m", stream=False)
    except InvalidRequest as error:
        assert error.message  # noqa: PT017 # either ending is right


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_bounded(opening: bytes) -> None:
    for depth in (300, 900, 990, 5_000, 100_000):
        deep = opening * depth + (b"1" + b"}" * depth if opening != b"[" else b"]" * depth)
        with pytest.raises(InvalidRequest):
            chat_request(b'{"contents":' + deep + b"}", model="m", stream=False)
        with pytest.raises(InvalidRequest):
            gemini_request(raw({}) | {"messages": msgspec.Raw(deep)}, MODEL)

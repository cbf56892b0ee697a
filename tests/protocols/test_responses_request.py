"""A request to /v1/responses, told as a chat: the same conversation, tools and limits, or a refusal by name."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.protocols.responses.request import to_chat
from tests.protocols.values import json_values

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "description": "Now", "parameters": PARAMETERS, "strict": True}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Bern"}'}
TOLD_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "9 °C"}
TOLD_RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "9 °C"}
USER = {"role": "user", "content": "Hello"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def said(*texts: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def chat(**fields: Any) -> dict[str, Any]:
    body = {"model": "m", "input": "Hello", **fields}
    told = to_chat(msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw]))
    return dict(json.loads(msgspec.json.encode(told)))


def refusal(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)
    return caught.value


def test_a_text_is_a_message_of_the_user() -> None:
    assert chat() == {"model": "m", "messages": [USER]}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"temperature": 0.5, "top_p": 0.9, "user": "u"}, {"temperature": 0.5, "top_p": 0.9, "user": "u"}),
        ({"stream": True, "stream_options": {"include_obfuscation": False}}, {"stream": True}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True, "top_logprobs": 0}),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"store": True, "metadata": {"a": "b"}, "truncation": "auto", "background": False}, {}),
        ({"parallel_tool_calls": True, "tool_choice": "auto"}, {}),
        ({"prompt_cache_key": "k", "service_tier": "flex"}, {"prompt_cache_key": "k", "service_tier": "flex"}),
        ({"seed": 7, "top_k": 40, "guided_json": PARAMETERS}, {"seed": 7, "top_k": 40, "guided_json": PARAMETERS}),
        (dict.fromkeys(["instructions", "tools", "text", "reasoning", "previous_response_id", "prompt"]), {}),
    ],
)
def test_fields(fields: dict[str, Any], told: dict[str, Any]) -> None:
    assert chat(**fields) == {"model": "m", "messages": [USER], **told}


def test_a_json_schema() -> None:
    asked = {"type": "json_schema", "name": "a", "schema": PARAMETERS, "strict": True, "description": "d"}
    told = chat(text={"format": asked})["response_format"]
    assert told == {"type": "json_schema", "json_schema": {k: v for k, v in asked.items() if k != "type"}}


CONVERSATIONS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "instructions": ({"instructions": "Be kind."}, [{"role": "system", "content": "Be kind."}, USER]),
    "instructions and a developer": (
        {"instructions": "Be kind.", "input": [{"role": "developer", "content": "Be short."}, USER]},
        [{"role": "system", "content": "Be kind.\n\nBe short."}, USER],
    ),
    "a later developer": (
        {"input": [USER, {"role": "developer", "content": "Be short."}]},
        [USER, {"role": "system", "content": "Be short."}],
    ),
    "one part": ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]}, [USER]),
    "an answer": ({"input": [USER, said("Hi"), USER]}, [USER, {"role": "assistant", "content": "Hi"}, USER]),
    "an answer in parts": ({"input": [said("Hi", " there")]}, [{"role": "assistant", "content": "Hi there"}]),
    "a refusal": (
        {"input": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}]},
        [{"role": "assistant", "content": "", "refusal": "No"}],
    ),
    "a call": (
        {"input": [USER, CALL, RESULT]},
        [USER, {"role": "assistant", "content": None, "tool_calls": [TOLD_CALL]}, TOLD_RESULT],
    ),
    "parallel calls": (
        {"input": [CALL, {**CALL, "call_id": "call_2"}, RESULT]},
        [{"role": "assistant", "content": None, "tool_calls": [TOLD_CALL, {**TOLD_CALL, "id": "call_2"}]}, TOLD_RESULT],
    ),
    "words, then a call": (
        {"input": [said("Wait."), CALL, RESULT]},
        [{"role": "assistant", "content": "Wait.", "tool_calls": [TOLD_CALL]}, TOLD_RESULT],
    ),
    "a call, then words": (
        {"input": [CALL, said("Wait."), RESULT]},
        [{"role": "assistant", "content": "Wait.", "tool_calls": [TOLD_CALL]}, TOLD_RESULT],
    ),
    "calls one after the other": (
        {"input": [CALL, RESULT, CALL, RESULT]},
        [{"role": "assistant", "content": None, "tool_calls": [TOLD_CALL]}, TOLD_RESULT] * 2,
    ),
    "reasoning goes with its turn": (
        {"input": [THOUGHT, CALL, RESULT]},
        [{"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [TOLD_CALL]}, TOLD_RESULT],
    ),
    "reasoning before words": (
        {"input": [THOUGHT, said("Hi")]},
        [{"role": "assistant", "content": "Hi", "reasoning_content": "hm"}],
    ),
    "reasoning that led to nothing": ({"input": [THOUGHT, USER]}, [USER]),
    "sealed reasoning": ({"input": [SEALED, said("Hi")]}, [{"role": "assistant", "content": "Hi"}]),
    "an output in parts": (
        {"input": [CALL, {**RESULT, "output": [{"type": "input_text", "text": "9 °C"}]}]},
        [{"role": "assistant", "content": None, "tool_calls": [TOLD_CALL]}, TOLD_RESULT],
    ),
    "a custom tool's call": (
        {
            "input": [
                {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": "a.txt"},
            ]
        },
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "a.txt"},
        ],
    ),
}


@pytest.mark.parametrize("case", CONVERSATIONS)
def test_conversations(case: str) -> None:
    fields, told = CONVERSATIONS[case]
    assert chat(**fields)["messages"] == told


def test_parts() -> None:
    audio = {"data": "UklG", "format": "wav"}
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_audio", "input_audio": audio},
    ]
    assert chat(input=[{"role": "user", "content": content}])["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "input_audio", "input_audio": audio},
    ]


def test_tools() -> None:
    shell = {"type": "custom", "name": "sh", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}
    told = chat(tools=[WEATHER, shell], tool_choice={"type": "function", "name": "weather"}, parallel_tool_calls=False)
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}
    assert told["tools"] == [
        {"type": "function", "function": {name: value for name, value in WEATHER.items() if name != "type"}},
        {"type": "custom", "custom": {"name": "sh", "format": grammar}},
    ]
    assert told["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert told["parallel_tool_calls"] is False


def test_allowed_tools_are_a_shorter_list() -> None:
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    told = chat(tools=[WEATHER, {"type": "function", "name": "other"}], tool_choice=allowed)
    assert [tool["function"]["name"] for tool in told["tools"]] == ["weather"]
    assert told["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [WEATHER, {"type": "mcp", "server_label": "x"}]}, "tools[1]"),
        ({"tools": [WEATHER], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [USER, {"type": "computer_call_output", "output": {}}]}, "input[1].type"),
        (
            {"input": [{"role": "user", "content": [USER_FILE := {"type": "input_file", "file_id": "f"}]}]},
            "input[0].content",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}, USER_FILE]}]},
            "input[0].content[1]",
        ),
        ({"input": [{"role": "assistant", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
    ],
)
def test_what_a_chat_cannot_say_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    error = refusal(**fields)
    assert error.code == "responses_native_only"
    assert error.param.startswith(param)
    assert "surfaces" in error.hint


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}, {"type": "input_text"}]}]},
            "input[0].content[0].text",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "name": "f", "call_id": "c", "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 7}]}, "input[0].output"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice.tools"),
    ],
)
def test_what_is_incomplete_is_refused_where_it_is(fields: dict[str, Any], param: str) -> None:
    error = refusal(**fields)
    assert (error.code, error.param) == ("invalid_value", param)


names = st.sampled_from(
    ["instructions", "tools", "tool_choice", "text", "reasoning", "max_output_tokens", "top_logprobs", "include"]
)
items = st.dictionaries(
    st.sampled_from(["type", "role", "content", "summary", "call_id", "name", "arguments", "input", "output"]),
    json_values | st.sampled_from(["message", "function_call", "reasoning", "custom_tool_call", "user", "assistant"]),
    max_size=6,
)


@given(st.dictionaries(names, json_values, max_size=5), st.lists(items, max_size=4) | json_values)
def test_whatever_comes_is_told_or_refused(fields: dict[str, Any], given_input: Any) -> None:
    body = msgspec.json.encode({"model": "m", **fields, "input": given_input})
    try:
        told = to_chat(msgspec.json.decode(body, type=dict[str, msgspec.Raw]))
    except InvalidRequest:
        return
    assert json.loads(msgspec.json.encode(told))["messages"]


texts = st.text(min_size=1, max_size=20)
turns = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system", "developer"]), texts), min_size=1, max_size=8
)


@given(turns)
def test_no_word_is_lost_and_none_moves(given_turns: list[tuple[str, str]]) -> None:
    spoken = [{"role": role, "content": text} for role, text in given_turns]
    told = "".join(message["content"] for message in chat(input=spoken)["messages"])
    assert told.replace("\n\n", "") == "".join(text for _, text in given_turns).replace("\n\n", "")

"""A chat request in Anthropic's words, case by case."""

from typing import Any

import pytest

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic.request_from_chat import DEFAULT_MAX_TOKENS, request_from_chat
from tests.protocols.anthropic.shapes import fields, plain

HELLO = {"role": "user", "content": "Hello"}
FUNCTION = {"name": "w", "description": "d", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": FUNCTION}]


def asked(**chat: Any) -> dict[str, Any]:
    said: dict[str, Any] = plain(request_from_chat(fields({"model": "m", "messages": [HELLO], **chat})))
    return said


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str = "w", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def test_the_least() -> None:
    assert asked() == {"model": "m", "max_tokens": DEFAULT_MAX_TOKENS, "messages": [HELLO]}


@pytest.mark.parametrize(
    ("given", "bound"),
    [({"max_tokens": 3}, 3), ({"max_completion_tokens": 4}, 4), ({"max_tokens": 3, "max_completion_tokens": 4}, 4)],
)
def test_the_bound_of_an_answer(given: dict[str, Any], bound: int) -> None:
    assert asked(**given)["max_tokens"] == bound


def test_system_and_developer_messages_are_the_system_prompt() -> None:
    said = asked(messages=[{"role": "developer", "content": "A"}, HELLO, {"role": "system", "content": "B"}])
    assert said["system"] == [text("A"), text("B")]
    assert said["messages"] == [HELLO]


def test_messages_of_one_role_are_one() -> None:
    said = asked(messages=[HELLO, {"role": "user", "content": [text("you"), text("")], "name": "Ann"}])
    assert said["messages"] == [{"role": "user", "content": [text("Hello"), text("you")]}]


def test_messages_that_say_nothing_are_left_out() -> None:
    said = asked(messages=[HELLO, {"role": "assistant", "content": ""}, {"role": "user", "content": "you"}])
    assert said["messages"] == [{"role": "user", "content": [text("Hello"), text("you")]}]
    with pytest.raises(InvalidRequest) as caught:
        asked(messages=[{"role": "user", "content": ""}])
    assert caught.value.param == "messages"


def test_calls_and_their_results() -> None:
    answered = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "provider_specific_fields": {"refusal": None},
        "tool_calls": [call(arguments='{"city": "Zürich"}', index=0), call("t", "", id="functions.t:1")],
    }
    results = [
        {"role": "tool", "tool_call_id": "call_1", "content": "22 °C"},
        {"role": "tool", "tool_call_id": "functions.t:1", "content": [text("noon"), text("CET")]},
    ]
    said = asked(messages=[HELLO, answered, *results, {"role": "user", "content": "Go on"}], tools=TOOLS)
    assert said["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1", "name": "w", "input": {"city": "Zürich"}},
                {"type": "tool_use", "id": "functions_t_1", "name": "t", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "22 °C"},
                {"type": "tool_result", "tool_use_id": "functions_t_1", "content": [text("noon"), text("CET")]},
                text("Go on"),
            ],
        },
    ]


def test_calls_bring_their_tools_back() -> None:
    said = asked(messages=[HELLO, {"role": "assistant", "tool_calls": [call()]}], tool_choice="none")
    assert said["tools"] == [{"name": "w", "input_schema": {"type": "object"}}]
    assert said["tool_choice"] == {"type": "none"}


def test_signed_thinking_goes_back_before_all_else() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "Eq=="}
    sealed = {"type": "redacted_thinking", "data": "opaque"}
    own = {"type": "thinking", "thinking": "hm", "signature": ""}
    answered = {
        "role": "assistant",
        "content": "Yes",
        "reasoning_content": "hm",
        "thinking_blocks": [signed, sealed, own],
    }
    assert asked(messages=[HELLO, answered])["messages"][1]["content"] == [signed, sealed, text("Yes")]


def test_images_and_files() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,iVBORw0KGgo=", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "file", "file": {"file_data": "data:text/plain;charset=utf-8;base64,wqcgOQ=="}},
        {"type": "text", "text": "See", "cache_control": {"type": "ephemeral"}},
    ]
    assert asked(messages=[{"role": "user", "content": parts}])["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "§ 9"}},
        {"type": "text", "text": "See", "cache_control": {"type": "ephemeral"}},
    ]


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required", "parallel_tool_calls": False}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": {"type": "function", "function": {"name": "w"}}}, {"type": "tool", "name": "w"}),
    ],
)
def test_tools(given: dict[str, Any], choice: Any) -> None:
    said = asked(tools=[{**TOOLS[0], "cache_control": {"type": "ephemeral"}}], **given)
    assert said["tools"] == [
        {"name": "w", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
    ]
    assert said.get("tool_choice") == choice


def test_a_tool_without_parameters() -> None:
    tools = [{"type": "function", "function": {"name": "now", "strict": True}}]
    assert asked(tools=tools)["tools"] == [{"name": "now", "input_schema": {"type": "object"}, "strict": True}]


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ("minimal", {"output_config": {"effort": "low"}}),
        ("max", {"output_config": {"effort": "max"}}),
        ("none", {"thinking": {"type": "disabled"}}),
        (None, {}),
    ],
)
def test_effort(effort: str | None, said: dict[str, Any]) -> None:
    assert asked(reasoning_effort=effort) == {**asked(), **said}


def test_formats() -> None:
    schema = {"type": "object", "properties": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    assert asked(response_format=wanted)["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert asked(response_format={"type": "text"}) == asked()
    assert "JSON object" in asked(response_format={"type": "json_object"})["system"]


@pytest.mark.parametrize(("given", "said"), [(0, 0), (0.7, 0.7), (1, 1), (1.3, 1), (2, 1)])
def test_temperature_ends_at_one(given: float, said: float) -> None:
    assert asked(temperature=given)["temperature"] == said


def test_other_fields() -> None:
    said = asked(stop="###", user="u", service_tier="default", top_k=3, thinking={"type": "adaptive"}, container="c")
    assert said["stop_sequences"] == ["###"]
    assert said["metadata"] == {"user_id": "u"}
    assert said["service_tier"] == "standard_only"
    assert said["top_k"] == 3
    assert said["thinking"] == {"type": "adaptive"}, "Anthropic's own fields can be used through chat"
    assert said["container"] == "c"
    assert asked(safety_identifier="s")["metadata"] == {"user_id": "s"}


def test_what_is_dropped_without_loss() -> None:
    hints: dict[str, Any] = {
        "seed": 3,
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
        "store": True,
        "prediction": {"type": "content", "content": "x"},
        "prompt_cache_key": "k",
        "n": 1,
        "logprobs": False,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "modalities": ["text"],
        "verbosity": "medium",
        "stop": [],
        "unknown": None,
    }
    assert asked(**hints) == asked()


@pytest.mark.parametrize(
    ("param", "given"),
    [
        ("n", {"n": 2}),
        ("logprobs", {"logprobs": True}),
        ("top_logprobs", {"top_logprobs": 2}),
        ("presence_penalty", {"presence_penalty": 0.1}),
        ("frequency_penalty", {"frequency_penalty": -1}),
        ("logit_bias", {"logit_bias": {"5": 1}}),
        ("modalities", {"modalities": ["text", "audio"]}),
        ("audio", {"audio": {"voice": "x", "format": "wav"}}),
        ("functions", {"functions": [{"name": "f"}]}),
        ("function_call", {"function_call": "auto"}),
        ("web_search_options", {"web_search_options": {"search_context_size": "low"}}),
        ("moderation", {"moderation": {"model": "m"}}),
        ("verbosity", {"verbosity": "low"}),
        ("service_tier", {"service_tier": "flex"}),
        ("stop", {"stop": ["ok", "\n"]}),
        ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
        (
            "messages[0].content[0].file",
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        ),
    ],
)
def test_what_anthropic_cannot_be_asked_is_refused_by_name(param: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**given)
    assert caught.value.code == "untranslatable"
    assert caught.value.param == param
    assert param in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("param", "given"),
    [
        ("messages[0].role", {"messages": [{"role": "function", "content": "", "name": "f"}]}),
        ("messages[0]", {"messages": [{"role": "user", "content": "", "x": 1}]}),
        ("messages[0].tool_calls[0].type", {"messages": [{"role": "assistant", "tool_calls": [call(type="custom")]}]}),
        (
            "messages[0].tool_calls[0].function.arguments",
            {"messages": [{"role": "assistant", "tool_calls": [call(arguments='{"a":')]}]},
        ),
        (
            "messages[0].content[0].image_url.url",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
        ),
        (
            "messages[0].content[0].file.file_data",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/a;base64,/w=="}}]}
                ]
            },
        ),
        ("tools[0].type", {"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
        ("tool_choice", {"tool_choice": "required"}),
        ("response_format.json_schema.schema", {"response_format": {"type": "json_schema"}}),
        ("temperature", {"temperature": 3}),
    ],
)
def test_what_is_wrong_is_named(param: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**given)
    assert caught.value.code == "invalid_value"
    assert caught.value.param == param

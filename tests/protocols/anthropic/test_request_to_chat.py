"""A Messages request in chat's words, case by case."""

from typing import Any

import pytest

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from tests.protocols.anthropic.shapes import fields, plain

HELLO = {"role": "user", "content": "Hello"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def chat(**request: Any) -> dict[str, Any]:
    body = {"model": "m", "max_tokens": 5, "messages": [HELLO], **request}
    said: dict[str, Any] = plain(request_to_chat(fields(body)))
    return said


def messages(*given: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = chat(messages=list(given), **more)["messages"]
    return said


def test_the_least() -> None:
    assert chat() == {"model": "m", "max_tokens": 5, "messages": [HELLO]}


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("Be brief.", "Be brief."),
        ([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}], "Be brief."),
        (
            [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
            [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
        ),
    ],
)
def test_the_system_prompt_is_the_first_message(system: Any, content: Any) -> None:
    assert messages(HELLO, system=system) == [{"role": "system", "content": content}, HELLO]


def test_a_system_message_inside_stays_where_it_is() -> None:
    later = {"role": "system", "content": "Now be loud."}
    assert messages(HELLO, later, HELLO) == [HELLO, later, HELLO]


def test_images() -> None:
    blocks = [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "source": PNG, "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ]
    assert messages({"role": "user", "content": blocks})[0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]


def document(**source: Any) -> list[dict[str, Any]]:
    return [{"type": "document", "title": "Lease", "context": "Signed", "source": source}]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [
        (document(type="text", media_type="text/plain", data="§ 9"), [text("Lease"), text("Signed"), text("§ 9")]),
        (document(type="content", content="§ 9"), [text("Lease"), text("Signed"), text("§ 9")]),
        (document(type="content", content=[text("§ 9")]), [text("Lease"), text("Signed"), text("§ 9")]),
        (
            document(**PDF),
            [
                text("Signed"),
                {"type": "file", "file": {"filename": "Lease", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        ),
        (
            [{"type": "search_result", "source": "https://example.org", "title": "T", "content": [text("A")]}],
            "T\nhttps://example.org\nA",
        ),
    ],
)
def test_documents(blocks: list[dict[str, Any]], parts: Any) -> None:
    assert messages({"role": "user", "content": blocks})[0]["content"] == parts


def test_calls_and_their_results() -> None:
    calls = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
        {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no clock", "is_error": True},
        {"type": "text", "text": "Go on."},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("22 °C"), text("dry")]},
    ]
    said = messages(HELLO, {"role": "assistant", "content": calls}, {"role": "user", "content": results})
    assert said[1]["content"] == "Let me see."
    assert [call["function"] for call in said[1]["tool_calls"]] == [
        {"name": "weather", "arguments": '{"city": "Z\\u00fcrich"}'},
        {"name": "time", "arguments": "{}"},
    ]
    assert said[2:] == [
        {"role": "tool", "tool_call_id": "toolu_2", "content": "Error: no clock"},
        {"role": "tool", "tool_call_id": "toolu_1", "content": [text("22 °C"), text("dry")]},
        {"role": "user", "content": "Go on."},
    ]


def test_a_picture_that_a_tool_made_is_shown_by_the_user() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [text("done"), {"type": "image", "source": PNG}]}
    assert messages({"role": "user", "content": [result, text("Nice?")]}) == [
        {"role": "tool", "tool_call_id": "t1", "content": "done"},
        {
            "role": "user",
            "content": [
                text("Result of tool call t1:"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                text("Nice?"),
            ],
        },
    ]


@pytest.mark.parametrize(
    ("result", "content"),
    [({}, ""), ({"is_error": True}, "Error"), ({"content": [], "is_error": True}, "Error"), ({"content": ""}, "")],
)
def test_results_that_say_nothing(result: dict[str, Any], content: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "t1", **result}
    assert messages({"role": "user", "content": [block]}) == [
        {"role": "tool", "tool_call_id": "t1", "content": content}
    ]


def test_thinking_goes_back_to_whoever_thought_it() -> None:
    signed = {"type": "thinking", "thinking": "secret", "signature": "Eq=="}
    sealed = {"type": "redacted_thinking", "data": "opaque"}
    own = {"type": "thinking", "thinking": "hm", "signature": ""}
    said = messages(HELLO, {"role": "assistant", "content": [signed, sealed, own, text("Yes")]})[1]
    assert said == {"role": "assistant", "content": "Yes", "reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": "required", "parallel_tool_calls": False}),
        ({"type": "tool", "name": "w"}, {"tool_choice": {"type": "function", "function": {"name": "w"}}}),
        ({"type": "none"}, {"tool_choice": "none"}),
    ],
)
def test_tools(choice: dict[str, Any], said: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 12345678901234567890}}}
    tool = {
        "type": "custom",
        "name": "w",
        "description": "d",
        "input_schema": schema,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        "input_examples": [{}],
    }
    given = chat(tools=[tool], tool_choice=choice)
    function = {"name": "w", "description": "d", "parameters": schema, "strict": True}
    assert given["tools"] == [{"type": "function", "function": function}]
    assert {name: given.get(name) for name in said} == said


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ({"output_config": {"effort": "xhigh"}}, "xhigh"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, "high"),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
    ],
)
def test_effort(given: dict[str, Any], effort: str | None) -> None:
    assert chat(**given).get("reasoning_effort") == effort


def test_a_schema_is_kept_to() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    wish = {"type": "json_schema", "schema": schema}
    assert chat(output_config={"format": wish})["response_format"] == wanted
    assert chat(output_format=wish)["response_format"] == wanted


def test_other_fields() -> None:
    said = chat(stop_sequences=["###"], metadata={"user_id": "u"}, service_tier="standard_only", top_k=3, min_p=0.1)
    assert said["stop"] == ["###"]
    assert said["user"] == "u"
    assert said["service_tier"] == "default"
    assert said["top_k"] == 3
    assert said["min_p"] == 0.1, "a field that nobody knows is the upstream's"


def test_what_is_dropped_without_loss() -> None:
    hints: dict[str, Any] = {
        "cache_control": {"type": "ephemeral"},
        "context_management": {"edits": []},
        "diagnostics": {},
        "speed": "fast",
        "stop_sequences": [],
        "anthropic_beta": ["a"],
    }
    assert chat(**hints) == chat()


@pytest.mark.parametrize(
    ("param", "given"),
    [
        ("container", {"container": "c"}),
        ("mcp_servers", {"mcp_servers": [{}]}),
        ("inference_geo", {"inference_geo": "eu"}),
        ("user_profile_id", {"user_profile_id": "p"}),
        ("tools[0]", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("tools[1]", {"tools": [{"name": "a", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}),
    ],
)
def test_what_only_anthropic_can_do_is_refused_by_name(param: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**given)
    assert caught.value.code == "untranslatable"
    assert caught.value.param == param
    assert param in caught.value.message
    assert caught.value.hint


FILE = {"type": "file", "file_id": "file_1"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": FILE},
        {"type": "document", "source": FILE},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "document", "source": PDF, "citations": {"enabled": True}},
    ],
)
def test_content_that_only_anthropic_can_read_is_refused_by_place(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages({"role": "user", "content": [text("See"), block]})
    assert caught.value.code == "untranslatable"
    assert caught.value.param == "messages[0].content[1]"


@pytest.mark.parametrize(
    ("param", "given"),
    [
        ("max_tokens", {"max_tokens": "5"}),
        ("temperature", {"temperature": 1.5}),
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "tool", "content": ""}]}),
        ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "text", "text": "", "x": 1}]}]}),
        ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}),
        (
            "messages[0].content[0].type",
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}]},
        ),
        (
            "messages[0].content",
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": []}]}
                ]
            },
        ),
        ("tools[0]", {"tools": [{"name": "a", "input_schema": {}, "x": 1}]}),
        ("tools[0]", {"tools": [3]}),
        ("tools[0].input_schema", {"tools": [{"name": "a", "input_schema": 3}]}),
        ("tool_choice.name", {"tools": [{"name": "a", "input_schema": {}}], "tool_choice": {"type": "tool"}}),
    ],
)
def test_what_is_wrong_is_named(param: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**given)
    assert caught.value.param == param
    assert caught.value.code == "invalid_value"

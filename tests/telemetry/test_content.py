"""What was said, in spans: in the words of the conventions, without what recognizers find, never what is private."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import DataClass, Surface
from homeport.privacy.recognize import load_recognizers
from homeport.telemetry import semconv as names
from homeport.telemetry.content import LONGEST, Redactor, content_of
from tests.fakes.cascading import sure
from tests.fakes.upstream import DONE, said
from tests.storage.test_bodies import captured

REDACTOR = Redactor(load_recognizers())
MAIL = "ada.lovelace@example.org"


def told(body: dict[str, Any], answer: bytes = b"", **more: Any) -> dict[str, Any]:
    """The attributes, decoded."""
    kept = msgspec.structs.replace(captured(body=json.dumps(body).encode()), answer=answer, **more)
    found = content_of(kept, REDACTOR)
    return {name: json.loads(text) if isinstance(text, str) else text for name, text in found.items()}


def texts(*contents: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": content} for content in contents]


def test_a_chat_in_the_words_of_the_conventions() -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    found = told(
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Rain?"}, {"type": "image_url"}],
                },
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "No."},
            ],
            "tools": [tool],
            "stop": ["\n\n"],
        },
        sure("It is dry.").body,
    )
    assert found[names.SYSTEM_INSTRUCTIONS] == texts("Be brief.")
    assert found[names.TOOL_DEFINITIONS] == [tool]
    assert found[names.STOP_SEQUENCES] == ("\n\n",)
    user, assistant, answer = found[names.INPUT_MESSAGES]
    assert user == {"role": "user", "parts": [*texts("Rain?"), {"type": "image_url"}]}
    assert assistant["parts"] == [{"type": "tool_call", "name": "weather", "arguments": '{"city": "Paris"}'}]
    assert answer == {"role": "tool", "parts": texts("No.")}
    assert found[names.OUTPUT_MESSAGES] == [
        {"role": "assistant", "parts": texts("It is dry."), "finish_reason": "stop"}
    ]


def test_a_stream_is_put_together() -> None:
    frames = b"".join(frame.data for frame in (said("It "), said("is dry."), DONE))
    found = told({"messages": [{"role": "user", "content": "Rain?"}]}, frames, stream=True)
    assert found[names.OUTPUT_MESSAGES][0]["parts"] == texts("It is dry.")


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        (Surface.RESPONSES, {"input": "Rain?", "instructions": "Be brief."}),
        (Surface.MESSAGES, {"messages": [{"role": "user", "content": "Rain?"}], "system": "Be brief."}),
        (Surface.COMPLETION, {"prompt": "Rain?"}),
    ],
)
def test_other_surfaces_say_the_same(surface: Surface, body: dict[str, Any]) -> None:
    found = told(body, surface=surface, answered=surface)
    assert found[names.INPUT_MESSAGES] == [{"role": "user", "parts": texts("Rain?")}]
    assert found.get(names.SYSTEM_INSTRUCTIONS) == (None if surface is Surface.COMPLETION else texts("Be brief."))


def test_what_a_recognizer_finds_is_not_there_in_the_prompt_or_the_answer() -> None:
    call = {"function": {"name": "mail", "arguments": json.dumps({"to": MAIL})}}
    body = {
        "messages": [
            {"role": "user", "content": f"Mail {MAIL}, card 4111 1111 1111 1111."},
            {"role": "assistant", "tool_calls": [call]},
        ],
        "tools": [{"type": "function", "function": {"name": "mail", "description": f"As {MAIL}"}}],
        "stop": [MAIL],
    }
    written = json.dumps(told(body, sure(f"I wrote to {MAIL}.").body))
    assert MAIL not in written
    assert "4111" not in written
    assert "[EMAIL_1]" in written


def test_what_is_private_is_never_told() -> None:
    assert told({"messages": [{"role": "user", "content": "x"}]}, data_class=DataClass.PRIVATE) == {}


def test_what_is_too_long_is_left_out_alone() -> None:
    found = told({"messages": [{"role": "user", "content": "word " * LONGEST}]}, sure("Short.").body)
    assert names.INPUT_MESSAGES not in found
    assert found[names.OUTPUT_MESSAGES][0]["parts"] == texts("Short.")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5_000])
def test_what_cannot_be_read_is_not_told(body: bytes) -> None:
    assert content_of(captured(body=body), REDACTOR) == {}


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
JSON = st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one))


@given(messages=JSON, tools=JSON, answer=st.binary(max_size=60))
def test_hostile_requests_never_fail(messages: Any, tools: Any, answer: bytes) -> None:
    for body in ({"messages": messages, "tools": tools}, {"messages": [{"role": messages, "content": tools}]}):
        told(body, answer)

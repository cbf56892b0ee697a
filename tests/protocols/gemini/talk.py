"""Requests and answers for tests of the Gemini translators, written down and made up."""

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from homeport.core.types import Usage
from homeport.protocols.gemini.request import chat_request, gemini_request

MODEL = "gemini-2.5-pro"
PIXEL = "iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def raw(fields: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(fields), type=dict[str, msgspec.Raw])


def to_gemini(fields: dict[str, Any], model: str = MODEL) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(gemini_request(raw(fields), model))
    return body


def to_chat(body: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(chat_request(json.dumps(body).encode(), model="m", stream=False)))
    return fields


TEXT = st.text(max_size=20)
WORDS = st.text(min_size=1, max_size=20)
NAMES = st.text("abcxyz_", min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=3)

SIGNED: st.SearchStrategy[dict[str, Any]] = st.just({}) | WORDS.map(
    lambda text: {"extra_content": {"google": {"thought_signature": text}}}
)
IMAGES = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/clause.png"}},
        {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
        {"type": "file", "file": {"filename": "file", "file_data": f"data:application/pdf;base64,{PIXEL}"}},
    ]
)
PARTS = st.lists(IMAGES | TEXT.map(lambda text: {"type": "text", "text": text}), min_size=2, max_size=4)


def canonical(arguments: Any) -> str:
    return msgspec.json.encode(arguments).decode()


@st.composite
def calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    number = draw(st.integers(1, 3))
    ids = draw(st.lists(WORDS, min_size=number, max_size=number, unique=True))
    return [
        {
            "id": call_id,
            "type": "function",
            "function": {"name": draw(NAMES), "arguments": canonical(draw(OBJECTS))},
            **draw(SIGNED),
        }
        for call_id in ids
    ]


@st.composite
def assistants(draw: st.DrawFn) -> dict[str, Any]:
    """An assistant's message in the form that the translators give it."""
    made = draw(st.none() | calls())
    message: dict[str, Any] = {"role": "assistant", "content": draw(WORDS if made is None else st.none() | WORDS)}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(WORDS)
    if made is not None:
        message["tool_calls"] = made
    return message | (draw(SIGNED) if message["content"] is not None else {})


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = draw(st.just([]) | TEXT.map(lambda text: [{"role": "system", "content": text}]))
    for _ in range(draw(st.integers(1, 3))):
        said = [*said, {"role": "user", "content": draw(TEXT | PARTS)}]
        answer = draw(assistants())
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": draw(TEXT | OBJECTS.map(canonical))}
            for call in answer.get("tool_calls", [])
        ]
        said = [*said, answer, *results]
    return said


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


FIELDS = optional(
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1),
    top_k=st.integers(1, 100),
    max_completion_tokens=st.integers(1, 10_000),
    n=st.integers(1, 8),
    seed=st.integers(0, 2**31 - 1),
    presence_penalty=st.floats(-2, 2),
    frequency_penalty=st.floats(-2, 2),
    stop=st.lists(WORDS, max_size=3),
    logprobs=st.booleans(),
    top_logprobs=st.integers(0, 20),
    reasoning_effort=st.sampled_from(["none", "low", "medium", "high"]),
    response_format=st.sampled_from(
        [
            {"type": "json_object"},
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
        ]
    ),
    tools=st.just([WEATHER]),
    tool_choice=st.sampled_from(
        [
            "none",
            "auto",
            "required",
            {"type": "function", "function": {"name": "weather"}},
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
        ]
    ),
)


COUNTS = st.integers(0, 10**6)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    given, output = draw(COUNTS), draw(COUNTS)
    return Usage(
        input_tokens=given,
        cached_input_tokens=draw(st.integers(0, given)),
        output_tokens=output,
        reasoning_tokens=draw(st.integers(0, output)),
    )

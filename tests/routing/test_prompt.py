"""What routing reads of requests."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.routing import Prompt, Turn
from homeport.core.types import Inference, Surface
from homeport.routing.prompt import draw, read_prompt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "text", "type", "tool_calls", "function", "arguments", "x"]), inner
        )
    ),
    max_leaves=12,
)


def read(surface: Surface = Surface.CHAT, **fields: Any) -> Prompt:
    return read_prompt(asked(surface, **fields))


def asked(surface: Surface = Surface.CHAT, **fields: Any) -> Inference:
    return Inference(
        surface=surface,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=0,
        deterministic=False,
        fields={name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()},
    )


def test_a_chat() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "content": "a cat"},
    ]
    prompt = read(messages=messages, tools=[{}, {}], response_format={"type": "json_schema"})
    assert prompt.turns == (
        Turn("system", "Be brief."),
        Turn("user", "What is it?"),
        Turn("assistant", "{}"),
        Turn("tool", "a cat"),
    )
    assert (prompt.tools, prompt.schema, prompt.images, prompt.chars) == (2, True, 1, 27)


def test_messages_and_responses_and_completions() -> None:
    assert read(Surface.MESSAGES, system="S", messages=[{"role": "user", "content": "U"}]).turns == (
        Turn("system", "S"),
        Turn("user", "U"),
    )
    assert read(Surface.RESPONSES, instructions="S", input="U").turns == (Turn("system", "S"), Turn("user", "U"))
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "U"}]},
        {"type": "function_call_output", "output": "O"},
    ]
    assert read(Surface.RESPONSES, input=items).turns == (Turn("user", "U"), Turn("tool", "O"))
    assert read(Surface.COMPLETION, prompt=["a", "b"]).turns == (Turn("user", "a"), Turn("user", "b"))


def test_a_long_text_is_cut_in_the_middle_and_counted_whole() -> None:
    prompt = read(messages=[{"role": "user", "content": "a" * 50_000 + "b" * 50_000}])
    assert prompt.chars == 100_000
    [turn] = prompt.turns
    assert len(turn.text) == 16_385
    assert (turn.text[0], turn.text[-1]) == ("a", "b")


@pytest.mark.parametrize("messages", [1, "hi", [[]], [{"role": 3, "content": 4}], [None], {"role": "user"}])
def test_what_is_no_conversation_is_read_as_far_as_it_goes(messages: Any) -> None:
    read(messages=messages)


@pytest.mark.parametrize("calls", [True, 1, "call", {"function": {}}, [1]])
def test_what_is_no_list_of_calls_is_not_there(calls: Any) -> None:
    [turn] = read(messages=[{"role": "assistant", "content": "A", "tool_calls": calls}]).turns
    assert turn.text == "A"


@given(messages=JSON, content=JSON)
def test_reading_is_total(messages: Any, content: Any) -> None:
    prompt = read(messages=messages, input=content, system=content, tools=messages)
    assert all(turn.role in ("system", "user", "assistant", "tool") for turn in prompt.turns)


def test_the_draw_is_the_conversations() -> None:
    first = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    later = [*first, {"role": "assistant", "content": "A"}, {"role": "user", "content": "V"}]
    assert draw(asked(messages=first)) == draw(asked(messages=later)) != draw(asked(messages=later[3:]))
    assert 0 <= draw(asked()) < 1


def test_draws_are_spread_evenly() -> None:
    drawn = [draw(asked(messages=[{"role": "user", "content": str(n)}])) for n in range(2_000)]
    shares = [sum(low <= one < low + 0.1 for one in drawn) / 2_000 for low in (0, 0.3, 0.6, 0.9)]
    assert all(0.07 < share < 0.13 for share in shares)

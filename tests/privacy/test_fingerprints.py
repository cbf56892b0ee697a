"""A conversation is known again from turn to turn, and by nothing else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Inference, Surface
from homeport.privacy.fingerprints import SIZE, fingerprints, named, of_name

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "content", "text", "type", "arguments", "id", "x"]), inner)
    ),
    max_leaves=12,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text(max_size=20)}),
    min_size=1,
    max_size=6,
)


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


def chain(*messages: Any, surface: Surface = Surface.CHAT, scope: str = "key_1") -> tuple[bytes, ...]:
    return fingerprints(asked(surface, **{"input" if surface is Surface.RESPONSES else "messages": messages}), scope)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@given(MESSAGES, MESSAGES)
def test_an_earlier_turn_is_the_beginning_of_a_later_one(first: list[Any], more: list[Any]) -> None:
    before, after = chain(*first), chain(*first, *more)
    assert after[: len(before)] == before
    assert len(after) == len(first) + len(more)
    assert {len(link) for link in after} == {SIZE}


@given(MESSAGES, MESSAGES)
def test_what_was_said_otherwise_is_another_conversation(first: list[Any], second: list[Any]) -> None:
    def said(messages: list[Any]) -> list[Any]:
        return [(message["role"], message["content"].strip()) for message in messages]

    assert (chain(*first)[-1] == chain(*second)[-1]) == (said(first) == said(second))


@pytest.mark.parametrize(
    "again",
    [
        user([{"type": "text", "text": "My number is 5"}]),
        user([{"type": "text", "text": "My number is 5", "cache_control": {"type": "ephemeral"}}]),
        user([{"type": "input_text", "text": "My number is 5"}]),
        {"content": "My number is 5 \n", "role": "user"},
        {"id": "msg_1", "status": "completed", "type": "message", **user("My number is 5")},
    ],
)
def test_clients_write_the_same_in_other_ways(again: dict[str, Any]) -> None:
    assert chain(again) == chain(user("My number is 5"))


def test_a_system_prompt_with_a_clock_in_it_makes_no_other_conversation() -> None:
    system, later = {"role": "system", "content": "It is 9:00."}, {"role": "developer", "content": "It is 9:01."}
    assert chain(system, user("a")) == chain(later, user("a")) == chain(user("a"))
    assert chain(system) != chain({"role": "system", "content": "Another."})


def test_whitespace_and_escapes_of_the_json_do_not_matter() -> None:
    spaced = asked()
    fields = {"messages": msgspec.Raw(b'[ {"content":"\\u0061",\n"role" : "user"} ]')}
    assert fingerprints(msgspec.structs.replace(spaced, fields=fields), "key_1") == chain(user("a"))


def test_arguments_in_another_order_are_the_same() -> None:
    one = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "input": {"a": 1, "b": "x"}}]}
    two = {"role": "assistant", "content": [{"type": "tool_use", "id": "2", "input": {"b": "x", "a": 1}}]}
    assert chain(one) == chain(two)
    assert chain(one) != chain({"role": "assistant", "content": [{"type": "tool_use", "input": {"b": "x", "a": 2}}]})


def test_every_surface_knows_its_conversation() -> None:
    assert chain(user("a"), surface=Surface.MESSAGES) == chain(user("a"), surface=Surface.RESPONSES) == chain(user("a"))
    assert fingerprints(asked(Surface.RESPONSES, input="a"), "key_1") == chain(user("a"))
    assert len(fingerprints(asked(Surface.COMPLETION, prompt="a"), "key_1")) == 1
    assert fingerprints(asked(Surface.EMBEDDING, input="a"), "key_1") == ()


def test_scopes_have_nothing_in_common() -> None:
    assert not set(chain(user("a"))) & set(chain(user("a"), scope="key_2"))
    assert of_name("a", "key_1") != of_name("a", "key_2")


def test_the_answer_that_is_gone_on_from_is_known_by_its_id() -> None:
    inference = asked(Surface.RESPONSES, input="b", previous_response_id="resp_1", conversation={"id": "conv_1"})
    assert named(inference, "key_1") == (of_name("conv_1", "key_1"), of_name("resp_1", "key_1"))
    assert named(asked(Surface.RESPONSES, input="b", conversation="conv_1"), "key_1") == (of_name("conv_1", "key_1"),)
    assert named(asked(Surface.RESPONSES, input="b", conversation=7, previous_response_id=[]), "key_1") == ()


@given(JSON)
def test_whatever_is_sent_has_fingerprints(value: Any) -> None:
    for surface, field in ((Surface.CHAT, "messages"), (Surface.RESPONSES, "input"), (Surface.COMPLETION, "prompt")):
        inference = asked(surface, **{field: value, "conversation": value, "previous_response_id": value})
        assert all(len(link) == SIZE for link in (*fingerprints(inference, "k"), *named(inference, "k")))


@pytest.mark.parametrize("depth", [10, 63, 64, 65, 200, 900, 5_000])
def test_depth_is_no_trouble(depth: int) -> None:
    raw = msgspec.Raw(b'[{"role":"user","content":' + b"[" * depth + b'"a"' + b"]" * depth + b"}]")
    inference = msgspec.structs.replace(asked(), fields={"messages": raw})
    assert len(fingerprints(inference, "k")) == 1

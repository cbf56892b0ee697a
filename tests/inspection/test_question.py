"""What a model is asked, from requests in every surface's words."""

import json
from typing import Any

import pytest

from homeport.bootstrap.inspect import question_of
from homeport.core.errors import ConfigError
from homeport.core.types import Surface

SAID = {"role": "user", "content": "Which clause?"}


def read(surface: Surface, **fields: Any) -> Any:
    return question_of(surface, json.dumps({"model": "auto", **fields}).encode())


def test_a_chat_is_its_messages() -> None:
    question = read(Surface.CHAT, messages=[{"role": "developer", "content": "Be brief."}, SAID])
    assert question.messages == ({"role": "system", "content": "Be brief."}, SAID)


def test_parts_of_text_are_one_text() -> None:
    parts = [{"type": "text", "text": "Which "}, {"type": "text", "text": "clause?"}]
    assert read(Surface.CHAT, messages=[{"role": "user", "content": parts}]).messages == (SAID,)


def test_calls_of_tools_are_kept() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"role": "tool", "tool_call_id": "c", "content": "9"}
    question = read(Surface.CHAT, messages=[SAID, turn, answer], tools=[tool])
    assert question.tools == (tool,)
    assert question.messages is not None
    assert question.messages[1] == {"role": "assistant", "content": "", "tool_calls": [call]}


def test_other_words_for_a_chat_are_translated() -> None:
    for question in (
        read(Surface.MESSAGES, max_tokens=5, system="Be brief.", messages=[SAID]),
        read(Surface.RESPONSES, instructions="Be brief.", input="Which clause?"),
    ):
        assert question.messages == ({"role": "system", "content": "Be brief."}, SAID)


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_completion_is_its_prompt(prompt: object) -> None:
    question = read(Surface.COMPLETION, prompt=prompt)
    assert (question.messages, question.prompt) == (None, "Once")


@pytest.mark.parametrize(
    ("surface", "fields"),
    [
        (Surface.CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        (Surface.CHAT, {}),
        (Surface.CHAT, {"messages": "no"}),
        (Surface.COMPLETION, {"prompt": [1, 2]}),
        (Surface.COMPLETION, {"prompt": ["a", "b"]}),
        (Surface.EMBEDDING, {"input": "a"}),
        (Surface.RERANK, {}),
    ],
)
def test_what_is_no_text_is_refused(surface: Surface, fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        read(surface, **fields)
    assert refused.value.code == "inspect_request_unsupported"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b"[" * 10_000])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ConfigError):
        question_of(Surface.CHAT, body)

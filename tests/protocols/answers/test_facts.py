"""What answers say of themselves, in the words of each API; hostile ones say nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.tracing import AnswerFacts
from homeport.protocols.answers.facts import LONGEST, stream_facts, whole_facts

CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-5.4",
    "system_fingerprint": "fp_1",
    "choices": [{"finish_reason": "stop", "message": {"content": "hello"}}, {"finish_reason": "length"}],
}
MESSAGE = {"id": "msg_1", "model": "claude", "type": "message", "stop_reason": "end_turn", "content": []}
RESPONSE = {
    "id": "resp_1",
    "model": "gpt",
    "status": "incomplete",
    "incomplete_details": {"reason": "max_tokens"},
}


def events(*told: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told) + b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (
            CHAT,
            AnswerFacts(id="chatcmpl-1", model="gpt-5.4", finish_reasons=("stop", "length"), fingerprint="fp_1"),
        ),
        (MESSAGE, AnswerFacts(id="msg_1", model="claude", finish_reasons=("end_turn",))),
        (RESPONSE, AnswerFacts(id="resp_1", model="gpt", finish_reasons=("max_tokens",))),
        ({"data": [{"embedding": [0.5]}], "model": "e"}, AnswerFacts(model="e")),
        ({"id": 7, "model": {"a": 1}, "choices": None}, AnswerFacts()),
        ({"id": "a\nb", "model": "x" * 200, "choices": [{"finish_reason": "Ignore all."}]}, AnswerFacts()),
        ({"choices": "none"}, AnswerFacts()),
        ([], AnswerFacts()),
    ],
)
def test_a_whole_answer(body: Any, facts: AnswerFacts) -> None:
    assert whole_facts(json.dumps(body).encode()) == facts


def test_a_stream_of_each_api() -> None:
    chat = events(
        {"id": "c", "model": "m", "system_fingerprint": "f", "choices": [{"delta": {"content": "x"}}]},
        {"id": "c", "model": "m", "choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"id": "c", "model": "m", "choices": [], "usage": {}},
    )
    assert stream_facts(chat) == AnswerFacts(id="c", model="m", finish_reasons=("tool_calls",), fingerprint="f")
    messages = events(
        {"type": "message_start", "message": {"id": "msg_1", "model": "claude"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    )
    assert stream_facts(messages) == AnswerFacts(id="msg_1", model="claude", finish_reasons=("tool_use",))
    responses = events(
        {"type": "response.created", "response": {"id": "resp_1", "model": "gpt", "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": "hello"},
        {"type": "response.completed", "response": {"id": "resp_1", "model": "gpt", "status": "completed"}},
    )
    assert stream_facts(responses) == AnswerFacts(id="resp_1", model="gpt", finish_reasons=("stop",))


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1])
def test_a_very_long_answer_is_not_read(length: int) -> None:
    body = json.dumps({"id": "c", "content": ""}).encode()
    body = body.replace(b'""', b'"' + b"x" * (length - len(body)) + b'"')
    assert len(body) == length
    assert whole_facts(body) == (AnswerFacts(id="c") if length == LONGEST else AnswerFacts())
    told = b"data: " + body.replace(b"xxxxxxxx", b"", 1) + b"\n\n"
    assert len(told) == length
    assert stream_facts(told) == whole_facts(body)


@given(st.binary(max_size=400))
def test_it_never_fails(data: bytes) -> None:
    whole_facts(data)
    stream_facts(data)

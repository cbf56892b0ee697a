"""What was said in a kept request: every API's words, and nothing that cannot be read stops it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Surface
from homeport.traces.said import Message, ToolCall, said, system_fingerprint, text_of
from homeport.traces.tokens import Alternative, SaidToken
from tests.traces.kept import HOSTILE, chat, events, kept


def test_a_chat() -> None:
    told = said(chat(prompt=HOSTILE, answer="fine"))
    assert told.messages == (Message("system", "be brief"), Message("user", HOSTILE))
    assert (told.answer, told.finish, told.tool_calls, told.tokens) == ("fine", "stop", (), ())
    assert text_of(chat(prompt="a", answer="b")) == "be brief\na\nb"


def test_a_stream_with_log_probabilities() -> None:
    def chunk(text: str, *others: tuple[str, float]) -> dict[str, Any]:
        top = [{"token": token, "logprob": logprob} for token, logprob in others]
        content = [{"token": text, "logprob": -0.5, "top_logprobs": top}]
        return {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": content}}]}

    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}], "system_fingerprint": "fp_1"}
    one = kept("r", {"prompt": "x"}, events(chunk("The", ("The", -0.5), ("L", -1.0)), chunk(" end"), end), stream=True)
    told = said(one)
    assert (told.answer, told.finish) == ("The end", "length")
    others = (Alternative("The", -0.5), Alternative("L", -1.0))
    assert told.tokens == (SaidToken(token="The", logprob=-0.5, others=others), SaidToken(token=" end", logprob=-0.5))
    assert system_fingerprint(one) == "fp_1"


def test_tools_and_pictures() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q":"x"}'}}
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "found it"},
    ]
    choice = {"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    told = said(kept("r", {"messages": messages}, {"choices": [choice]}))
    assert [message.text for message in told.messages] == ["look\n[image_url]", 'find\n{"q":"x"}', "found it"]
    assert told.tool_calls == (ToolCall("find", '{"q":"x"}'),)
    assert "find" in text_of(kept("r", {}, {"choices": [choice]}))


@pytest.mark.parametrize(
    ("surface", "body", "answer", "messages", "text"),
    [
        (
            Surface.MESSAGES,
            {"system": "brief", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
            {"content": [{"type": "text", "text": "ho"}], "stop_reason": "end_turn"},
            [Message("system", "brief"), Message("user", "hi")],
            "ho",
        ),
        (
            Surface.RESPONSES,
            {"instructions": "brief", "input": "hi"},
            {
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "ho"}]}],
                "status": "completed",
            },
            [Message("system", "brief"), Message("user", "hi")],
            "ho",
        ),
        (
            Surface.COMPLETION,
            {"prompt": ["a", "b"]},
            {"choices": [{"text": "c"}]},
            [Message("user", "a"), Message("user", "b")],
            "c",
        ),
    ],
)
def test_other_surfaces(surface: Surface, body: Any, answer: Any, messages: list[Message], text: str) -> None:
    told = said(kept("r", body, answer, surface=surface, answered=surface))
    assert list(told.messages) == messages
    assert told.answer == text


_NAMES = (
    *("messages", "content", "role", "type", "text", "choices", "message", "delta", "logprobs", "token", "logprob"),
    *("tool_calls", "function", "name", "arguments", "input", "output", "index", "top_logprobs", "finish_reason"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(
    _JSON,
    _JSON,
    st.sampled_from([Surface.CHAT, Surface.COMPLETION, Surface.MESSAGES, Surface.RESPONSES]),
    st.booleans(),
)
def test_nothing_stops_it(body: Any, answer: Any, surface: Surface, stream: bool) -> None:
    told = events(answer, answer) if stream else answer
    one = kept("r", body, told, surface=surface, answered=surface, stream=stream)
    assert isinstance(text_of(one), str)
    system_fingerprint(one)


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 5_000, b"\xff\xfe", b"null", b'{"messages": 1e999}'])
def test_what_is_no_json(raw: bytes) -> None:
    for stream in (False, True):
        told = said(kept("r", raw, raw, stream=stream))
        assert (told.messages, told.answer) == ((), "")

"""What was kept of a request becomes a sample, whoever's words it is in; of hostile bytes there is nothing."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.captured import Captured
from homeport.core.types import Surface
from homeport.evaluation.metrics.base import Form, Message, Sample, ToolCall
from homeport.jobs.samples import sample_of
from homeport.storage.scores import LedgerRow
from tests.traces.kept import chat, events, kept

ROW = LedgerRow(
    sequence=1,
    request_id="req_1",
    started_at=1,
    project="p",
    tier="t",
    target="m",
    model="m-1",
    surface="chat/completions",
    data_class="open",
    outcome="completed",
    stream=True,
    holder="",
    trace_id="",
    output_tokens=7,
    latency_ns=9,
    ttft_ns=8,
)
SCHEMA = {"type": "object", "required": ["a"]}


def sample(captured: Captured) -> Sample:
    return sample_of(ROW, captured)


def asking(body: Any, **more: Any) -> Sample:
    return sample(kept("req_1", body, {}, **more))


def test_without_what_was_said_there_are_figures() -> None:
    found = sample_of(ROW, None)
    assert found.output is None
    assert (found.output_tokens, found.latency_ns, found.ttft_ns, found.stream) == (7, 9, 8, True)
    assert (found.tier, found.target, found.model) == ("t", "m", "m-1")


def test_a_chat() -> None:
    found = sample(chat(prompt="When?", answer="In June."))
    assert found.messages == (Message("system", "be brief"), Message("user", "When?"))
    assert (found.question, found.output, found.finish, found.form) == ("When?", "In June.", "stop", Form.ANY)
    assert (found.output_tokens, found.latency_ns) == (7, 9)


def test_a_stream_with_a_call() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "lookup", "arguments": '{"city":'}}
    rest = {"index": 0, "function": {"arguments": '"Rome"}'}}
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]} for part in (call, rest)]
    done = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    body = {"tools": [{"type": "function", "function": {"name": "lookup", "parameters": SCHEMA}}], "max_tokens": 5}
    found = sample(kept("req_1", body, events(*chunks, done), stream=True))
    assert found.tool_calls == (ToolCall("lookup", '{"city":"Rome"}'),)
    assert (found.tools, found.max_tokens, found.finish) == ({"lookup": SCHEMA}, 5, "tool_calls")


@pytest.mark.parametrize(
    ("body", "form", "schema"),
    [
        ({"response_format": {"type": "json_object"}}, Form.OBJECT, None),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}, Form.SCHEMA, SCHEMA),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}, Form.SCHEMA, SCHEMA),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, Form.SCHEMA, SCHEMA),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, Form.SCHEMA, SCHEMA),
        ({"response_format": {"type": "text"}}, Form.ANY, None),
        ({"response_format": {"type": "json_schema", "json_schema": 7}}, Form.SCHEMA, None),
        ({"response_format": ["json_object"]}, Form.ANY, None),
        ({"response_format": {"type": {"x": 1}}}, Form.ANY, None),
    ],
)
def test_the_format_that_was_asked_for(body: Any, form: Form, schema: Any) -> None:
    found = asking(body)
    assert (found.form, found.schema) == (form, schema)


@pytest.mark.parametrize(
    ("tools", "offered"),
    [
        ([{"name": "a", "input_schema": SCHEMA}], {"a": SCHEMA}),
        ([{"type": "function", "name": "a", "parameters": SCHEMA}], {"a": SCHEMA}),
        ([{"function": {"name": "a"}}], {"a": {}}),
        ([{"name": 7}, 7, None, {"function": []}], {}),
        ("no list", {}),
    ],
)
def test_the_tools_that_were_offered(tools: Any, offered: Any) -> None:
    assert asking({"tools": tools}).tools == offered


@pytest.mark.parametrize(("bound", "expected"), [(5, 5), (True, None), ("5", None), (None, None)])
def test_the_bound_that_was_set(bound: Any, expected: int | None) -> None:
    assert asking({"max_completion_tokens": bound}).max_tokens == expected


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(Surface), st.booleans())
def test_whatever_was_kept_is_a_sample(body: bytes, answer: bytes, surface: Surface, stream: bool) -> None:
    found = sample(kept("req_1", body, answer, surface=surface, answered=surface, stream=stream))
    assert found.output is not None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "function"]), inner),
)


@given(st.dictionaries(st.sampled_from(["tools", "response_format", "messages", "text", "max_tokens", "input"]), json))
def test_whatever_was_asked_is_a_sample(body: Any) -> None:
    assert asking(msgspec.json.encode(body)).finish == ""

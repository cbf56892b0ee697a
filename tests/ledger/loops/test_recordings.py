"""Recordings of agents: what is read, what is refused, and what the loop guard makes of them."""

import codecs
import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.config.loops import LoopSettings
from homeport.core.errors import ConfigError
from homeport.core.money import Nano
from homeport.ledger.loops.recordings import Recording, read_recordings
from homeport.ledger.loops.replay import Outcome, replay
from tests.fakes.agents import START, chat

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[4] / "shared" / "data")
TRACES = sorted((DATA / "traces" / "otel_agent_traces").glob("*.json"))
REPLAYS = 20


def run(recordings: tuple[Recording, ...], replays: int = REPLAYS, seed: int = 0) -> list[Outcome]:
    return replay(recordings, replays, seed, lambda model, asked, told: Nano(asked + told), LoopSettings())


def span(at: int, messages: Any, text: str = "ok", **attributes: Any) -> dict[str, Any]:
    said = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages), "gen_ai.output.text": text}
    return {
        "trace_id": "t1",
        "span_id": f"s{at}",
        "start_time": f"2026-02-25T10:{at:02}:00.000000",
        "end_time": f"2026-02-25T10:{at:02}:01.000000",
        "attributes": {**said, **attributes},
        "resource_attributes": {"service.name": "agent"},
    }


def trace(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"trace_id": "t1", "span_count": len(spans), "spans": spans}).encode()


def turns(*said: tuple[str, Any], conversation: str = "c1") -> bytes:
    return b"\n".join(
        json.dumps({"conversation_id": conversation, "turn": at, "role": role, "content": content}).encode()
        for at, (role, content) in enumerate(said)
    )


@pytest.mark.skipif(not TRACES, reason="the reference data is not here (HOMEPORT_DATA)")
@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_no_recorded_agent_is_stopped(path: Path) -> None:
    recordings = read_recordings(path.read_bytes(), path.name)
    spans = json.loads(path.read_bytes())["spans"]
    assert sum(len(one.calls) for one in recordings) == len(spans)
    for outcome in run(recordings):
        assert outcome.stops == ()
        assert outcome.warned == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_trace_that_loops_is_stopped_in_every_replay(seed: int) -> None:
    history, spans = list(START), []
    for at in range(25):
        spans.append(span(at, list(history)))
        history += chat(at, "find", {"id": 7}, f"request 0x7f{at:04x}: timed out after {at + 20} ms")
    [outcome] = run(read_recordings(trace(*spans), "f"), seed=seed)
    assert [stop.call for stop in outcome.stops] == [6] * REPLAYS
    assert "find" in outcome.stops[0].what


def test_the_conventions_parts_and_spans_of_tools_are_read() -> None:
    call = {"type": "tool_call", "id": "c", "name": "find", "arguments": {"id": 7}}
    told = {"type": "tool_call_response", "id": "c", "response": {"error": "locked"}}
    history: list[Any] = [{"role": "user", "parts": [{"type": "text", "content": "Find it."}]}]
    spans = []
    for at in range(12):
        spans.append(span(at, list(history)))
        history += [{"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [told]}]
    assert [stop.call for stop in run(read_recordings(trace(*spans), "f"))[0].stops] == [6] * REPLAYS
    bare: list[dict[str, Any]] = []
    for at in range(0, 40, 2):
        bare.append(span(at, None))
        del bare[-1]["attributes"]["gen_ai.input.messages"], bare[-1]["attributes"]["gen_ai.output.text"]
        tool = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find",
            "gen_ai.tool.call.result": "locked",
        }
        bare.append({**span(at + 1, None), "attributes": tool})
    stops = run(read_recordings(trace(*bare), "f"))[0].stops
    assert [stop.call for stop in stops] == [6] * REPLAYS


def test_the_otlp_form_is_read() -> None:
    def typed(value: Any) -> Any:
        return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}

    attributes = {
        "gen_ai.input.messages": json.dumps(START),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.output.text": "x",
    }
    spans = [
        {
            "traceId": "ab",
            "spanId": "1",
            "startTimeUnixNano": "5000000000",
            "endTimeUnixNano": "6000000000",
            "attributes": [{"key": key, "value": typed(value)} for key, value in attributes.items()],
        }
    ]
    document = {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]}
    [recording] = read_recordings(json.dumps(document).encode(), "f")
    assert (recording.name, recording.calls[0].input_tokens, len(recording.calls[0].messages)) == ("ab", 12, 2)


def test_the_same_request_again_and_again_is_stopped() -> None:
    spans = [span(at, [{"role": "user", "content": "Plan the trip."}], "I am planning.") for at in range(30)]
    [outcome] = run(read_recordings(trace(*spans), "f"))
    assert {stop.call for stop in outcome.stops} == {11}
    assert {stop.signal for stop in outcome.stops} == {"same_request"}


CALL = {"name": "find", "arguments": {"id": 7}}
LOOPING: dict[str, list[tuple[str, Any]]] = {
    "text": [("assistant", "I am still looking, one moment please."), ("user", "Any news?")],
    "JSON as text": [("assistant", json.dumps(CALL)), ("tool", "Error: locked")],
    "JSON": [("assistant", {"tool_calls": [{"function": CALL}]}), ("tool", {"error": "locked", "at": "2026-01-01"})],
    "blocks": [
        ("assistant", [{"type": "tool_use", "id": "a", "name": "find", "input": {}}]),
        ("user", [{"type": "tool_result", "tool_use_id": "a", "content": "locked"}]),
    ],
    "results alone": [("assistant", "I look it up."), ("tool", "Error: locked")],
}


@pytest.mark.parametrize("shape", LOOPING)
def test_conversations_that_loop_are_stopped(shape: str) -> None:
    first: tuple[str, Any] = ("user", "Where is my order?")
    [outcome] = run(read_recordings(turns(first, *LOOPING[shape] * 20), "f"))
    assert len(outcome.stops) == REPLAYS
    assert {stop.call for stop in outcome.stops} == {14 if shape == "text" else 6}


ROLES = [("human", "ai", "function"), ("Customer", "bot", "observation"), ("user", "planner", "tool_response")]


@pytest.mark.parametrize("roles", ROLES)
def test_roles_have_many_names(roles: tuple[str, str, str]) -> None:
    person, model, tool = roles
    said = [(person, "Go."), *[(model, json.dumps(CALL)), (tool, "Error: locked")] * 20]
    [outcome] = run(read_recordings(turns(*said), "f"), replays=1)
    assert (outcome.calls, [stop.call for stop in outcome.stops]) == (20, [6])


def test_numbers_of_turns_may_be_text_or_missing() -> None:
    lines = [
        {"conversation_id": 7, "turn": "10", "role": "assistant", "content": None},
        {"conversation_id": 7, "turn": "9", "role": "user", "content": "a"},
        {"conversation_id": "x", "role": "user", "content": "a"},
        {"conversation_id": "x", "role": "assistant", "content": "b"},
    ]
    data = b"\n".join(json.dumps(line).encode() for line in lines)
    for recording in read_recordings(data, "f"):
        assert [len(call.messages) for call in recording.calls] == [1]


def test_calls_beside_the_content_are_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    lines = [
        line
        for at in range(0, 40, 2)
        for line in (
            {
                "conversation_id": "c",
                "turn": at,
                "role": "assistant",
                "content": f"Try {at * at}.",
                "tool_calls": [call],
            },
            {"conversation_id": "c", "turn": at + 1, "role": "tool", "tool_call_id": "c", "content": "none"},
        )
    ]
    [outcome] = run(read_recordings(b"\n".join(json.dumps(line).encode() for line in lines), "f"), replays=1)
    assert [stop.call for stop in outcome.stops] == [6]


def test_of_a_very_long_conversation_the_end_is_sent() -> None:
    said = [(["user", "assistant"][at % 2], f"{at}") for at in range(4_000)]
    [recording] = read_recordings(turns(*said), "f")
    assert max(len(call.messages) for call in recording.calls) <= 1_000
    assert recording.calls[-1].messages[-1]["content"] == "3998"


def test_conversations_that_get_on_are_not() -> None:
    said = [
        pair for at in range(30) for pair in (("user", f"And the price of {at}?"), ("assistant", f"It is {at * 7}."))
    ]
    looping = [("user", "Hello?"), *LOOPING["text"] * 20]
    data = turns(*said) + b"\n\n" + turns(*looping, conversation="c2")
    fine, stopped = run(read_recordings(data, "f"))
    assert (fine.name, fine.calls, len(fine.stops)) == ("c1", 30, 0)
    assert (stopped.name, len(stopped.stops)) == ("c2", REPLAYS)
    assert stopped.cost < fine.cost


def test_turns_are_put_in_order_and_may_be_a_list() -> None:
    lines = [
        json.loads(line)
        for line in turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")).split(b"\n")
    ]
    [recording] = read_recordings(codecs.BOM_UTF8 + json.dumps(lines[::-1]).encode(), "f")
    assert [len(call.messages) for call in recording.calls] == [1, 3]


def test_replays_are_repeatable() -> None:
    recordings = read_recordings(turns(("user", "x"), *LOOPING["text"] * 9), "f")
    assert run(recordings, seed=4) == run(recordings, seed=4)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"nonsense", "not JSON in line 1"),
        (b"\xff\xfe", "not JSON in line 1"),
        (b"[" * 100_000, "not JSON in line 1"),
        (b"{}", "no trace and no list of turns"),
        (b"[]", "has no span"),
        (b"3", "no trace and no list"),
        (b'{"spans": []}', "has no span"),
        (b'{"spans": 3}', "cannot be read"),
        (b'{"spans": [{}]}', "cannot be read"),
        (b'{"spans": [{"start_time": "never", "attributes": {}}]}', "cannot be read"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}', "cannot be read"),
        (trace(span(0, [3])), "cannot be read"),
        (b'{"conversation_id": 1, "turn": 1}', "line 1"),
        (turns(("user", "a")) + b'\n{"turn": 1}', "line 2"),
        (b'{"conversation_id": "a", "turn": NaN, "role": "user", "content": ""}', "not JSON in line 1"),
        (b'{"conversation_id": "a", "turn": "inf", "role": "user", "content": ""}', "no number"),
        (b'{"conversation_id": "a", "turn": 1, "role": "user", "content": ' + b"[" * 950 + b"]" * 950 + b"}", "line 1"),
        (b'{"conversation_id": "a", "turn": "x", "role": "user", "content": ""}', "line 1"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_reason(data: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_recordings(data, "file.json")
    assert told.value.code == "recording_invalid"
    assert problem in told.value.message
    assert told.value.message.startswith("file.json ")


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), _ANY), max_size=12))
def test_any_content_of_a_turn_is_taken(said: list[tuple[str, Any]]) -> None:
    if said:
        run(read_recordings(turns(*said), "f"), replays=1)


@given(
    st.dictionaries(st.sampled_from(["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.output.text"]), _ANY)
)
def test_any_attribute_is_taken_or_refused(attributes: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        run(read_recordings(trace(span(0, START, **attributes)), "f"), replays=1)

"""Streams that stop, break, lie or are merely unusual: a broken one ends with an error, a whole one with its words."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.failover.house import ENDS, House, Reply

pytestmark = pytest.mark.slow

SHAPES = [
    ("chat/completions", "chat"),
    ("chat/completions", "claude"),
    ("completions", "chat"),
    ("responses", "chat"),
    ("responses", "native"),
    ("messages", "chat"),
    ("messages", "claude"),
]
NAMES = pytest.mark.parametrize(("surface", "model"), SHAPES)


def ask(house: House, surface: str, model: str) -> Reply:
    return house.ask(surface, model, stream=True)


def assert_broken(house: House, reply: Reply, error: str, status: int) -> None:
    """200 and some words, then an error event; no clean end; billed for the prompt and what came."""
    assert (reply.status, reply.ended) == (200, True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.error["message"]
    ends = [event for event in reply.events if event == "[DONE]" or json.loads(event).get("type") in ENDS]
    assert ends == []
    row = house.row(reply.request_id)
    assert (row["outcome"], row["error"], row["status"], row["stream"]) == ("failed", error, status, True)
    assert row["estimated"]
    # Anthropic tells the 7 tokens of the prompt first; elsewhere 31 characters are estimated as 8.
    assert row["input_tokens"] in {7, 8}
    assert 0 < row["output_tokens"] < 48
    assert row["cost"] == row["input_tokens"] * 2000 + row["output_tokens"] * 8000


@NAMES
@pytest.mark.parametrize("fault", ["cut", "reset", "early-end", "bad-chunk"])
def test_cut(house: House, surface: str, model: str, fault: str) -> None:
    before = house.sim.total
    house.sim.queue(fault, times=3)
    assert_broken(house, ask(house, surface, model), "upstream_stream_cut", 502)
    assert len(house.sim.seen(before)) == 1, "nothing is repeated once the caller has seen a word"


@NAMES
def test_stalled(house: House, surface: str, model: str) -> None:
    before = house.sim.total
    house.sim.queue("stall")
    assert_broken(house, ask(house, surface, f"hasty-{model}"), "upstream_stalled", 504)
    house.sim.wait_idle()
    assert [seen["cancelled"] for seen in house.sim.seen(before)] == [True]


@NAMES
@pytest.mark.parametrize("fault", ["garbage", "truncated"])
def test_an_event_that_is_not_whole(house: House, surface: str, model: str, fault: str) -> None:
    """What comes after it may be whole again; the answer is not."""
    house.sim.queue(f"{fault};after=12")
    assert_broken(house, ask(house, surface, model), "upstream_bad_answer", 502)


@NAMES
def test_text_that_is_not_utf_8(house: House, surface: str, model: str) -> None:
    """It is in the first word, so in a completion's first event; then it is an error with a status."""
    house.sim.queue("invalid-utf8")
    reply = ask(house, surface, model)
    reply.body.decode()  # What we send is UTF-8.
    assert reply.status == (502 if surface == "completions" else 200)
    assert reply.error
    row = house.row(reply.request_id)
    assert (row["outcome"], row["attempts"][0]["error"] or row["error"]) == ("failed", "upstream_bad_answer")


@NAMES
def test_an_event_that_is_too_large(house: House, surface: str, model: str) -> None:
    """Where nothing came before it, it is an error with a status; it is not asked for again."""
    before = house.sim.total
    house.sim.queue("big=5000000", times=3)
    reply = ask(house, surface, model)
    assert len(house.sim.seen(before)) == 1
    row = house.row(reply.request_id)
    assert row["attempts"][0]["error"] or row["error"] == "upstream_event_too_large"
    assert (row["outcome"], row["status"]) == ("failed", 502)
    assert reply.status == (502 if surface == "completions" else 200)
    assert reply.error


@NAMES
@pytest.mark.parametrize("fault", ["drop", "status=500", "wrong-type", "empty"])
def test_before_the_first_word_it_is_an_error_with_a_status(house: House, surface: str, model: str, fault: str) -> None:
    house.sim.queue(fault, times=4)
    reply = ask(house, surface, model)
    assert reply.status in {502, 503}
    assert reply.headers["content-type"] == "application/json"
    assert reply.error["code"] == "upstream_unavailable"


@pytest.mark.parametrize("surface", ["chat/completions", "completions", "responses", "messages"])
def test_before_the_first_word_another_of_the_tier_answers(house: House, surface: str) -> None:
    house.sim.queue("empty")
    reply = ask(house, surface, "pair")
    assert (reply.status, reply.headers["x-homeport-model"]) == (200, "second")
    assert reply.ends_well


ALLOWED = [
    *("comments", "crlf", "cr", "multi-line", "no-space", "bom"),
    *("split=3", "split=1", "odd-chunks", "one-chunk", "until-close", "continue", "duplicate-done"),
    *("duplicate-usage", "running-usage", "close"),
]


@NAMES
@pytest.mark.parametrize("fault", ALLOWED)
def test_what_is_unusual_and_allowed(house: House, surface: str, model: str, fault: str) -> None:
    """The same words, one end, the same bill; usage that comes twice counts once."""
    plain = ask(house, surface, model)
    house.sim.queue(fault)
    reply = ask(house, surface, model)
    assert said(reply) == said(plain) != ""
    assert reply.ends_well
    assert sum(event == "[DONE]" or json.loads(event).get("type") in ENDS for event in reply.events) == 1
    row = house.row(reply.request_id)
    assert (row["outcome"], row["error"], row["estimated"]) == ("completed", "", False)
    assert row["cost"] == 7 * 2000 + 48 * 8000 == house.row(plain.request_id)["cost"]


def said(reply: Reply) -> str:
    """The text of a stream, in whichever words."""
    deltas = [chunk["delta"] for chunk in reply.chunks if "delta" in chunk]
    choices = [choice for chunk in reply.chunks for choice in chunk.get("choices", [])]
    chats = [choice.get("text") or (choice.get("delta") or {}).get("content") or "" for choice in choices]
    return "".join(chats + [delta if isinstance(delta, str) else delta.get("text") or "" for delta in deltas])


@pytest.mark.parametrize(
    ("surface", "model"), [("chat/completions", "chat"), ("completions", "chat"), ("responses", "chat")]
)
def test_a_missing_done_after_a_finish_reason_is_an_end(house: House, surface: str, model: str) -> None:
    house.sim.queue("missing-done")
    reply = ask(house, surface, model)
    assert reply.ends_well
    assert house.row(reply.request_id)["cost"] == 7 * 2000 + 48 * 8000


@pytest.mark.parametrize(("surface", "model"), [("responses", "native"), ("messages", "claude")])
def test_where_the_last_event_carries_the_end_a_missing_one_is_a_cut(house: House, surface: str, model: str) -> None:
    house.sim.queue("missing-done")
    reply = ask(house, surface, model)
    assert reply.error
    assert not reply.ends_well
    row = house.row(reply.request_id)
    assert (row["outcome"], row["error"]) == ("failed", "upstream_stream_cut")


@pytest.mark.parametrize("surface", ["chat/completions", "completions"])
def test_usage_that_was_asked_for_is_made_up_where_there_is_none(house: House, surface: str) -> None:
    house.sim.queue("missing-usage")
    reply = house.ask(surface, stream=True, stream_options={"include_usage": True})
    last = reply.chunks[-1]
    assert reply.events[-1] == "[DONE]"
    assert last["choices"] == []
    assert last["homeport"]["estimated"] is True
    assert last["id"] == reply.chunks[0]["id"]
    row = house.row(reply.request_id)
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (8, row["output_tokens"])
    assert last["homeport"]["cost_nanodollars"] == row["cost"] == 8 * 2000 + row["output_tokens"] * 8000
    assert row["estimated"]
    assert abs(row["output_tokens"] - 48) <= 2, "a chunk is about a token"


@pytest.mark.parametrize(("surface", "kind"), [("responses", "response.completed"), ("messages", "message_delta")])
def test_a_translated_stream_has_the_estimate_as_its_usage(house: House, surface: str, kind: str) -> None:
    house.sim.queue("missing-usage")
    reply = ask(house, surface, "chat")
    (last,) = [chunk for chunk in reply.chunks if chunk["type"] == kind]
    told = last.get("response", last)
    row = house.row(reply.request_id)
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (8, row["output_tokens"])
    assert told["homeport"]["estimated"] is True


def test_usage_that_comes_twice_is_told_once(house: House) -> None:
    house.sim.queue("duplicate-usage")
    reply = house.ask(stream=True, stream_options={"include_usage": True})
    assert sum(bool(chunk.get("usage")) for chunk in reply.chunks) == 1
    assert house.row(reply.request_id)["cost"] == 7 * 2000 + 48 * 8000


def test_cached_tokens_of_a_stream_are_billed_once(house: House) -> None:
    house.sim.queue("cached=5")
    assert house.row(ask(house, "chat/completions", "chat").request_id)["cost"] == 2 * 2000 + 5 * 500 + 48 * 8000


TOOL = {
    "type": "object",
    "properties": {"clause": {"type": "string"}, "pages": {"type": "array", "items": {"type": "integer"}}},
    "required": ["clause", "pages"],
}
TOOLS: Mapping[str, dict[str, Any]] = {
    "chat/completions": {
        "tools": [{"type": "function", "function": {"name": "find", "parameters": TOOL}}],
        "tool_choice": "required",
    },
    "responses": {"tools": [{"type": "function", "name": "find", "parameters": TOOL}], "tool_choice": "required"},
    "messages": {"tools": [{"name": "find", "input_schema": TOOL}], "tool_choice": {"type": "any"}},
}


@pytest.mark.parametrize(("surface", "model"), [shape for shape in SHAPES if shape[0] in TOOLS])
@pytest.mark.parametrize("fault", ["tool-split=1", "tool-split=1;split=1", "tool-split=7;odd-chunks", "crlf"])
def test_arguments_of_a_tool_in_pieces(house: House, surface: str, model: str, fault: str) -> None:
    house.sim.queue(fault)
    reply = house.ask(surface, model, stream=True, **TOOLS[surface])
    arguments = json.loads(called(reply))
    assert isinstance(arguments["clause"], str)
    assert all(isinstance(page, int) for page in arguments["pages"])
    assert reply.ends_well


def called(reply: Reply) -> str:
    """The arguments of the call that a stream makes, in whichever words."""
    chunks = reply.chunks
    choices = [choice for chunk in chunks for choice in chunk.get("choices", [])]
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls") or []]
    responses = [chunk["delta"] for chunk in chunks if chunk.get("type") == "response.function_call_arguments.delta"]
    messages = [chunk["delta"] for chunk in chunks if chunk.get("type") == "content_block_delta"]
    chat = [call["function"].get("arguments") or "" for call in calls]
    return "".join([*chat, *responses, *(delta.get("partial_json") or "" for delta in messages)])


@NAMES
def test_a_caller_who_leaves_a_stream_cancels_it_and_pays_for_what_was_made(
    house: House, surface: str, model: str
) -> None:
    before, since = house.sim.total, time.time_ns()
    house.sim.queue("stall;after=12")
    connection, response = house.open(f"/v1/{surface}", json.dumps(house.body(surface, model, stream=True)))
    while b"Simula" not in response.readline():  # the first word
        pass
    connection.close()
    response.close()
    house.sim.wait_idle()
    (seen,) = house.sim.seen(before)
    assert (seen["cancelled"], seen["ended"]) == (True, False)
    row = house.left(since)
    assert (row["surface"], row["status"], row["estimated"]) == (surface, 499, True)
    assert 0 < row["output_tokens"] < 20
    assert row["cost"] == row["input_tokens"] * 2000 + row["output_tokens"] * 8000

"""Relaying a stream: in order, one frame at a time, with an end that says what it cost."""

import json
from typing import Any

import pytest

from homeport.core.errors import StreamCut, UpstreamTimeout
from homeport.core.types import Frame, Outcome, Usage
from tests.fakes.house import MID, OWN, STREAM, House
from tests.fakes.upstream import DONE, USAGE, Step, counted, said, spoken

ASKED: dict[str, Any] = {**STREAM, "stream_options": {"include_usage": True}}
COST = b": x-homeport-cost: 0.001250000\n\n"
END = b"data: [DONE]\n\n"


async def streamed(house: House, frames: list[Step], body: dict[str, Any] = STREAM) -> list[bytes]:
    house.upstreams["mid"].script(frames)
    caller = await house.ask(body)
    assert caller.finished
    return caller.pieces


async def test_usage_is_told_when_it_was_asked_for_with_the_receipt_in_it() -> None:
    house = House(MID)
    *content, end = await streamed(house, spoken("Clause", " 9."), ASKED)
    assert content == [said("Clause").data, said(" 9.").data]
    chunk, comment, done, rest = end.split(b"\n\n")
    assert [comment, done, rest] == [COST.strip(), END.strip(), b""]
    assert json.loads(chunk.removeprefix(b"data: ")) == {
        "id": "c1",
        "choices": [],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
        "homeport": {
            "request_id": house.event.request_id,
            "tier": "mid",
            "model": "mid",
            "reason": "static:mid",
            "cost_usd": "0.001250000",
            "cost_nanodollars": 1_250_000,
        },
    }


async def test_a_comment_that_keeps_the_connection_awake_is_no_first_token() -> None:
    house = House(MID)
    awake = Frame(data=b": still at work\n\n")
    house.upstreams["mid"].working = lambda: house.clock.advance(3_000_000_000)
    await streamed(house, [awake, DONE])
    await streamed(house, [awake, *spoken("Clause")])
    assert [event.ttft_ns for event in house.recorder.events] == [0, 3_000_000_000]


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": None}])
async def test_usage_that_was_not_asked_for_is_counted_and_not_told(options: dict[str, Any] | None) -> None:
    house = House(MID)
    pieces = await streamed(house, spoken("Clause"), {**STREAM, "stream_options": options})
    assert pieces == [said("Clause").data, COST + END]
    assert house.event.input_tokens == USAGE.input_tokens


@pytest.mark.parametrize("ending", [[], [DONE], [DONE, DONE], [DONE, counted()], [counted(), DONE, DONE]])
@pytest.mark.parametrize("body", [STREAM, ASKED], ids=["plain", "usage"])
async def test_there_is_one_end(ending: list[Step], body: dict[str, Any]) -> None:
    pieces = await streamed(House(MID), [said("Clause"), *ending], body)
    assert b"".join(pieces).count(b"[DONE]") == 1
    assert pieces[-1].endswith(END)


USAGE_EVENT = (
    b'{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100},"big":12345678901234567890,"f":1.10}'
)
FRAMINGS = {
    "crlf": b"data: %s\r\n\r\n",
    "no space": b"data:%s\n\n",
    "event name": b"event: message\ndata: %s\n\n",
    "id": b"id: 7\ndata: %s\n\n",
    "comment": b": ping\ndata: %s\n\n",
    "trailing field": b"data: %s\nretry: 5\n\n",
}


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_the_usage_chunk_in_every_framing_that_the_standard_allows(framing: str) -> None:
    frame = Frame(data=FRAMINGS[framing] % USAGE_EVENT, usage=USAGE, closing=True, usage_only=True)
    house = House(MID)
    pieces = await streamed(house, [said("Clause"), frame, DONE], ASKED)
    chunk = pieces[-1].split(b"\n\n")[0]
    assert chunk.startswith(b"data: {")
    assert json.loads(chunk.removeprefix(b"data: "))["homeport"]["cost_nanodollars"] == 1_250_000
    assert b'"big":12345678901234567890,"f":1.10' in chunk
    assert pieces[-1].endswith(COST + END)


async def test_a_usage_chunk_over_several_lines_is_told_in_one() -> None:
    data = b'data: {"choices":[],\ndata: "usage":{\ndata:  "prompt_tokens":1000}}\n\n'
    frame = Frame(data=data, usage=USAGE, closing=True, usage_only=True)
    pieces = await streamed(House(MID), [said("Clause"), frame, DONE], ASKED)
    (line,) = pieces[-1].split(b"\n\n")[0].splitlines()
    assert json.loads(line.removeprefix(b"data: "))["usage"] == {"prompt_tokens": 1000}


@pytest.mark.parametrize("data", [b": ping\n\n", b"data: {]\n\n", b"data: []\n\n", b'data: {"\xff":1}\n\n'])
async def test_a_usage_chunk_that_cannot_be_read_goes_on_as_it_came(data: bytes) -> None:
    frame = Frame(data=data, usage=USAGE, closing=True, usage_only=True)
    pieces = await streamed(House(MID), [said("Clause"), frame, DONE], ASKED)
    assert pieces[-1] == data + COST + END


@pytest.mark.parametrize("error", [StreamCut("cut"), UpstreamTimeout("no", code="upstream_stalled"), ValueError("x")])
async def test_a_broken_stream_says_so_and_is_billed_for_what_came(error: Exception) -> None:
    house = House(MID)
    *content, end = await streamed(house, [said("a"), said("b"), error], ASKED)
    assert content == [said("a").data, said("b").data]
    told = json.loads(end.removeprefix(b"data: "))["error"]
    assert told["code"] == house.event.error == getattr(error, "code", "internal_error")
    assert told["request_id"] == house.event.request_id
    event = house.event
    assert (event.outcome, event.output_tokens, event.estimated) == (Outcome.FAILED, 2, True)
    assert event.cost == event.input_tokens * 1_000 + 2 * 4_000
    assert house.upstreams["mid"].ended == 1


async def test_a_running_usage_is_used_when_the_stream_breaks() -> None:
    running = Usage(input_tokens=50, output_tokens=7)
    house = House(MID)
    await streamed(house, [Frame(data=b"data: {}\n\n", events=1, usage=running), StreamCut("cut")])
    assert (house.event.input_tokens, house.event.output_tokens, house.event.estimated) == (50, 7, False)


async def test_bytes_are_not_touched() -> None:
    odd = [b'data: {  "x":1.10 }\n\n', b": ping\n\n", b"event: e\r\ndata: \xc3\xa9\r\n\r\n", b"data: a\ndata: b\n\n"]
    pieces = await streamed(House(MID), [*(Frame(data=data, events=1) for data in odd), DONE])
    assert pieces[:-1] == odd


async def test_a_slow_reader_holds_the_upstream_back() -> None:
    house = House(MID)
    house.upstreams["mid"].script(spoken(*"abcdefghij"))
    caller = house.caller(STREAM)
    caller.slow = True
    task = caller.start(house.app)
    for read in range(1, 11):
        await caller.writing.wait()
        assert house.upstreams["mid"].produced == read
        assert house.recorder.events == []
        caller.read()
    await caller.writing.wait()
    assert len(house.recorder.events) == 1
    caller.read()
    await task
    assert caller.finished


async def test_time_to_first_byte_is_that_of_the_first_frame_sent() -> None:
    house = House(MID)
    house.upstreams["mid"].working = lambda: house.clock.advance(3_000)
    house.upstreams["mid"].script(spoken("Clause"))
    await house.ask(STREAM)
    assert house.event.ttft_ns == 3_000


async def test_an_own_engine_is_billed_by_its_own_clock() -> None:
    house = House(OWN)
    worked = Usage(input_tokens=10, output_tokens=5, engine_ns=2_000_000_000)
    house.upstreams["own"].working = lambda: house.clock.advance(60_000_000_000)
    house.upstreams["own"].script([said("a"), counted(worked), DONE])
    await house.ask(STREAM)
    # 2 s of one of two slots at 0.36 USD an hour; the minute in the queue is not billed.
    assert house.event.cost == 100_000
    assert house.event.price_source == "hourly:own"


async def test_usage_that_was_asked_for_and_is_not_told_is_estimated_and_says_so() -> None:
    """Five words for five tokens, and the prompt at four characters each; what is told is what is billed."""
    house = House(MID)
    first = Frame(data=b'data: {"id":"c7","object":"o","created":3,"model":"m","choices":[{"delta":{}}]}\n\n', events=1)
    pieces = await streamed(house, [first, *map(said, "abcd"), DONE], ASKED)
    chunk = json.loads(pieces[-1].split(b"\n\n")[0].removeprefix(b"data: "))
    assert (chunk["id"], chunk["object"], chunk["created"], chunk["model"]) == ("c7", "o", 3, "m")
    assert chunk["choices"] == []
    counts = chunk["usage"]
    assert (counts["prompt_tokens"], counts["completion_tokens"], counts["total_tokens"]) == (8, 5, 13)
    assert chunk["homeport"]["estimated"] is True
    assert chunk["homeport"]["cost_nanodollars"] == 8 * 1_000 + 5 * 4_000 == house.event.cost
    assert pieces[-1].endswith(END)


async def test_usage_that_was_told_beside_words_ends_the_stream_too() -> None:
    running = Frame(data=b'data: {"choices":[{"delta":{}}],"usage":{}}\n\n', events=1, usage=USAGE)
    pieces = await streamed(House(MID), [running, DONE], ASKED)
    chunk = json.loads(pieces[-1].split(b"\n\n")[0].removeprefix(b"data: "))
    assert chunk["usage"]["prompt_tokens"] == USAGE.input_tokens
    assert "estimated" not in chunk["homeport"]


async def test_usage_that_comes_twice_is_told_once() -> None:
    house = House(MID)
    pieces = await streamed(house, [said("a"), counted(), counted(), DONE], ASKED)
    assert pieces[-1].count(b'"usage"') == 1
    assert house.event.cost == 1_250_000

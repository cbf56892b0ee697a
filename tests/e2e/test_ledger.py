"""The bill: what callers were told is what the ledger adds up to, to the nano-dollar."""

import json
import re
from decimal import Decimal

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow


def nanodollars(usd: str) -> int:
    assert re.fullmatch(r"\d+\.\d{9}", usd)
    return int(Decimal(usd) * 10**9)


def test_the_ledger_is_the_sum_of_the_headers(own_program: Program) -> None:
    told = 0
    for number in range(24):
        model = ("auto", "mid", "frontier")[number % 3]
        fields: dict[str, object] = {"model": model, "max_tokens": 4 + number}
        if number % 2:
            status, headers, body = own_program.chat("What is a lease?", stream=True, **fields)
            assert "x-homeport-cost" not in headers
            told += nanodollars(re.findall(rb"^: x-homeport-cost: (\S+)$", body, re.MULTILINE)[0].decode())
        else:
            status, headers, _ = own_program.chat("What is a lease?", **fields)
            told += nanodollars(headers["x-homeport-cost"])
        assert status == 200
    status, headers, _ = own_program.post("/embeddings", {"model": "auto", "input": ["one", "two"]})
    told += nanodollars(headers["x-homeport-cost"])
    cost = own_program.cost()
    assert cost["requests"] == 25
    assert cost["cost_nanodollars"] == told
    assert nanodollars(cost["cost_usd"]) == told
    assert sum(group["cost_nanodollars"] for group in cost["groups"]) == told


def test_the_usage_chunk_carries_the_receipt_when_it_was_asked_for(program: Program) -> None:
    asked = program.chat("Hi", stream=True, stream_options={"include_usage": True}, model="local")[2]
    chunks = [json.loads(line[5:]) for line in asked.splitlines() if line.startswith(b"data: {")]
    assert chunks[-1]["choices"] == []
    receipt = chunks[-1]["homeport"]
    assert nanodollars(receipt["cost_usd"]) == receipt["cost_nanodollars"] > 0
    assert (receipt["tier"], receipt["model"]) == ("local", "smollm2")
    not_asked = program.chat("Hi", stream=True, model="local")[2]
    assert b'"usage"' not in not_asked
    assert not_asked.endswith(b"data: [DONE]\n\n")

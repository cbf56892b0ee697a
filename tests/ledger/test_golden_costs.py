"""What providers say of usage, through the real adapters, and what it costs by hand: golden/README.md."""

import ast
import json
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.config.schema import Settings
from homeport.core.discovery import load
from homeport.core.ports import Upstream
from homeport.core.types import Price, Surface, UpstreamCall, Usage
from homeport.ledger.price_book import PriceBook
from homeport.ledger.pricing import RateCard
from homeport.transport.http import HttpResponse
from tests.fakes.house import target
from tests.fakes.transport import EVENTS, ScriptedTransport, answered
from tests.providers.calls import CHAT, call, setup

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted(GOLDEN.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
STREAMED = [param for param in CASES if "stream" in dict(param.values[1])]  # type: ignore[call-overload]
ASKED: Mapping[str, dict[str, Any]] = {
    "chat/completions": CHAT,
    "messages": {**CHAT, "max_tokens": 9_000},
    "responses": {"input": "Which clause?"},
    "embeddings": {"input": "Which clause?"},
}
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def worked_out(text: str) -> Fraction:
    """The value of written arithmetic, exactly; nothing of ours has a part in it."""

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.BinOp():
                result: Fraction = _OPERATORS[type(node.op)](value(node.left), value(node.right))
                return result
            case ast.Constant():
                return Fraction(str(node.value))
        raise AssertionError(text)

    return value(ast.parse(text, mode="eval").body)


def settings(provider: str, case: dict[str, Any], *, written: bool) -> Settings:
    """A configuration with one target; its price as in the fixture, or as in the lists."""
    one = {"model": "m", "provider": "api", "price": case["price"], "service_tier": case.get("service_tier")}
    return Settings.model_validate(
        {
            "providers": {"api": {"provider": provider}},
            "tiers": [{"name": "t", "targets": [one]}],
            "prices": [{"model": case["price"], **case["usd"]}] if written else [],
        }
    )


def price(provider: str, case: dict[str, Any], *, written: bool = True) -> Price | None:
    chosen = settings(provider, case, written=written)
    at = datetime.fromisoformat(case["at"]).replace(tzinfo=UTC)
    return PriceBook(chosen).of_target(chosen.tiers[0].targets[0], at)


def cost(provider: str, case: dict[str, Any], usage: Usage | None) -> int:
    assert usage is not None
    return RateCard().cost(target("t", price=price(provider, case)), usage, case.get("elapsed_ns", 10**12))


def upstream(provider: str, *answers: HttpResponse) -> Upstream:
    transport = ScriptedTransport(*answers, size=64)
    connected: Upstream = load("homeport.providers", provider).connect(setup(transport, base_url="", api_key="k-1"))
    return connected


def asked(case: dict[str, Any], *, stream: bool = False) -> UpstreamCall:
    fields = ASKED[case["surface"]]
    return call(fields, surface=Surface(case["surface"]), model="m/n", stream=stream)


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_the_arithmetic_is_right(provider: str, case: dict[str, Any]) -> None:
    assert case["nano_dollars"] == int(worked_out(case["pico_dollars"]) / 1_000 + Fraction(1, 2))


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_the_written_price_is_the_listed_one_of_that_day(provider: str, case: dict[str, Any]) -> None:
    if not case.get("listed", True):
        pytest.skip("no list has this price")
    usage = msgspec.convert(case["usage"], Usage)
    listed = price(provider, case, written=False)
    assert RateCard().cost(target("t", price=listed), usage, 10**12) == case["nano_dollars"]


@pytest.mark.parametrize(("provider", "case"), CASES)
async def test_a_whole_answer_costs_what_it_does_by_hand(provider: str, case: dict[str, Any]) -> None:
    body = json.dumps(case["body"]).encode()
    completion = await upstream(provider, answered(body)).complete(asked(case))
    assert completion.usage == msgspec.convert(case["usage"], Usage)
    assert cost(provider, case, completion.usage) == case["nano_dollars"]


@pytest.mark.parametrize(("provider", "case"), STREAMED)
async def test_a_stream_costs_the_same(provider: str, case: dict[str, Any]) -> None:
    events = "".join(f"{event}\n\n" for event in case["stream"]).encode()
    answers = [answered(events, kind=EVENTS)]
    if provider == "replicate":
        begun = {**case["body"], "status": "starting", "output": None, "metrics": None}
        answers = [answered(json.dumps(begun).encode()), *answers, answered(json.dumps(case["body"]).encode())]
    frames = [frame async for frame in upstream(provider, *answers).stream(asked(case, stream=True))]
    usage = [frame.usage for frame in frames if frame.usage][-1]
    assert usage == msgspec.convert(case["usage"], Usage)
    assert cost(provider, case, usage) == case["nano_dollars"]


def test_every_provider_is_here() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {
        "anthropic",
        "fireworks",
        "gemini",
        "openai",
        "replicate",
        "together",
    }

"""Asking a gateway for an experiment: what it waits for, what ends it, and what is only one question's."""

import json
from typing import Any

import pytest
from tests.fakes.transport import ScriptedTransport, answered

from homeport.bootstrap.experiments import GatewayRespondent
from homeport.core.errors import HomeportError
from homeport.core.money import Nano
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import DatasetCase
from homeport.evaluation.experiments import Ask, Reply
from homeport.transport.http import HttpResponse

CASE = DatasetCase(id="a", question="hi")
BODY = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
HEADERS: dict[str, Any] = {"x-homeport-cost": "0.000001500", "x-homeport-tier": "far", "x-homeport-request-id": "req_1"}


def failed(status: int, code: str, **headers: str) -> HttpResponse:
    error = {"message": f"it failed; {code} hint", "code": code, "hint": f"{code} hint"}
    return answered(json.dumps({"error": error}).encode(), status, **headers)


class Asked:
    """One question through the respondent, with its pauses noted instead of slept."""

    def __init__(self, *answers: HttpResponse, seed: int | None = None) -> None:
        self.transport = ScriptedTransport(*answers)
        self.pauses: list[float] = []
        self._now = 0
        self._respond = GatewayRespondent(
            self.transport,
            "http://gate/v1/",
            "k",
            {"model": "m", "temperature": 0},
            headers={"cache-control": "no-store"},
            seed=seed,
            now_ns=self._tick,
            sleep=self._sleep,
        )

    async def __call__(self, question: Question | None = None, epoch: int = 0) -> Reply:
        return await self._respond(Ask(case=CASE, epoch=epoch, question=question or CASE.ask(7)))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.transport.requests]

    def _tick(self) -> int:
        self._now += 2_000_000
        return self._now

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_an_answer_with_what_it_cost() -> None:
    asked = Asked(answered(BODY, **HEADERS))
    reply = await asked()
    assert reply == Reply(text="yes", cost=Nano(1500), latency_ms=2.0, finish="stop", tier="far", request_id="req_1")
    [request] = asked.transport.requests
    assert request.url == "http://gate/v1/chat/completions"
    assert (request.headers["authorization"], request.headers["cache-control"]) == ("Bearer k", "no-store")
    assert asked.bodies == [
        {"model": "m", "temperature": 0, "max_tokens": 7, "messages": [{"role": "user", "content": "hi"}]}
    ]


async def test_a_prompt_and_a_seed() -> None:
    asked = Asked(answered(json.dumps({"choices": [{"text": "on"}]}).encode()), seed=4)
    assert (await asked(Question(prompt="go"), epoch=2)).text == "on"
    assert asked.transport.requests[0].url == "http://gate/v1/completions"
    assert (asked.bodies[0]["prompt"], asked.bodies[0]["seed"]) == ("go", 6)


@pytest.mark.parametrize("cost", ["", "much", "NaN", "1e400"])
async def test_a_cost_that_is_none_is_not_nothing(cost: str) -> None:
    headers: dict[str, Any] = {"x-homeport-cost": cost}
    assert (await Asked(answered(BODY, **headers))()).cost is None


async def test_what_waiting_mends_is_waited_for() -> None:
    retry = {"retry-after": "3"}
    asked = Asked(failed(429, "rate_limit_exceeded", **retry), failed(503, "overloaded"), answered(BODY))
    assert (await asked()).text == "yes"
    assert asked.pauses == [3.0, 2.0]
    asked = Asked(failed(503, "upstream_unavailable", **{"retry-after": "1e9"}))
    assert (await asked()).error == "upstream_unavailable"
    assert asked.pauses == [60.0] * 3


async def test_what_is_wrong_with_one_question_is_its_own() -> None:
    for status, code in ((400, "untranslatable"), (403, "content_blocked"), (409, "loop_stopped")):
        asked = Asked(failed(status, code))
        assert (await asked()) == Reply(error=code, why="it failed")
        assert asked.pauses == []


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (404, "model_not_found"), (429, "budget_exceeded")]
)
async def test_what_is_wrong_with_all_ends_it(status: int, code: str) -> None:
    with pytest.raises(HomeportError) as caught:
        await Asked(failed(status, code))()
    assert (caught.value.code, caught.value.message, caught.value.hint) == (code, "it failed", f"{code} hint")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"choices": []}'])
async def test_an_answer_that_is_none_is_told(body: bytes) -> None:
    assert (await Asked(answered(body))()).error == "upstream_bad_answer"
    assert (await Asked(answered(body, 400))()).error == "gateway_refused"

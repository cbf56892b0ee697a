"""Asking over HTTP for an audit: what is asked for, what a model refuses, and what ends it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.transport import ScriptedTransport, answered

from homeport.api.auth import read_pepper
from homeport.api.purposes import HEADER, Purposes
from homeport.bootstrap.probing import Address, Prober, address_of
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError, HomeportError, UpstreamTimeout
from homeport.core.purposes import DRIFT_PROBE
from homeport.drift.asking import Question, Reply
from homeport.providers.base import ProviderSetup
from homeport.providers.http_api import headers_of
from homeport.providers.openai_compatible import OpenAIOptions
from homeport.transport.http import HttpRequest, HttpResponse

ADDRESS = Address(url="http://gate/v1/", key="k", model="m", proof="proven")
YES = Question(prompt="Yes or no?")


def said(text: str = "yes", **more: Any) -> HttpResponse:
    top = [{"token": "yes", "logprob": -0.6}, {"token": "no", "logprob": -0.8}]
    logprobs = {"content": [{"token": "yes", "logprob": 0.001, "top_logprobs": top}]}
    choice = {"message": {"content": text}, "finish_reason": "length", "logprobs": logprobs}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    body = {"model": "m-2", "system_fingerprint": "fp", "choices": [choice], "usage": usage, **more}
    headers: dict[str, Any] = {"x-homeport-request-id": "req_1"}
    return answered(json.dumps(body).encode(), **headers)


def refused(status: int = 400, code: str = "invalid_value") -> HttpResponse:
    return answered(json.dumps({"error": {"message": "not so", "code": code}}).encode(), status)


class Asked:
    def __init__(self, *answers: HttpResponse) -> None:
        self.transport = ScriptedTransport(*answers)
        self.pauses: list[float] = []
        self.ask = Prober(self.transport, ADDRESS, now_ns=lambda: 5, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def ways(self) -> list[tuple[int, bool]]:
        bodies = [json.loads(request.body) for request in self.transport.requests]
        return [(body.get("top_logprobs", 0), "temperature" in body) for body in bodies]


async def test_an_answer_with_what_it_says_of_itself() -> None:
    asked = Asked(said())
    assert await asked.ask(YES) == Reply(
        text="yes",
        logprobs={"yes": 0.0, "no": -0.8},
        model="m-2",
        fingerprint="fp",
        input_tokens=9,
        output_tokens=1,
        request_id="req_1",
    )
    [request] = asked.transport.requests
    assert request.url == "http://gate/v1/chat/completions"
    assert request.headers["cache-control"] == "no-store", "an answer of the cache says nothing of the model"
    assert request.headers[HEADER] == "proven"
    body = json.loads(request.body)
    assert (body["max_tokens"], body["temperature"], body["top_logprobs"]) == (1, 0, 20)


@pytest.mark.parametrize("key", ["k", ""])
async def test_a_provider_that_is_asked_directly_is_told_nothing_of_it(key: str) -> None:
    transport = ScriptedTransport(said())
    await Prober(transport, Address(url="http://far/v1", key=key, model="m"))(YES)
    [request] = transport.requests
    setup = ProviderSetup(name="far", api_key=key, transport=transport, base_url="http://far/v1", options={}, seed=0)
    assert request.headers == headers_of(setup, OpenAIOptions, {}), "the headers of all requests"


async def test_what_is_not_wanted_is_not_asked_for() -> None:
    asked = Asked(said())
    await asked.ask(Question(prompt="x", sure=False))
    assert asked.ways == [(0, True)]


async def test_a_model_that_refuses_is_asked_in_the_next_way_from_then_on() -> None:
    asked = Asked(refused(), refused(), refused(), said(), said())
    assert (await asked.ask(YES)).sampled
    await asked.ask(YES)
    assert asked.ways == [(20, True), (5, True), (0, True), (20, False), (20, False)]


async def test_a_question_that_is_refused_in_every_way_changes_nothing_for_the_next() -> None:
    asked = Asked(*[refused()] * 6, said())
    assert (await asked.ask(YES)).error == "invalid_value"
    assert not (await asked.ask(YES)).sampled
    assert asked.ways[-1] == (20, True)


async def test_it_waits_for_what_waiting_mends() -> None:
    asked = Asked(refused(503, "busy"), refused(429, "busy"), said())
    assert (await asked.ask(YES)).text == "yes"
    assert asked.pauses == [2.0, 4.0]
    assert (await Asked(refused(503, "busy")).ask(YES)).error == "busy"


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (404, "x"), (429, "budget_exceeded")])
async def test_what_no_question_mends_ends_it(status: int, code: str) -> None:
    with pytest.raises(HomeportError, match="not so") as caught:
        await Asked(refused(status, code)).ask(YES)
    assert caught.value.code == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices": []}', b"\xff", b"[" * 100_000])
async def test_an_answer_that_is_none(body: bytes) -> None:
    assert (await Asked(answered(body)).ask(YES)).error == "upstream_bad_answer"


@pytest.mark.parametrize("odd", [{"usage": {"completion_tokens": "1"}}, {"model": 3}, {"system_fingerprint": []}])
async def test_what_an_answer_says_of_itself_may_be_anything(odd: dict[str, Any]) -> None:
    assert (await Asked(said(**odd)).ask(YES)).text == "yes"


async def test_a_gateway_that_does_not_answer() -> None:
    class Silent(ScriptedTransport):
        async def post(self, request: HttpRequest) -> HttpResponse:
            raise UpstreamTimeout("nothing came", code="upstream_first_token_timeout")

    async def sleep(seconds: float) -> None: ...

    reply = await Prober(Silent(), ADDRESS, sleep=sleep)(YES)
    assert reply.error == "upstream_first_token_timeout"


SETTINGS = Settings.model_validate(
    {
        "providers": {"far": {"provider": "openai_compatible", "base_url": "https://far.example/v1", "api_key": "s"}},
        "engines": {"near": {"engine": "external", "url": "http://127.0.0.1:1/v1", "hourly_cost_usd": "0"}},
        "tiers": [
            {"name": "t", "targets": [{"model": "big-7", "name": "big", "provider": "far"}]},
            {"name": "u", "targets": [{"model": "small", "engine": "near"}]},
        ],
    }
)


def test_where_a_model_is_asked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    with pytest.raises(HomeportError, match="no gateway runs"):
        address_of(SETTINGS, home, "big", "")
    home.address.write_text("http://127.0.0.1:8080")
    home.local_key.write_text("hp_1")
    near = address_of(SETTINGS, home, "big", "")
    assert (near.url, near.key, near.model) == ("http://127.0.0.1:8080/v1", "hp_1", "big")
    assert Purposes(read_pepper(home.pepper)).of(near.proof) == DRIFT_PROBE
    far = address_of(SETTINGS, home, "big", "far")
    assert (far.key, far.model, far.proof) == ("s", "big-7", "")
    assert far.url.startswith("https://far.example/v1")
    assert address_of(SETTINGS, home, "small", "near").url.startswith("http://127.0.0.1:1/v1")
    with pytest.raises(ConfigError) as caught:
        address_of(SETTINGS, home, "big", "nowhere")
    assert caught.value.code == "probe_upstream_unknown"
    assert repr(far) == "Address(https://far.example/v1, big-7)", "a key is in no log"

"""Asking engines, each in its own words for log-probabilities and rendered prompts."""

import json
from typing import Any

import pytest
from tests.fakes.transport import ScriptedTransport, answered

from homeport.bootstrap.answerer import EngineAnswerer, read_answer
from homeport.bootstrap.trial import Trial
from homeport.core.errors import BadAnswer, UpstreamRefused
from homeport.core.types import Surface
from homeport.engines.base import Endpoint
from homeport.evaluation.answers import Question, Runner, Token
from homeport.evaluation.results import Build
from homeport.transport.http import HttpResponse

CHAT = Question(messages=({"role": "user", "content": "hi"},), max_tokens=5, fields={"cache_prompt": False})
TOPS = [{"token": "a", "logprob": -0.1}, {"token": "c", "logprob": -3}, {"token": "b", "logprob": -2}]
TOLD = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": TOPS}]}
TOKEN = Token("a", -0.1, (Runner("b", -2.0), Runner("c", -3.0)))
CHOICE = {"message": {"content": "a"}, "logprobs": TOLD, "finish_reason": "length"}
ANSWER = {"choices": [CHOICE], "usage": {"prompt_tokens": 9}}
REFUSED = answered(b'{"error": {"message": "no logprobs"}}', 400)
APPLY = "/apply-template"
GONE = answered(b"{}", 404)


def said(body: object) -> HttpResponse:
    return answered(json.dumps(body).encode())


def answerer(*answers: HttpResponse, render: bool = False) -> tuple[EngineAnswerer, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    endpoint = Endpoint(
        url="http://127.0.0.1:1/v1", api_key="k", health_url="", surfaces=frozenset({Surface.CHAT}), slots=1
    )
    trial = Trial(build=Build(name="e"), endpoint=endpoint, model="m", transport=transport)
    return EngineAnswerer(trial, render=render, fields={"extra": 1}), transport


def asked(transport: ScriptedTransport) -> list[tuple[str, dict[str, Any]]]:
    return [(one.url.removeprefix("http://127.0.0.1:1"), json.loads(one.body)) for one in transport.requests]


async def test_a_chat_is_asked_greedily_with_log_probabilities() -> None:
    ask, transport = answerer(said(ANSWER))
    answer = await ask(CHAT)
    assert (answer.text, answer.tokens, answer.prompt_tokens, answer.finish) == ("a", (TOKEN,), 9, "length")
    [(path, body)] = asked(transport)
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "temperature": 0, "seed": 0,
        "logprobs": True, "top_logprobs": 5, "extra": 1, "cache_prompt": False,
    }  # fmt: skip
    assert transport.requests[0].headers["authorization"] == "Bearer k"


async def test_a_prompt_is_gone_on_with() -> None:
    told = {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1, "b": -2, "c": -3}]}
    ask, transport = answerer(said({"choices": [{"text": "a", "logprobs": told}]}))
    answer = await ask(Question(prompt="go", max_tokens=3))
    assert (answer.tokens, answer.rendered) == ((TOKEN,), "go")
    [(path, body)] = asked(transport)
    assert (path, body["prompt"], body["logprobs"]) == ("/v1/completions", "go", 5)


async def test_an_engine_without_log_probabilities_is_asked_without_them() -> None:
    plain = said({"choices": [{"message": {"content": "a"}}]})
    ask, transport = answerer(REFUSED, plain, plain)
    assert (await ask(CHAT)).tokens == ()
    await ask(CHAT)
    assert ["logprobs" in body for _, body in asked(transport)] == [True, False, False]


async def test_another_refusal_is_told() -> None:
    ask, _ = answerer(REFUSED, REFUSED)
    with pytest.raises(UpstreamRefused, match="no logprobs"):
        await ask(CHAT)
    ask, transport = answerer(GONE)
    with pytest.raises(UpstreamRefused):
        await ask(CHAT)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("answers", "rendered", "paths"),
    [
        ([said({"prompt": "<p>"})], "<p>", [APPLY]),
        ([GONE, said({"tokens": [1]}), said({"prompt": "<p>"})], "<p>", [APPLY, "/tokenize", "/detokenize"]),
        ([GONE, GONE], None, [APPLY, "/tokenize"]),
        ([answered(b"[]"), GONE], None, [APPLY, "/tokenize"]),
    ],
)  # fmt: skip
async def test_the_rendered_prompt_is_asked_in_each_engines_words(
    answers: list[HttpResponse], rendered: str | None, paths: list[str]
) -> None:
    ask, transport = answerer(said(ANSWER), *answers, render=True)
    assert (await ask(CHAT)).rendered == rendered
    assert [path for path, _ in asked(transport)][1:] == paths


@pytest.mark.parametrize(
    "body",
    [
        {}, {"choices": []}, {"choices": [{}]}, {"choices": "x"}, {"choices": [{"text": 5}]},
        {"choices": [{"text": "x", "logprobs": {"content": [{}]}}]},
        {"choices": [{"text": "x", "logprobs": {"content": 7}}]},
        {"choices": [{"text": "x", "logprobs": {"tokens": ["a", "b"], "token_logprobs": [1]}}]},
        {"choices": [{"message": None}]}, {"choices": [{"text": "x"}], "usage": 7},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_none(body: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        read_answer(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 100_000, b"\xff"])
async def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    ask, _ = answerer(answered(body))
    with pytest.raises(BadAnswer):
        await ask(CHAT)

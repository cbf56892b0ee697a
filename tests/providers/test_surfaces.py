"""The surfaces beside chats, at any server that speaks OpenAI's API: what is sent, and what counts as an answer."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from homeport.core.errors import BadAnswer, UpstreamRefused
from homeport.core.types import Surface, Usage
from homeport.providers.openai_compatible import connect
from homeport.transport.http import HttpRequest, HttpResponse, HttpStream
from tests.providers.calls import call, setup

RERANKED = {"results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 30}}
RESPONSE: dict[str, Any] = {"output": [], "error": None, "usage": {"input_tokens": 11, "output_tokens": 4}}
COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":' + (
    json.dumps(RESPONSE).encode() + b"}\n\n"
)


class OneAnswer:
    """`Transport` that gives one answer, and its own `HttpStream`."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.asked: list[HttpRequest] = []
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    async def post(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        return HttpResponse(status=200, raw_headers=(), body=self._body)

    @contextlib.asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[HttpStream]:
        self.asked.append(request)
        yield self

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def read(self, limit: int) -> bytes:
        return self._body[:limit]

    async def close(self) -> None: ...


def sent(transport: OneAnswer) -> tuple[str, dict[str, Any]]:
    [request] = transport.asked
    return request.url, json.loads(request.body)


@pytest.mark.parametrize(
    ("surface", "answer", "usage"),
    [
        (Surface.RERANK, RERANKED, Usage(input_tokens=30)),
        (Surface.RERANK, {**RERANKED, "usage": {"prompt_tokens": 20, "total_tokens": 20}}, Usage(input_tokens=20)),
        (Surface.RERANK, {"results": [], "meta": {"billed_units": {"search_units": 1}}}, None),
        (Surface.MODERATION, {"results": [{"flagged": False}]}, None),
        (Surface.RESPONSES, RESPONSE, Usage(input_tokens=11, output_tokens=4)),
    ],
)
async def test_whole_answers(surface: Surface, answer: dict[str, Any], usage: Usage | None) -> None:
    transport = OneAnswer(json.dumps(answer).encode())
    completion = await connect(setup(transport)).complete(call({"input": "x", "new": 1}, surface=surface))
    assert (json.loads(completion.body), completion.usage) == (answer, usage)
    body = {"model": "upstream-model", "input": "x", "new": 1}
    assert sent(transport) == (f"http://127.0.0.1:9/v1/{surface}", body)


@pytest.mark.parametrize("surface", [Surface.RERANK, Surface.MODERATION, Surface.RESPONSES])
async def test_the_answer_of_another_surface_is_none(surface: Surface) -> None:
    upstream = connect(setup(OneAnswer(b'{"choices":[],"data":[]}')))
    with pytest.raises(BadAnswer):
        await upstream.complete(call(surface=surface))


async def test_a_response_that_failed_is_a_refusal() -> None:
    failed = {**RESPONSE, "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    upstream = connect(setup(OneAnswer(json.dumps(failed).encode())))
    with pytest.raises(UpstreamRefused) as caught:
        await upstream.complete(call(surface=Surface.RESPONSES))
    assert (caught.value.code, caught.value.retryable) == ("upstream_rate_limited", True)


async def test_a_native_stream_is_asked_for_no_usage_because_it_always_tells() -> None:
    transport = OneAnswer(COMPLETED)
    fields = {"input": "x", "stream_options": {"include_obfuscation": False}}
    stream = connect(setup(transport)).stream(call(fields, surface=Surface.RESPONSES, stream=True))
    frames = [frame async for frame in stream]
    assert [(frame.data, frame.usage) for frame in frames] == [(COMPLETED, Usage(input_tokens=11, output_tokens=4))]
    assert sent(transport)[1]["stream_options"] == {"include_obfuscation": False}

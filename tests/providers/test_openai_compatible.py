import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.core.errors import (
    BadAnswer,
    ConfigError,
    ConnectFailed,
    StreamCut,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
)
from homeport.core.types import Frame, Surface, Timeouts, Usage
from homeport.providers.openai_compatible import OpenAICompatible, connect
from homeport.transport.fallback import AiohttpTransport
from tests.fakes.openai_server import TOOL_ARGUMENTS, Fault, OpenAIServer, answer_text
from tests.providers.calls import CHAT, PATIENT, call, chunks_of, setup, text_of

KEY = "sk-test-abcdefghijkl"
USAGE = Usage(input_tokens=11, cached_input_tokens=3, output_tokens=4, reasoning_tokens=1)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
def provider(server: OpenAIServer, transport: AiohttpTransport) -> OpenAICompatible:
    return connect(setup(transport, base_url=server.base_url, api_key=KEY))


async def frames_from(
    provider: OpenAICompatible, fields: dict[str, Any] | None = None, timeouts: Timeouts = PATIENT
) -> list[Frame]:
    return [frame async for frame in provider.stream(call(fields, stream=True, timeouts=timeouts))]


async def test_a_whole_answer(server: OpenAIServer, provider: OpenAICompatible) -> None:
    completion = await provider.complete(call({**CHAT, "temperature": 0.5, "unknown": {"a": [1]}}))
    assert completion.usage == USAGE
    message = json.loads(completion.body)["choices"][0]["message"]
    assert message["content"] == answer_text({"model": "upstream-model"})
    sent = server.requests[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.fields == {**CHAT, "model": "upstream-model", "temperature": 0.5, "unknown": {"a": [1]}}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("surface", "fields", "path"),
    [
        (Surface.COMPLETION, {"prompt": "a"}, "/v1/completions"),
        (Surface.EMBEDDING, {"input": "a"}, "/v1/embeddings"),
    ],
)
async def test_other_surfaces(
    server: OpenAIServer, provider: OpenAICompatible, surface: Surface, fields: dict[str, Any], path: str
) -> None:
    assert (await provider.complete(call(fields, surface=surface))).usage is not None
    assert server.requests[0].path == path


async def test_without_a_key_none_is_sent(server: OpenAIServer, transport: AiohttpTransport) -> None:
    await connect(setup(transport, base_url=server.base_url + "/")).complete(call())
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].path == "/v1/chat/completions"


async def test_options(server: OpenAIServer, transport: AiohttpTransport) -> None:
    options: dict[str, Any] = {
        "headers": {"X-Team": "a", "Authorization": "Basic b"},
        "deterministic_fields": {"seed": 1, "temperature": 0, "cache_prompt": False},
        "drop_fields": ["logit_bias", "stream_options", "model"],
    }
    provider = connect(setup(transport, base_url=server.base_url, api_key=KEY, **options))
    fields = {**CHAT, "seed": 5, "logit_bias": {}}
    async for _ in provider.stream(call(fields, stream=True, deterministic=True)):
        pass
    await provider.complete(call(fields))
    kept = {**CHAT, "seed": 5, "model": "upstream-model"}
    assert server.requests[0].fields == {**kept, "temperature": 0, "cache_prompt": False, "stream": True}
    assert server.requests[1].fields == kept
    assert server.requests[0].headers["x-team"] == "a"
    assert server.requests[0].headers["authorization"] == "Basic b"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": "x"}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
    ],
)
async def test_usage_is_always_asked_for(
    server: OpenAIServer, provider: OpenAICompatible, options: dict[str, Any], sent: dict[str, Any]
) -> None:
    frames = await frames_from(provider, {**CHAT, **options})
    assert server.requests[0].fields["stream_options"] == sent
    assert [frame.usage for frame in frames if frame.usage_only] == [USAGE]


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.CRLF, Fault.COMMENTS, Fault.SPLIT, Fault.BARE_DONE])
async def test_streams_that_are_well(server: OpenAIServer, provider: OpenAICompatible, fault: Fault) -> None:
    server.fault = fault
    frames = await frames_from(provider)
    assert text_of(frames) == answer_text({"model": "upstream-model"})
    assert [frame.usage_only for frame in frames if frame.closing] == [True, False]
    assert [frame.usage for frame in frames if frame.usage] == [USAGE]


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.SPLIT])
async def test_tool_calls(server: OpenAIServer, provider: OpenAICompatible, fault: Fault) -> None:
    server.fault = fault
    chunks = chunks_of(await frames_from(provider, {**CHAT, "tools": [{}]}))
    calls = [c for chunk in chunks for choice in chunk["choices"] for c in choice["delta"].get("tool_calls", [])]
    assert "".join(c["function"]["arguments"] for c in calls) == TOOL_ARGUMENTS


@pytest.mark.parametrize("fault", [Fault.MISSING_DONE, Fault.DUPLICATE_DONE, Fault.NEVER_CLOSES])
async def test_ends_of_streams(server: OpenAIServer, provider: OpenAICompatible, fault: Fault) -> None:
    server.fault = fault
    frames = await frames_from(provider)
    dones = sum(frame.data.strip() == b"data: [DONE]" for frame in frames)
    assert dones == (0 if fault is Fault.MISSING_DONE else 1)
    assert text_of(frames) == answer_text({"model": "upstream-model"})


async def test_missing_usage_is_unknown(server: OpenAIServer, provider: OpenAICompatible) -> None:
    server.fault = Fault.MISSING_USAGE
    assert (await provider.complete(call())).usage is None
    assert all(frame.usage is None for frame in await frames_from(provider))


async def test_running_usage(server: OpenAIServer, provider: OpenAICompatible) -> None:
    server.fault = Fault.RUNNING_USAGE
    frames = await frames_from(provider)
    assert {frame.usage for frame in frames if not frame.closing} == {USAGE}
    assert not any(frame.usage_only for frame in frames)


BROKEN = [
    (Fault.CUT, StreamCut, "upstream_stream_cut"),
    (Fault.TRUNCATED, StreamCut, "upstream_stream_cut"),
    (Fault.EARLY_END, StreamCut, "upstream_stream_cut"),
    (Fault.GARBAGE, StreamCut, "upstream_stream_cut"),
    (Fault.STALL, UpstreamTimeout, "upstream_stalled"),
    (Fault.SILENT, UpstreamTimeout, "upstream_first_token_timeout"),
    (Fault.ERROR_EVENT, UpstreamRefused, "upstream_failed"),
    (Fault.EMPTY, BadAnswer, "upstream_bad_answer"),
    (Fault.WRONG_TYPE, BadAnswer, "upstream_bad_answer"),
    (Fault.NOT_AN_ANSWER, BadAnswer, "upstream_bad_answer"),
    (Fault.STATUS, UpstreamRefused, "upstream_failed"),
]
SHORT = Timeouts(connect=5, first_token=0.5, between_tokens=0.5, total=20)


@pytest.mark.parametrize(("fault", "kind", "code"), BROKEN)
async def test_broken_streams(
    server: OpenAIServer, transport: AiohttpTransport, fault: Fault, kind: type[UpstreamError], code: str
) -> None:
    server.fault = fault
    with pytest.raises(kind) as caught:
        await frames_from(connect(setup(transport, base_url=server.base_url)), timeouts=SHORT)
    assert caught.value.code == code
    await server.wait_idle()


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault.TRUNCATED, StreamCut, "upstream_stream_cut"),
        (Fault.GARBAGE, BadAnswer, "upstream_bad_answer"),
        (Fault.EMPTY, BadAnswer, "upstream_bad_answer"),
        (Fault.WRONG_TYPE, BadAnswer, "upstream_bad_answer"),
        (Fault.NOT_AN_ANSWER, BadAnswer, "upstream_bad_answer"),
        (Fault.SILENT, UpstreamTimeout, "upstream_total_timeout"),
        (Fault.STATUS, UpstreamRefused, "upstream_failed"),
    ],
)
async def test_broken_answers(
    server: OpenAIServer, transport: AiohttpTransport, fault: Fault, kind: type[UpstreamError], code: str
) -> None:
    server.fault = fault
    with pytest.raises(kind) as caught:
        await connect(setup(transport, base_url=server.base_url)).complete(call(timeouts=Timeouts(total=0.5)))
    assert caught.value.code == code


@pytest.mark.parametrize("stream", [False, True])
async def test_a_rate_limit_says_when_to_come_back(
    server: OpenAIServer, provider: OpenAICompatible, stream: bool
) -> None:
    server.fault, server.status, server.retry_after = Fault.STATUS, 429, "17"
    with pytest.raises(UpstreamRefused) as caught:
        await (frames_from(provider) if stream else provider.complete(call()))
    assert (caught.value.code, caught.value.retry_after, caught.value.retryable) == ("upstream_rate_limited", 17, True)


async def test_a_rejection_is_told_without_the_key(server: OpenAIServer, provider: OpenAICompatible) -> None:
    server.fault, server.status = Fault.STATUS, 400
    server.error_body = b'{"error":{"message":"key %s may not set top_k"}}' % KEY.encode()
    with pytest.raises(UpstreamRefused) as caught:
        await provider.complete(call())
    assert "may not set top_k" in caught.value.message
    assert KEY not in caught.value.message


@pytest.mark.parametrize("body", [b'{"error":{"message":"no","code":502}}', b'{"error":"no","choices":[]}'])
async def test_an_error_under_status_200(server: OpenAIServer, provider: OpenAICompatible, body: bytes) -> None:
    server.fault, server.status, server.error_body = Fault.STATUS, 200, body
    with pytest.raises(UpstreamRefused) as caught:
        await provider.complete(call())
    assert caught.value.status in {500, 502}


@pytest.mark.parametrize("body", [b"[]", b'"x"', b'{"choices":[]}x', b'{"choices":["\xff"]}', b"[" * 20_000])
async def test_bodies_that_are_not_answers(server: OpenAIServer, provider: OpenAICompatible, body: bytes) -> None:
    server.fault, server.status, server.error_body = Fault.STATUS, 200, body
    with pytest.raises(BadAnswer):
        await provider.complete(call())


async def test_usage_that_cannot_be_read_does_not_spoil_the_answer(
    server: OpenAIServer, provider: OpenAICompatible
) -> None:
    server.fault, server.status = Fault.STATUS, 200
    server.error_body = b'{"choices":[],"usage":{"prompt_tokens":1e999}}'
    completion = await provider.complete(call())
    assert completion.body == server.error_body
    assert completion.usage is None


async def test_redirects_are_not_followed(server: OpenAIServer, provider: OpenAICompatible) -> None:
    server.fault, server.status, server.error_body = Fault.STATUS, 307, b'{"choices":[]}'
    for answer in (provider.complete(call()), frames_from(provider)):
        with pytest.raises(BadAnswer):
            await answer


async def test_nobody_there(transport: AiohttpTransport) -> None:
    with pytest.raises(ConnectFailed):
        await connect(setup(transport, base_url="http://127.0.0.1:1/v1")).complete(call())


async def test_a_finished_stream_keeps_its_connection(server: OpenAIServer, provider: OpenAICompatible) -> None:
    ports = set()
    for _ in range(3):
        await frames_from(provider)
        ports.add(server.requests[-1].port)
    assert len(ports) == 1


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.STALL])
async def test_cancelling_reaches_the_server(server: OpenAIServer, provider: OpenAICompatible, fault: Fault) -> None:
    server.fault = fault
    task = asyncio.create_task(frames_from(provider))
    await server.wait_running()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.wait_idle()


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("provider_option_invalid", {"unknown": 1}),
        ("provider_option_invalid", {"headers": {"a": 1}}),
        ("provider_option_invalid", {"headers": {"a": "b\r\nc: d"}}),
        ("provider_option_invalid", {"headers": {"a b": "c"}}),
        ("provider_option_invalid", {"drop_fields": "model"}),
        ("provider_option_invalid", {"drop_fields": [""]}),
        ("provider_option_invalid", {"deterministic_fields": []}),
        ("provider_key_invalid", {"api_key": "sk-1\n"}),
        ("provider_key_invalid", {"api_key": "“sk-1”"}),
        ("provider_url_invalid", {"base_url": "api.openai.com/v1"}),
        ("provider_url_invalid", {"base_url": "file:///etc/passwd"}),
        ("provider_url_invalid", {"base_url": "http://"}),
        ("provider_url_invalid", {"base_url": "http://[::1"}),
        ("provider_url_invalid", {"base_url": "http://h:99999"}),
    ],
)
def test_settings_that_cannot_be_right(code: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(setup(AiohttpTransport(), **given))
    assert caught.value.code == code
    assert caught.value.hint
    assert "sk-1" not in caught.value.message

"""The Anthropic provider against a server that speaks Anthropic's API."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.core.errors import BadAnswer, ConfigError, StreamCut, UpstreamError, UpstreamRefused
from homeport.core.types import Frame, Surface, UpstreamCall, Usage
from homeport.providers.anthropic import SURFACES, Anthropic, connect
from homeport.transport.fallback import AiohttpTransport
from tests.fakes.anthropic_server import TOKENS, AnthropicServer
from tests.fakes.openai_server import Fault, answer_text
from tests.providers.calls import CHAT, call, chunks_of, setup, text_of

KEY = "sk-ant-test-abcdefghijkl"
USAGE = Usage(
    input_tokens=11,
    cached_input_tokens=3,
    cache_write_tokens=3,
    long_cache_write_tokens=1,
    output_tokens=4,
    reasoning_tokens=1,
)
MESSAGES: dict[str, Any] = {"max_tokens": 64, **CHAT, "unknown": {"b": 1.0, "a": [1]}}


@pytest.fixture
async def server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
def provider(server: AnthropicServer, transport: AiohttpTransport) -> Anthropic:
    return connect(setup(transport, base_url=server.base_url, api_key=KEY))


def messages(fields: dict[str, Any] | None = None, *, stream: bool = False) -> UpstreamCall:
    return call(MESSAGES if fields is None else fields, surface=Surface.MESSAGES, stream=stream)


async def frames_from(provider: Anthropic, asked: UpstreamCall) -> list[Frame]:
    return [frame async for frame in provider.stream(asked)]


def test_it_speaks_both() -> None:
    assert {Surface.CHAT, Surface.MESSAGES} == SURFACES


async def test_a_messages_call_passes_through(server: AnthropicServer, provider: Anthropic) -> None:
    completion = await provider.complete(messages())
    [sent] = server.requests
    assert sent.path == "/v1/messages"
    assert sent.fields == {**MESSAGES, "model": "upstream-model"}
    assert (sent.headers["x-api-key"], sent.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in sent.headers
    assert completion.usage == USAGE
    assert json.loads(completion.body)["content"] == [
        {"type": "text", "text": answer_text({"model": "upstream-model"})}
    ]


async def test_a_messages_stream_passes_through(server: AnthropicServer, provider: Anthropic) -> None:
    frames = await frames_from(provider, messages(stream=True))
    assert server.requests[0].fields["stream"] is True
    told = b"".join(frame.data for frame in frames)
    assert told.startswith(b"event: message_start\n")
    assert told.endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')
    assert [frame.usage for frame in frames if frame.usage and not frame.usage.estimated] == [USAGE]


async def test_a_chat_call_is_translated(server: AnthropicServer, provider: Anthropic) -> None:
    chat = {
        "messages": [{"role": "system", "content": "Be brief."}, *CHAT["messages"]],
        "temperature": 1.5,
        "stop": "#",
    }
    completion = await provider.complete(call(chat))
    assert server.requests[0].fields == {
        "model": "upstream-model",
        "max_tokens": 8192,
        "system": "Be brief.",
        "messages": CHAT["messages"],
        "temperature": 1,
        "stop_sequences": ["#"],
    }
    answer = json.loads(completion.body)
    assert answer["object"] == "chat.completion"
    assert answer["created"] > 1_700_000_000
    assert answer["choices"][0]["message"]["content"] == answer_text({"model": "upstream-model"})
    assert answer["usage"]["prompt_tokens"] == 11
    assert completion.usage == USAGE


async def test_a_chat_stream_is_translated(provider: Anthropic) -> None:
    frames = await frames_from(provider, call(stream=True))
    assert text_of(frames) == answer_text({"model": "upstream-model"})
    assert chunks_of(frames)[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert frames[-1].data == b"data: [DONE]\n\n"


async def test_tools_are_called_in_a_stream_as_in_whole(provider: Anthropic) -> None:
    tools = {**CHAT, "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]}
    whole = json.loads((await provider.complete(call(tools))).body)["choices"][0]["message"]["tool_calls"]
    deltas = [
        delta["tool_calls"][0]
        for chunk in chunks_of(await frames_from(provider, call(tools, stream=True)))
        for choice in chunk["choices"]
        if "tool_calls" in (delta := choice["delta"])
    ]
    arguments = "".join(delta["function"].get("arguments", "") for delta in deltas)
    assert json.loads(arguments) == json.loads(whole[0]["function"]["arguments"])
    assert deltas[0]["id"] == whole[0]["id"]


async def test_options(server: AnthropicServer, transport: AiohttpTransport) -> None:
    headers = {"Anthropic-Version": "2099-01-01", "anthropic-beta": "one-2025-01-01"}
    options: dict[str, Any] = {"headers": headers, "max_tokens": 7, "drop_fields": ["temperature", "n"]}
    provider = connect(setup(transport, base_url=server.base_url, api_key=KEY, **options))
    betas = ["two-2025-01-01", "one-2025-01-01"]
    await provider.complete(call({**CHAT, "temperature": 0.3, "n": 4, "anthropic_beta": betas}))
    await provider.complete(messages({**MESSAGES, "temperature": 0.3}))
    chat, native = server.requests
    assert chat.headers["anthropic-version"] == "2099-01-01"
    assert chat.headers["anthropic-beta"] == "one-2025-01-01,two-2025-01-01"
    assert native.headers["anthropic-beta"] == "one-2025-01-01"
    assert chat.fields["max_tokens"] == 7
    assert not {"temperature", "n", "anthropic_beta"} & chat.fields.keys()
    assert "temperature" not in native.fields


@pytest.mark.parametrize("betas", [["a\r\nx-evil: 1"], ["a b"], [1], {"a": 1}, "ü", [""]])
async def test_betas_that_no_header_can_carry(server: AnthropicServer, provider: Anthropic, betas: Any) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        await provider.complete(messages({**MESSAGES, "anthropic_beta": betas}))
    assert (caught.value.status, caught.value.retryable) == (400, False)
    assert server.requests == []


async def test_what_cannot_be_said_is_refused_before_anything_is_sent(
    server: AnthropicServer, provider: Anthropic
) -> None:
    for asked in (
        provider.complete(call({**CHAT, "n": 2})),
        frames_from(provider, call({**CHAT, "n": 2}, stream=True)),
    ):
        with pytest.raises(UpstreamRefused) as caught:
            await asked
        assert (caught.value.status, caught.value.retryable) == (400, False)
        assert caught.value.code == "upstream_rejected_request"
        assert "`n`" in caught.value.message
    assert server.requests == []


def error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (400, "invalid_request_error", "upstream_rejected_request", False),
        (401, "authentication_error", "upstream_auth_failed", True),
        (402, "billing_error", "upstream_unpaid", True),
        (403, "permission_error", "upstream_auth_failed", True),
        (404, "not_found_error", "upstream_model_missing", True),
        (413, "request_too_large", "upstream_rejected_request", False),
        (429, "rate_limit_error", "upstream_rate_limited", True),
        (500, "api_error", "upstream_failed", True),
        (504, "timeout_error", "upstream_failed", True),
        (529, "overloaded_error", "upstream_failed", True),
    ],
)
async def test_refusals(
    server: AnthropicServer, provider: Anthropic, status: int, kind: str, code: str, retryable: bool
) -> None:
    server.fault, server.status, server.retry_after = Fault.STATUS, status, "7"
    server.error_body = error(kind, f"no, {KEY}")
    for asked in (provider.complete(call()), frames_from(provider, messages(stream=True))):
        with pytest.raises(UpstreamRefused) as caught:
            await asked
        refusal = caught.value
        assert (refusal.status, refusal.code, refusal.retryable) == (status, code, retryable)
        assert KEY not in refusal.message
        assert refusal.retry_after == (7 if retryable else 0)


async def test_an_account_without_credit_is_not_the_callers_fault(server: AnthropicServer, provider: Anthropic) -> None:
    server.fault, server.status = Fault.STATUS, 400
    server.error_body = error("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
    with pytest.raises(UpstreamRefused) as caught:
        await provider.complete(call())
    assert (caught.value.code, caught.value.retryable) == ("upstream_unpaid", True)


@pytest.mark.parametrize("surface", [Surface.CHAT, Surface.MESSAGES])
async def test_an_error_inside_a_stream(server: AnthropicServer, provider: Anthropic, surface: Surface) -> None:
    server.fault = Fault.ERROR_EVENT
    with pytest.raises(UpstreamRefused) as caught:
        await frames_from(provider, call(MESSAGES, surface=surface, stream=True))
    assert (caught.value.status, caught.value.retryable) == (529, True)


@pytest.mark.parametrize("surface", [Surface.CHAT, Surface.MESSAGES])
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.EARLY_END, Fault.MISSING_DONE, Fault.TRUNCATED])
async def test_a_stream_without_its_end(
    server: AnthropicServer, provider: Anthropic, surface: Surface, fault: Fault
) -> None:
    server.fault = fault
    with pytest.raises(StreamCut):
        await frames_from(provider, call(MESSAGES, surface=surface, stream=True))


@pytest.mark.parametrize("surface", [Surface.CHAT, Surface.MESSAGES])
@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.EMPTY, Fault.WRONG_TYPE, Fault.NOT_AN_ANSWER])
async def test_what_is_no_message_is_no_answer(
    server: AnthropicServer, provider: Anthropic, surface: Surface, fault: Fault
) -> None:
    server.fault = fault
    with pytest.raises(BadAnswer):
        await provider.complete(call(MESSAGES, surface=surface))
    with pytest.raises(UpstreamError):
        await frames_from(provider, call(MESSAGES, surface=surface, stream=True))


@pytest.mark.parametrize("fault", [Fault.CRLF, Fault.COMMENTS, Fault.SPLIT, Fault.DUPLICATE_DONE, Fault.BARE_DONE])
async def test_habits_of_servers(server: AnthropicServer, provider: Anthropic, fault: Fault) -> None:
    server.fault = fault
    assert text_of(await frames_from(provider, call(stream=True))) == answer_text({"model": "upstream-model"})
    assert (await frames_from(provider, messages(stream=True)))[-1].closing


async def test_without_usage(server: AnthropicServer, provider: Anthropic) -> None:
    server.fault = Fault.MISSING_USAGE
    assert (await provider.complete(call())).usage is None
    frames = await frames_from(provider, call(stream=True))
    assert [frame.usage for frame in frames if frame.usage] == []
    assert frames[-1].closing


async def test_a_prompt_is_counted(server: AnthropicServer, provider: Anthropic) -> None:
    assert await provider.count_tokens(messages(CHAT)) == TOKENS
    assert server.requests[0].path == "/v1/messages/count_tokens"
    assert server.requests[0].fields == {**CHAT, "model": "upstream-model"}
    server.fault = Fault.NOT_AN_ANSWER
    with pytest.raises(BadAnswer):
        await provider.count_tokens(messages(CHAT))


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("provider_option_invalid", {"headers": {"a": "b\r\n"}}),
        ("provider_option_invalid", {"max_tokens": 0}),
        ("provider_key_invalid", {"api_key": "sk-1\n"}),
        ("provider_url_invalid", {"base_url": "api.anthropic.com"}),
    ],
)
def test_settings_that_cannot_be_right(code: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(setup(AiohttpTransport(), **given))
    assert caught.value.code == code

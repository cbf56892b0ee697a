"""Predictions: created, followed, cancelled, and never followed to a stranger."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, ConfigError, InvalidRequest, UpstreamError, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Timeouts, Usage
from homeport.protocols.replicate import DEFAULT_INPUT, prediction_input, read_prediction, read_usage
from homeport.providers.replicate import Replicate, connect, is_trusted
from homeport.transport.fallback import AiohttpTransport
from tests.fakes.replicate_server import ReplicateServer
from tests.fakes.transport import ScriptedTransport, answered
from tests.providers.calls import CHAT, call, setup, text_of

BASE = "https://api.replicate.com/v1"


def raw(fields: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(fields), type=dict[str, msgspec.Raw])


def given_to(template: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return prediction_input(raw({**CHAT, **fields}), DEFAULT_INPUT if template is None else template)


@pytest.fixture
async def server() -> AsyncIterator[ReplicateServer]:
    async with ReplicateServer() as running:
        yield running


@pytest.fixture
async def replicate(server: ReplicateServer) -> AsyncIterator[Replicate]:
    transport = AiohttpTransport()
    upstream = connect(setup(transport, base_url=server.base_url, api_key="r8-key", poll_seconds=0.001, wait_seconds=1))
    yield upstream
    await upstream.close()
    await transport.close()


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        ("meta/llama", "/v1/models/meta/llama/predictions", None),
        ("deployments/acme/ours", "/v1/deployments/acme/ours/predictions", None),
        ("acme/ours:5c7d", "/v1/predictions", "acme/ours:5c7d"),
        ("5c7d", "/v1/predictions", "5c7d"),
    ],
)
async def test_where_a_prediction_is_made(
    server: ReplicateServer, replicate: Replicate, model: str, path: str, version: str | None
) -> None:
    await replicate.complete(call({**CHAT, "max_tokens": 4}, model=model))
    [request] = server.requests
    assert request.path == path
    assert request.fields.get("version") == version
    assert request.fields["input"] == {"prompt": "Which clause ends the contract?", "max_tokens": 4}
    assert request.headers["prefer"] == "wait=1"
    assert request.headers["cancel-after"] == "60s"
    assert request.headers["authorization"] == "Bearer r8-key"


async def test_a_slow_prediction_is_polled(server: ReplicateServer, replicate: Replicate) -> None:
    server.looks = 3
    completion = await replicate.complete(call({**CHAT, "max_tokens": 4}, model="meta/llama"))
    assert server.looked == 3
    assert not server.cancelled
    answer = json.loads(completion.body)
    assert answer["choices"][0]["message"]["content"] == server.text()
    # As many tokens as were allowed: it was cut.
    assert answer["choices"][0]["finish_reason"] == "length"
    assert completion.usage == Usage(input_tokens=11, output_tokens=4, engine_ns=1_500_000_000)


async def test_a_prediction_that_takes_too_long_is_cancelled(server: ReplicateServer, replicate: Replicate) -> None:
    server.looks = 10**9
    with pytest.raises(UpstreamTimeout) as caught:
        await replicate.complete(call(CHAT, timeouts=Timeouts(total=0.2)))
    assert caught.value.code == "upstream_total_timeout"
    await replicate.close()
    assert server.cancelled == ["fake-1"]


async def test_a_model_that_cannot_stream_has_no_longer_than_others(
    server: ReplicateServer, replicate: Replicate
) -> None:
    server.looks = 10**9
    server.urls = {"stream": ""}
    with pytest.raises(UpstreamTimeout) as caught:
        await anext(replicate.stream(call(CHAT, stream=True, timeouts=Timeouts(total=0.2))))
    assert caught.value.code == "upstream_total_timeout"
    await replicate.close()
    assert server.cancelled == ["fake-1"]


async def test_a_caller_who_leaves_cancels_the_prediction(server: ReplicateServer, replicate: Replicate) -> None:
    server.looks = 10**9
    task = asyncio.create_task(replicate.complete(call(CHAT)))
    await server.seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await replicate.close()
    assert server.cancelled == ["fake-1"]


async def test_a_stream_that_is_closed_cancels_the_prediction(server: ReplicateServer, replicate: Replicate) -> None:
    frames = replicate.stream(call(CHAT, stream=True))
    assert (await anext(frames)).data
    await frames.aclose()
    await replicate.close()
    assert server.cancelled == ["fake-1"]


async def test_a_model_that_cannot_stream_says_all_at_once(server: ReplicateServer, replicate: Replicate) -> None:
    server.urls = {"stream": ""}
    server.looks = 2
    frames = [frame async for frame in replicate.stream(call(CHAT, stream=True))]
    assert text_of(frames) == server.text()
    assert frames[-2].usage_only


async def test_a_failed_prediction_keeps_its_words(server: ReplicateServer, replicate: Replicate) -> None:
    server.failing = True
    with pytest.raises(UpstreamRefused) as caught:
        await replicate.complete(call(CHAT))
    assert caught.value.retryable
    assert "Traceback" not in caught.value.message
    with pytest.raises(UpstreamRefused):
        [frame async for frame in replicate.stream(call(CHAT, stream=True))]


@pytest.mark.parametrize("output", [{"text": "x"}, [1], ["https://h/x.png", {}], 5, True])
async def test_output_that_is_no_text(server: ReplicateServer, replicate: Replicate, output: Any) -> None:
    server.output = output
    with pytest.raises(BadAnswer):
        await replicate.complete(call(CHAT))


STRANGERS = [
    "https://evil.example/v1/predictions/1",
    "http://api.replicate.com/v1/predictions/1",
    "https://api.replicate.com.evil.example/",
    "https://evilreplicate.com/",
    "https://api.replicate.com@evil.example/",
    "https://user:pw@stream.replicate.com/",
    "https://stream.replicate.com:8443/",
    "https://evil.example\\.replicate.com/",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "//api.replicate.com/x",
    "https://[::1/",
    "https://api.replicate.com/\r\nx: y",
    "https://\u0430pi.replicate.com/",
]


@pytest.mark.parametrize("url", STRANGERS)
def test_strangers_are_not_followed(url: str) -> None:
    assert not is_trusted(url, BASE)
    assert not is_trusted(url, "http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    "url", [f"{BASE}/predictions/1", "https://stream.replicate.com/v1/files/x", "https://API.replicate.com/"]
)
def test_its_own_are(url: str) -> None:
    assert is_trusted(url, BASE)


@pytest.mark.parametrize("name", ["get", "stream", "cancel"])
async def test_no_key_goes_to_a_stranger(name: str) -> None:
    urls = {"get": f"{BASE}/predictions/1", name: "https://evil.example/x"}
    transport = ScriptedTransport(answered(json.dumps({"id": "1", "status": "starting", "urls": urls}).encode()))
    upstream = connect(setup(transport, base_url=BASE, api_key="r8-key"))
    for answer in (upstream.complete(call(CHAT)), anext(upstream.stream(call(CHAT, stream=True)))):
        with pytest.raises(BadAnswer):
            await answer
    await upstream.close()
    assert {request.url for request in transport.requests} == {f"{BASE}/predictions"}


def test_templates() -> None:
    template = {"prompt": "{prompt}", "image": "{image}", "max_new_tokens": "{max_tokens}", "style": "plain", "n": 2}
    image = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
    content = [{"type": "text", "text": "See."}, image]
    assert given_to(template, messages=[{"role": "user", "content": content}], max_completion_tokens=5) == {
        "prompt": "See.",
        "image": "https://h/a.png",
        "max_new_tokens": 5,
        "style": "plain",
        "n": 2,
    }
    with pytest.raises(ConfigError):
        connect(setup(ScriptedTransport(), base_url=BASE, input={"prompt": "{promt}"}))


def test_a_dialogue() -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Bye"},
    ]
    told = given_to(messages=said, stop=["a", "b"], temperature=0.5, seed=3)
    assert told == {
        "prompt": "User: Hello\n\nAssistant: Hi.\n\nUser: Bye\n\nAssistant:",
        "system_prompt": "Be brief.",
        "stop_sequences": "a,b",
        "temperature": 0.5,
        "seed": 3,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function"}]},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
        {"logprobs": True},
        {"no_such_field": 1},
        {"stop": "a,b"},
        {"temperature": "hot"},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ],
)
def test_what_has_no_place_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        given_to(**fields)


def test_a_system_prompt_without_a_place_is_refused() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    with pytest.raises(InvalidRequest) as caught:
        given_to({"prompt": "{prompt}"}, messages=messages)
    assert caught.value.param == "messages"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({"id": JSON, "status": JSON}, optional={"output": JSON, "metrics": JSON, "urls": JSON}))
def test_predictions_that_make_no_sense(said: dict[str, Any]) -> None:
    try:
        prediction = read_prediction(json.dumps(said).encode())
    except BadAnswer:
        return
    usage = read_usage(prediction, "p", "t")
    assert usage is None or (usage.input_tokens >= 0 and usage.engine_ns >= 0)


@given(st.dictionaries(st.sampled_from(["messages", "stop", "seed", "n", "tools", "max_tokens"]), JSON))
def test_requests_that_make_no_sense(fields: dict[str, Any]) -> None:
    try:
        assert "prompt" in given_to(**fields)
    except InvalidRequest as error:
        assert error.message  # noqa: PT017 # either ending is right


@pytest.mark.parametrize(
    ("metrics", "usage"),
    [
        ({}, None),
        ({"predict_time": -1}, None),
        ({"predict_time": 2}, Usage(input_tokens=2, output_tokens=1, engine_ns=2_000_000_000, estimated=True)),
        ({"input_token_count": 5, "output_token_count": 6}, Usage(input_tokens=5, output_tokens=6)),
        ({"input_token_count": "5", "output_token_count": True}, None),
    ],
)
def test_usage(metrics: dict[str, Any], usage: Usage | None) -> None:
    prediction = read_prediction(json.dumps({"id": "1", "status": "succeeded", "metrics": metrics}).encode())
    assert read_usage(prediction, "12345", "1234") == usage


async def test_an_unreachable_cancellation_harms_nobody() -> None:
    """The prediction then ends by `cancel-after`."""
    starting = json.dumps({"id": "1", "status": "starting", "urls": {"cancel": f"{BASE}/c"}}).encode()
    upstream = connect(setup(ScriptedTransport(answered(starting), answered(b"", 500)), base_url=BASE))
    with pytest.raises(UpstreamError):
        await upstream.complete(call(CHAT))
    await upstream.close()

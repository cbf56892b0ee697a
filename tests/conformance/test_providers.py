"""Every provider, shipped or installed, must pass this suite.

A new provider adds one entry to `FIXTURES`: how to bring up something that it can talk to.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from homeport.core.discovery import discover, load
from homeport.core.errors import ConfigError, UpstreamError
from homeport.core.ports import Upstream
from homeport.core.types import Frame, Surface, Timeouts, UpstreamCall
from homeport.providers.base import ProviderSetup
from homeport.transport.fallback import AiohttpTransport
from homeport.transport.http import Transport
from tests.fakes.anthropic_server import AnthropicServer
from tests.fakes.gemini_server import GeminiServer
from tests.fakes.openai_server import Fault, OpenAIServer
from tests.fakes.replicate_server import ReplicateServer
from tests.providers.calls import CHAT, PATIENT, call, setup, text_of

PACKAGE = "homeport.providers"
OPENAI = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING})
SHORT = Timeouts(connect=5, first_token=0.3, between_tokens=0.3, total=1)


async def nothing_to_wait_for() -> None:
    return


@dataclass
class Peer:
    """What a provider talks to.

    Attributes:
        options: given to the provider while all is well.
        broken: ways to be broken, as options for the provider or changes to the peer.
        stall: make answers stop in the middle; gives the options to use.
        idle: returns when nothing is open between the two.
    """

    base_url: str = "http://127.0.0.1:9/v1"
    options: dict[str, Any] = field(default_factory=dict)
    broken: list[Callable[[], dict[str, Any]]] = field(default_factory=list)
    stall: Callable[[], dict[str, Any]] = dict
    idle: Callable[[], Any] = nothing_to_wait_for
    surfaces: frozenset[Surface] = OPENAI


@asynccontextmanager
async def over_http(
    server: OpenAIServer, surfaces: frozenset[Surface] = OPENAI, options: dict[str, Any] | None = None
) -> AsyncIterator[Peer]:
    well = options or {}
    async with server:

        def breaking(fault: Fault, status: int = 500) -> Callable[[], dict[str, Any]]:
            def arrange() -> dict[str, Any]:
                server.fault, server.status = fault, status
                return well

            return arrange

        harmless = {Fault.NONE, Fault.SLOW, Fault.STATUS}
        faults = [breaking(fault) for fault in Fault if fault not in harmless]
        statuses = [400, 401, 403, 404, 408, 409, 413, 418, 422, 425, 429, 500, 502, 503, 504, 529]
        yield Peer(
            base_url=server.base_url,
            options=well,
            surfaces=surfaces,
            broken=faults + [breaking(Fault.STATUS, status) for status in statuses],
            stall=breaking(Fault.STALL),
            idle=server.wait_idle,
        )


@asynccontextmanager
async def in_process() -> AsyncIterator[Peer]:
    well: dict[str, Any] = {"latency_ms": 0, "tokens_per_second": 0}
    rates = ["error_rate", "stall_rate", "cut_rate", "missing_usage_rate"]
    yield Peer(
        options=well,
        broken=[lambda rate=rate: {**well, rate: 1} for rate in rates],  # type: ignore[misc]
        stall=lambda: {**well, "stall_rate": 1},
    )


FIXTURES: dict[str, Callable[[], AbstractAsyncContextManager[Peer]]] = {
    "anthropic": lambda: over_http(AnthropicServer(), frozenset({Surface.CHAT})),
    "azure": lambda: over_http(OpenAIServer(path="/openai/v1/{surface:.+}")),
    "fireworks": lambda: over_http(OpenAIServer()),
    "gemini": lambda: over_http(GeminiServer(), frozenset({Surface.CHAT, Surface.EMBEDDING})),
    "openai": lambda: over_http(OpenAIServer()),
    "openai_compatible": lambda: over_http(OpenAIServer()),
    "replicate": lambda: over_http(
        ReplicateServer(looks=1), frozenset({Surface.CHAT}), {"poll_seconds": 0.001, "wait_seconds": 1}
    ),
    "simulated": in_process,
    "together": lambda: over_http(OpenAIServer()),
}


class Bench:
    """One provider beside its peer, for one test."""

    def __init__(self, name: str, peer: Peer, transport: Transport) -> None:
        self.name = name
        self.peer = peer
        self.transport = transport

    def needs(self, surface: Surface) -> None:
        """Skip where the API behind this provider has no such surface."""
        if surface not in self.peer.surfaces:
            pytest.skip(f"{self.name} does not answer {surface.value}")

    def settings(self, options: dict[str, Any]) -> ProviderSetup:
        return setup(self.transport, base_url=self.peer.base_url, **options)

    def connect(self, options: dict[str, Any] | None = None) -> Upstream:
        settings = self.settings(self.peer.options if options is None else options)
        upstream: Upstream = load(PACKAGE, self.name).connect(settings)
        return upstream


@pytest.fixture(params=discover(PACKAGE))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    name = str(request.param)
    if name not in FIXTURES:
        pytest.fail(f"provider {name!r} has no fixture: add one to FIXTURES in tests/conformance/test_providers.py")
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(FIXTURES[name]())
        transport = AiohttpTransport()
        stack.push_async_callback(transport.close)
        yield Bench(name, peer, transport)


FIELDS: dict[Surface, dict[str, Any]] = {
    Surface.CHAT: {**CHAT, "seed": 3},
    Surface.COMPLETION: {"prompt": "Which clause ends the contract?", "seed": 3},
    Surface.EMBEDDING: {"input": "Which clause ends the contract?"},
}
ANSWERS = [Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING]
STREAMS = [Surface.CHAT, Surface.COMPLETION]


def ask(surface: Surface = Surface.CHAT, *, stream: bool = False, timeouts: Timeouts = PATIENT) -> UpstreamCall:
    return call(FIELDS[surface], surface=surface, stream=stream, timeouts=timeouts)


async def frames_of(upstream: Upstream, surface: Surface = Surface.CHAT, timeouts: Timeouts = PATIENT) -> list[Frame]:
    return [frame async for frame in upstream.stream(ask(surface, stream=True, timeouts=timeouts))]


def test_every_provider_has_a_fixture() -> None:
    assert set(discover(PACKAGE)) <= set(FIXTURES), "add the new provider to FIXTURES"
    assert set(FIXTURES) <= set(discover(PACKAGE)), "a fixture is left of a provider that is gone"


@pytest.mark.parametrize("surface", ANSWERS)
async def test_a_whole_answer_is_json_with_usage(bench: Bench, surface: Surface) -> None:
    bench.needs(surface)
    completion = await bench.connect().complete(ask(surface))
    answer = json.loads(completion.body)
    assert answer["data"] if surface is Surface.EMBEDDING else answer["choices"]
    assert answer["model"] == "upstream-model"
    assert completion.usage is not None
    assert completion.usage.input_tokens > 0
    assert (completion.usage.output_tokens > 0) == (surface is not Surface.EMBEDDING)


@pytest.mark.parametrize("surface", STREAMS)
async def test_a_stream_says_what_the_whole_answer_says(bench: Bench, surface: Surface) -> None:
    bench.needs(surface)
    upstream = bench.connect()
    completion = await upstream.complete(ask(surface))
    choice = json.loads(completion.body)["choices"][0]
    frames = await frames_of(upstream, surface)
    assert text_of(frames) == (choice["text"] if surface is Surface.COMPLETION else choice["message"]["content"])
    assert [frame.usage for frame in frames if frame.usage and not frame.usage.estimated] == [completion.usage]


@pytest.mark.parametrize("surface", STREAMS)
async def test_frames(bench: Bench, surface: Surface) -> None:
    """Content first, each frame of whole events; then the usage chunk, then `[DONE]`, each by itself."""
    bench.needs(surface)
    frames = await frames_of(bench.connect(), surface)
    *content, usage, done = frames
    assert all(not frame.closing and not frame.usage_only for frame in content)
    assert all(frame.usage is None or frame.usage.estimated for frame in content), "the true count comes at the end"
    assert all(frame.data.endswith(b"\n\n") and frame.events == frame.data.count(b"data: {") for frame in content)
    assert content
    assert usage.closing
    assert usage.usage_only
    assert usage.usage is not None
    assert usage.events == 0
    assert json.loads(usage.data.removeprefix(b"data: "))["choices"] == []
    assert done == Frame(data=b"data: [DONE]\n\n", closing=True)


async def test_only_upstream_errors_leave(bench: Bench) -> None:
    for arrange in bench.peer.broken:
        upstream = bench.connect(arrange())
        for answer in (upstream.complete(ask(timeouts=SHORT)), frames_of(upstream, timeouts=SHORT)):
            [fate] = await asyncio.gather(answer, return_exceptions=True)
            assert not isinstance(fate, BaseException) or isinstance(fate, UpstreamError), repr(fate)
            if isinstance(fate, UpstreamError):
                assert fate.code.startswith("upstream_")
        await bench.peer.idle()


async def test_cancelling_mid_stream_leaves_nothing_open(bench: Bench) -> None:
    upstream = bench.connect(bench.peer.stall())
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in upstream.stream(ask(stream=True)):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.peer.idle()


async def test_closing_a_stream_early_leaves_nothing_open(bench: Bench) -> None:
    frames = bench.connect(bench.peer.stall()).stream(ask(stream=True))
    assert (await anext(frames)).data
    await frames.aclose()
    await bench.peer.idle()


async def test_concurrent_calls_do_not_mix(bench: Bench) -> None:
    upstream = bench.connect()
    alone = text_of(await frames_of(upstream))
    together = await asyncio.gather(*(frames_of(upstream) for _ in range(10)))
    assert {text_of(frames) for frames in together} == {alone}


def test_an_unknown_option_is_refused() -> None:
    for name in discover(PACKAGE):
        with pytest.raises(ConfigError) as caught:
            load(PACKAGE, name).connect(setup(AiohttpTransport(), no_such_option=1))
        assert caught.value.code == "provider_option_invalid"
        assert caught.value.hint


async def test_close_may_be_called_twice(bench: Bench) -> None:
    upstream = bench.connect()
    await upstream.complete(ask())
    await upstream.close()
    await upstream.close()

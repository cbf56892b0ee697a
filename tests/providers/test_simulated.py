import asyncio
import base64
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError, StreamCut, UpstreamError, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Completion, Frame, Surface, Timeouts, UpstreamCall
from homeport.providers.simulated import Simulated, connect
from homeport.providers.simulated.text import count_tokens
from homeport.transport.fallback import AiohttpTransport
from tests.providers.calls import CHAT, call, chunks_of, setup, text_of

SHORT = Timeouts(connect=5, first_token=0.05, between_tokens=0.05, total=20)
SOON_STALLED = Timeouts(connect=5, first_token=20, between_tokens=0.5, total=60)


def simulated(seed: int = 7, **options: Any) -> Simulated:
    at_once: dict[str, Any] = {"latency_ms": 0, "tokens_per_second": 0}
    # It has a transport, as every provider, and never uses it.
    return connect(setup(AiohttpTransport(), seed=seed, **(at_once | options)))


async def stream(provider: Simulated, of: UpstreamCall | None = None) -> list[Frame]:
    return [frame async for frame in provider.stream(of or call(stream=True, timeouts=SHORT))]


def read(completion: Completion) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(completion.body)
    return answer


def said(completion: Completion) -> str:
    choice = read(completion)["choices"][0]
    return str(choice["message"]["content"] if "message" in choice else choice["text"])


async def test_it_says_what_it_is() -> None:
    text = said(await simulated().complete(call(model="gpt-5.4")))
    assert text.startswith("Simulated: no model was called. This text is priced as nothing.")
    assert 'You asked: "Which clause ends the contract?".' in text


async def test_the_last_user_message_is_quoted() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "second one"}]},
        {"role": "assistant", "content": None},
    ]
    assert '"second one"' in said(await simulated().complete(call({"messages": messages})))


async def test_the_same_request_gets_the_same_answer() -> None:
    first, again = simulated(), simulated()
    await again.complete(call({"messages": []}))
    assert await first.complete(call()) == await again.complete(call())


@pytest.mark.parametrize("other", [{**CHAT, "seed": 3}, {"messages": [{"role": "user", "content": "?"}]}])
async def test_another_request_gets_another_answer(other: dict[str, Any]) -> None:
    provider = simulated(output_tokens=200)
    assert said(await provider.complete(call())) != said(await provider.complete(call(other)))


async def test_another_seed_gets_another_answer() -> None:
    one, two = simulated(seed=1, output_tokens=200), simulated(seed=2, output_tokens=200)
    assert said(await one.complete(call())) != said(await two.complete(call()))


@pytest.mark.parametrize(
    ("fields", "tokens", "finish"),
    [
        ({}, 48, "stop"),
        ({"max_tokens": 5}, 5, "length"),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6, "length"),
        ({"max_tokens": 48}, 48, "stop"),
        ({"max_tokens": 10**9}, 48, "stop"),
        ({"max_tokens": -1}, 48, "stop"),
        ({"max_tokens": "many"}, 48, "stop"),
        ({"max_tokens": None}, 48, "stop"),
    ],
)
async def test_the_length(fields: dict[str, Any], tokens: int, finish: str) -> None:
    completion = await simulated().complete(call({**CHAT, **fields}))
    assert read(completion)["choices"][0]["finish_reason"] == finish
    assert completion.usage is not None
    assert completion.usage.output_tokens == tokens == count_tokens(said(completion))


@pytest.mark.parametrize(
    ("surface", "fields"),
    [(Surface.CHAT, {**CHAT, "n": 2, "logprobs": True}), (Surface.COMPLETION, {"prompt": ["a b", "c"], "n": 2})],
)
async def test_a_stream_says_what_the_whole_says(surface: Surface, fields: dict[str, Any]) -> None:
    whole = read(await simulated().complete(call(fields, surface=surface)))
    frames = await stream(simulated(), call(fields, surface=surface, stream=True))
    choices = [choice for chunk in chunks_of(frames) for choice in chunk["choices"]]
    for index in range(2):
        mine = [choice for choice in choices if choice["index"] == index]
        text = "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in mine)
        expected = whole["choices"][index]
        assert text == (expected["text"] if surface is Surface.COMPLETION else expected["message"]["content"])
        assert [choice["finish_reason"] for choice in mine if choice["finish_reason"]] == ["stop"]
    assert chunks_of(frames)[-1]["usage"] == whole["usage"]
    assert whole["usage"]["completion_tokens"] == 96


async def test_two_choices_differ() -> None:
    choices = read(await simulated(output_tokens=200).complete(call({**CHAT, "n": 2})))["choices"]
    assert choices[0]["message"] != choices[1]["message"]


async def embed(fields: dict[str, Any]) -> list[Any]:
    answer = read(await simulated().complete(call(fields, surface=Surface.EMBEDDING)))
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"]
    assert "completion_tokens" not in answer["usage"]
    return [item["embedding"] for item in answer["data"]]


async def test_embeddings_are_unit_vectors_of_their_text() -> None:
    one, two, again = await embed({"input": ["a", "b", "a"], "dimensions": 64})
    assert one == again != two
    assert len(one) == 64
    assert math.isclose(math.hypot(*one), 1)
    assert await embed({"input": "a", "dimensions": 64}) == [one]


async def test_embeddings_as_base64() -> None:
    [plain], [coded] = await embed({"input": "a"}), await embed({"input": "a", "encoding_format": "base64"})
    assert struct.unpack("<256f", base64.b64decode(coded)) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(("given", "many"), [([1, 2, 3], 1), ([[1, 2], [3]], 2), ("a", 1), (["a"], 1)])
async def test_inputs_of_embeddings(given: Any, many: int) -> None:
    assert len(await embed({"input": given})) == many


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_errors(status: int) -> None:
    provider = simulated(error_rate=1, error_status=status)
    for answer in (provider.complete(call()), stream(provider)):
        with pytest.raises(UpstreamRefused) as caught:
            await answer
        assert caught.value.status == status


async def test_a_rate_limit() -> None:
    provider = simulated(rate_limit_tpm=60)
    await provider.complete(call())
    await provider.complete(call())
    with pytest.raises(UpstreamRefused) as caught:
        await provider.complete(call())
    assert caught.value.code == "upstream_rate_limited"
    assert 1 <= caught.value.retry_after <= 60


async def test_stalls() -> None:
    frames = []
    with pytest.raises(UpstreamTimeout) as caught:  # noqa: PT012  what came before the stall counts
        async for frame in simulated(stall_rate=1).stream(call(stream=True, timeouts=SOON_STALLED)):
            frames.append(frame)  # noqa: PERF401
    assert caught.value.code == "upstream_stalled"
    assert text_of(frames).startswith("Simulated")
    with pytest.raises(UpstreamTimeout):
        await simulated(stall_rate=1).complete(call(timeouts=SOON_STALLED))


async def test_cuts() -> None:
    frames = []
    with pytest.raises(StreamCut):  # noqa: PT012  what came before the cut counts
        async for frame in simulated(cut_rate=1).stream(call(stream=True)):
            frames.append(frame)  # noqa: PERF401
    assert text_of(frames).startswith("Simulated")
    assert not any(frame.closing for frame in frames)
    with pytest.raises(StreamCut):
        await simulated(cut_rate=1).complete(call())


@pytest.mark.parametrize(
    ("options", "timeouts", "code"),
    [
        ({"latency_ms": 1e9}, SHORT, "upstream_first_token_timeout"),
        ({"tokens_per_second": 0.001}, SHORT, "upstream_stalled"),
        ({"latency_ms": 1e9}, Timeouts(total=0.05), "upstream_total_timeout"),
        ({"tokens_per_second": 0.1}, Timeouts(total=0.05), "upstream_total_timeout"),
        ({"stall_rate": 1}, Timeouts(total=0.05), "upstream_total_timeout"),
    ],
)
async def test_its_timeouts(options: dict[str, Any], timeouts: Timeouts, code: str) -> None:
    with pytest.raises(UpstreamTimeout) as caught:
        await stream(simulated(**options), call(stream=True, timeouts=timeouts))
    assert caught.value.code == code


async def test_missing_usage() -> None:
    completion = await simulated(missing_usage_rate=1).complete(call())
    assert completion.usage is None
    assert "usage" not in read(completion)
    frames = await stream(simulated(missing_usage_rate=1))
    assert [frame.data for frame in frames if frame.closing] == [b"data: [DONE]\n\n"]


async def test_a_silent_swap() -> None:
    provider = simulated(swap_model_after=2)
    models = [read(await provider.complete(call(model="m")))["model"] for _ in range(4)]
    assert models == ["m", "m", "m-swapped", "m-swapped"]
    assert said(await provider.complete(call(model="m"))).startswith("Simulated")


async def test_chaos_can_be_repeated() -> None:
    async def fates(seed: int) -> list[str]:
        provider = simulated(seed=seed, error_rate=0.3, cut_rate=0.3)
        answers = [await asyncio.gather(provider.complete(call()), return_exceptions=True) for _ in range(40)]
        return [type(answer).__name__ for [answer] in answers]

    assert await fates(1) == await fates(1) != await fates(2)
    assert set(await fates(1)) == {"Completion", "UpstreamRefused", "StreamCut"}


def test_latency_has_the_percentiles_asked_for() -> None:
    provider = simulated(latency_ms=100, latency_p99_ms=900, output_tokens=1)
    sample = sorted(provider._plan(call()).latency for _ in range(4000))
    assert sample[2000] == pytest.approx(0.1, rel=0.15)
    assert sample[3960] == pytest.approx(0.9, rel=0.4)


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text", "x"]), inner)
    ),
)
NAMES = [
    "messages",
    "prompt",
    "input",
    "n",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "dimensions",
    "encoding_format",
]


@given(st.sampled_from(Surface), st.dictionaries(st.sampled_from(NAMES), VALUES))
async def test_no_request_breaks_it(surface: Surface, fields: dict[str, Any]) -> None:
    completion = await simulated().complete(call(fields, surface=surface))
    assert read(completion)["usage"]["prompt_tokens"] >= 0


@given(st.text())
def test_pieces_are_no_more_than_characters(text: str) -> None:
    assert count_tokens(text) <= len(text)
    assert (count_tokens(text) == 0) == (text == "")


@pytest.mark.parametrize(
    "options",
    [
        {"latency": 1},
        {"latency_ms": -1},
        {"latency_ms": "fast"},
        {"latency_ms": float("nan")},
        {"latency_p99_ms": 10},
        {"latency_ms": 0, "latency_p99_ms": 10},
        {"error_rate": 1.5},
        {"error_status": 200},
        {"output_tokens": 0},
        {"output_tokens": 1.5},
        {"swap_model_after": True},
    ],
)
def test_options_that_cannot_be_right(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(setup(AiohttpTransport(), **options))
    assert caught.value.code == "provider_option_invalid"
    assert "stall_rate" in caught.value.hint


async def test_only_upstream_errors_leave() -> None:
    provider = simulated(error_rate=0.3, stall_rate=0.3, cut_rate=0.3, missing_usage_rate=0.3)
    calls = [call(timeouts=SOON_STALLED) for _ in range(50)]
    fates = await asyncio.gather(*map(provider.complete, calls), return_exceptions=True)
    assert all(isinstance(fate, Completion | UpstreamError) for fate in fates)

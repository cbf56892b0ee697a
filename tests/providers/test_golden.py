"""What each provider makes of what its API says; golden/README.md says where the transcripts are from."""

import json
from pathlib import Path
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.errors import StreamCut, UpstreamError, UpstreamRefused
from homeport.core.ports import Upstream
from homeport.core.types import Completion, Frame, Usage
from tests.fakes.transport import EVENTS, ScriptedTransport, answered
from tests.providers.calls import CHAT, call, chunks_of, setup, text_of

GOLDEN = Path(__file__).parent / "golden"
PROVIDERS = ("azure", "fireworks", "gemini", "openai", "replicate", "together")
SIZES = (1 << 20, 64, 1)


def upstream(provider: str, transport: ScriptedTransport) -> Upstream:
    base = "https://contracts.openai.azure.com" if provider == "azure" else ""
    connected: Upstream = load("homeport.providers", provider).connect(setup(transport, base_url=base, api_key="k-1"))
    return connected


async def whole(name: str, model: str = "m/n") -> Completion:
    transport = ScriptedTransport(answered((GOLDEN / name).read_bytes()))
    return await upstream(name.split("/")[0], transport).complete(call(CHAT, model=model))


async def frames(name: str, size: int) -> list[Frame]:
    provider = name.split("/")[0]
    answers = [answered((GOLDEN / name).read_bytes(), kind=EVENTS)]
    if provider == "replicate":
        created = json.loads((GOLDEN / "replicate/succeeded.json").read_bytes())
        done = answered(json.dumps(created).encode())
        answers = [answered(json.dumps({**created, "status": "starting", "output": None}).encode()), *answers, done]
    transport = ScriptedTransport(*answers, size=size)
    asked = upstream(provider, transport).stream(call(CHAT, model="m/n", stream=True))
    return [frame async for frame in asked]


@pytest.mark.parametrize(
    ("name", "text", "usage"),
    [
        (
            "openai/chat.json",
            "Clause 9 ends the contract.",
            Usage(input_tokens=2006, cached_input_tokens=1920, output_tokens=300, reasoning_tokens=120),
        ),
        ("azure/chat.json", "Clause 9.", Usage(input_tokens=22, output_tokens=4)),
        ("together/chat.json", "Clause 9.", Usage(input_tokens=42, cached_input_tokens=32, output_tokens=8)),
        ("fireworks/chat.json", "Clause 9.", Usage(input_tokens=74, cached_input_tokens=64, output_tokens=28)),
        (
            "gemini/thinking.json",
            "Clause 9 ends the contract.",
            Usage(input_tokens=1031, cached_input_tokens=512, output_tokens=181, reasoning_tokens=172),
        ),
        ("gemini/calls.json", None, Usage(input_tokens=70, output_tokens=32)),
        ("gemini/blocked.json", None, Usage(input_tokens=8)),
        ("replicate/succeeded.json", "Clause 9.", Usage(input_tokens=17, output_tokens=4, engine_ns=1_687_000_000)),
    ],
)
async def test_whole_answers(name: str, text: str | None, usage: Usage) -> None:
    completion = await whole(name)
    assert json.loads(completion.body)["choices"][0]["message"]["content"] == text
    assert completion.usage == usage


@pytest.mark.parametrize("name", [f"{name}/chat.json" for name in ("openai", "azure", "together", "fireworks")])
async def test_bytes_of_openais_family_pass_through(name: str) -> None:
    assert (await whole(name)).body == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "text", "usage"),
    [
        ("openai/chat.sse", "Clause 9.", Usage(input_tokens=20, output_tokens=4)),
        ("azure/chat.sse", "Clause 9.", Usage(input_tokens=22, output_tokens=4)),
        ("together/chat.sse", "Clause 9.", Usage(input_tokens=42, cached_input_tokens=32, output_tokens=8)),
        ("fireworks/chat.sse", "Clause 9.", Usage(input_tokens=74, cached_input_tokens=64, output_tokens=28)),
        ("gemini/stream.sse", "Clause 9 ends it.", Usage(input_tokens=8, output_tokens=69, reasoning_tokens=52)),
        (
            "replicate/output.sse",
            "Clause 9\n\nends it.",
            Usage(input_tokens=17, output_tokens=4, engine_ns=1_687_000_000),
        ),
    ],
)
async def test_streams(name: str, text: str, usage: Usage, size: int) -> None:
    told = await frames(name, size)
    assert text_of(told) == text
    assert [frame.usage for frame in told if frame.usage][-1] == usage
    assert told[-1] == Frame(data=b"data: [DONE]\n\n", closing=True)
    assert chunks_of(told)


async def test_a_gemini_stream_in_full() -> None:
    told = await frames("gemini/stream.sse", 7)
    deltas = [choice["delta"] for chunk in chunks_of(told) for choice in chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": None, "reasoning_content": "**Weighing**"}
    [called] = deltas[2]["tool_calls"]
    assert called["function"] == {"name": "cite", "arguments": '{"clause":9}'}
    assert called["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    ends = [choice["finish_reason"] for chunk in chunks_of(told) for choice in chunk["choices"]]
    assert ends == [None, None, None, "tool_calls"]  # in a chunk of its own, as OpenAI tells it
    # What was counted so far is known before the end: a caller may leave.
    assert told[0].usage == Usage(input_tokens=8, output_tokens=52, reasoning_tokens=52)


async def test_gemini_calls_keep_their_ids_and_signatures() -> None:
    [choice] = json.loads((await whole("gemini/calls.json")).body)["choices"]
    first, second = choice["message"]["tool_calls"]
    assert first["extra_content"] == {"google": {"thought_signature": "EjQKMgFSig=="}}
    assert first["id"] != second["id"] == "8f2b1a3c"
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("gemini/cut.sse", StreamCut, "upstream_stream_cut"),
        ("gemini/error.sse", UpstreamRefused, "upstream_failed"),
        ("replicate/error.sse", UpstreamRefused, "upstream_failed"),
    ],
)
async def test_streams_that_break(name: str, kind: type[UpstreamError], code: str, size: int) -> None:
    with pytest.raises(kind) as caught:
        await frames(name, size)
    assert caught.value.code == code
    assert caught.value.retryable


ERRORS: dict[str, tuple[str, bool, int]] = {
    "gemini/error-400-key.json": ("upstream_auth_failed", True, 0),
    "gemini/error-400-region.json": ("upstream_auth_failed", True, 0),
    "gemini/error-400-request.json": ("upstream_rejected_request", False, 0),
    "gemini/error-402-prepaid.json": ("upstream_unpaid", True, 0),
    "gemini/error-403-leaked.json": ("upstream_auth_failed", True, 0),
    "gemini/error-404-model.json": ("upstream_model_missing", True, 0),
    "gemini/error-429-quota.json": ("upstream_rate_limited", True, 35),
    "gemini/error-503-overloaded.json": ("upstream_failed", True, 0),
    "openai/error-429-quota.json": ("upstream_unpaid", True, 0),
    "openai/error-429-rate.json": ("upstream_rate_limited", True, 0),
    "openai/error-403-region.json": ("upstream_auth_failed", True, 0),
    "openai/error-400-context.json": ("upstream_rejected_request", False, 0),
    "azure/error-400-filter.json": ("upstream_rejected_request", False, 0),
    "azure/error-401-key.json": ("upstream_auth_failed", True, 0),
    "azure/error-404-deployment.json": ("upstream_model_missing", True, 0),
    "together/error-402-payment.json": ("upstream_unpaid", True, 0),
    "together/error-403-tokens.json": ("upstream_rejected_request", False, 0),
    "together/error-503-overloaded.json": ("upstream_failed", True, 0),
    "fireworks/error-412-spending.json": ("upstream_unpaid", True, 0),
    "fireworks/error-404-model.json": ("upstream_model_missing", True, 0),
    "replicate/error-401-key.json": ("upstream_auth_failed", True, 0),
    "replicate/error-402-credit.json": ("upstream_unpaid", True, 0),
    "replicate/error-422-input.json": ("upstream_rejected_request", False, 0),
    "replicate/error-429-throttled.json": ("upstream_rate_limited", True, 0),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ERRORS)
async def test_errors(name: str, stream: bool) -> None:
    status = int(name.split("-")[1])
    body = (GOLDEN / name).read_bytes()
    asked = upstream(name.split("/")[0], ScriptedTransport(answered(body, status)))
    answer = anext(asked.stream(call(CHAT, stream=True))) if stream else asked.complete(call(CHAT))
    with pytest.raises(UpstreamRefused) as caught:
        await answer
    assert (caught.value.code, caught.value.retryable, caught.value.retry_after) == ERRORS[name]
    words = _words(json.loads(body))
    # The caller is to mend a request, so its fault is told; what is between us and a provider is not.
    assert (words[:30] in caught.value.message) == (caught.value.code == "upstream_rejected_request")


def _words(said: dict[str, Any]) -> str:
    words: str = said["error"]["message"] if "error" in said else said["detail"]
    return words


def test_every_transcript_is_read() -> None:
    files = {str(path.relative_to(GOLDEN)) for name in PROVIDERS for path in (GOLDEN / name).iterdir()}
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in files if name not in source and not name.endswith("/chat.json")} == set()

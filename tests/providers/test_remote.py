"""Addresses, headers and options of the remote providers."""

import json
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.errors import BadAnswer, ConfigError, UpstreamRefused
from homeport.core.types import Surface
from homeport.transport.http import HttpRequest
from tests.fakes.transport import ScriptedTransport, answered
from tests.providers.calls import CHAT, call, setup

CHAT_BODY = b'{"choices":[]}'
GEMINI_BODY = b'{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}'
KEY = "secret-key-1"


async def sent(
    provider: str,
    model: str = "m",
    surface: Surface = Surface.CHAT,
    fields: dict[str, Any] | None = None,
    base_url: str = "",
    **options: Any,
) -> HttpRequest:
    """What the provider sends."""
    transport = ScriptedTransport(answered(GEMINI_BODY if provider == "gemini" else CHAT_BODY))
    upstream = load("homeport.providers", provider).connect(setup(transport, base_url=base_url, api_key=KEY, **options))
    await upstream.complete(call(CHAT if fields is None else fields, surface=surface, model=model))
    assert KEY not in transport.requests[0].url
    return transport.requests[0]


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        ("openai", "https://api.openai.com/v1/chat/completions"),
        ("together", "https://api.together.xyz/v1/chat/completions"),
        ("fireworks", "https://api.fireworks.ai/inference/v1/chat/completions"),
    ],
)
async def test_defaults_need_a_key_only(provider: str, url: str) -> None:
    request = await sent(provider, fields={**CHAT, "store": True})
    assert request.url == url
    assert request.headers["authorization"] == f"Bearer {KEY}"
    body = json.loads(request.body)
    assert body["model"] == "m"
    assert ("store" in body) == (provider == "openai")
    assert (
        await sent(provider, base_url="https://proxy.example/v1/")
    ).url == "https://proxy.example/v1/chat/completions"


RESOURCE = "https://contracts.openai.azure.com"


@pytest.mark.parametrize("base", [RESOURCE, f"{RESOURCE}/", f"{RESOURCE}/openai", f"{RESOURCE}/openai/v1/"])
@pytest.mark.parametrize(
    ("version", "url"),
    [
        ("", "/openai/v1/chat/completions"),
        ("v1", "/openai/v1/chat/completions"),
        ("preview", "/openai/v1/chat/completions?api-version=preview"),
        ("2024-10-21", "/openai/deployments/a%2Fb%3Fc/chat/completions?api-version=2024-10-21"),
        ("2025-04-01-preview", "/openai/deployments/a%2Fb%3Fc/chat/completions?api-version=2025-04-01-preview"),
    ],
)
async def test_azure_addresses(base: str, version: str, url: str) -> None:
    request = await sent("azure", "a/b?c", base_url=base, api_version=version)
    assert request.url == RESOURCE + url
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


@pytest.mark.parametrize("given", [{"api_version": "soon"}, {"api_version": "v1&x=1"}, {"headers": {"a b": "c"}}])
def test_azure_options(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        load("homeport.providers", "azure").connect(setup(ScriptedTransport(), base_url=RESOURCE, **given))
    assert caught.value.code == "provider_option_invalid"


@pytest.mark.parametrize(("provider", "base_url"), [("azure", ""), ("gemini", "ftp://h"), ("replicate", "h")])
def test_addresses_that_cannot_be_right(provider: str, base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("homeport.providers", provider).connect(setup(ScriptedTransport(), base_url=base_url))
    assert caught.value.code == "provider_url_invalid"


@pytest.mark.parametrize("provider", ["gemini", "replicate", "azure", "openai"])
def test_keys_that_cannot_be_right(provider: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("homeport.providers", provider).connect(setup(ScriptedTransport(), base_url=RESOURCE, api_key="k\n1"))
    assert caught.value.code == "provider_key_invalid"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/ours-1", "tunedModels/ours-1"),
        ("a b?key=1", "models/a%20b%3Fkey%3D1"),
    ],
)
async def test_gemini_addresses(model: str, path: str) -> None:
    request = await sent("gemini", model)
    assert request.url == f"https://generativelanguage.googleapis.com/v1beta/{path}:generateContent"
    assert request.headers["x-goog-api-key"] == KEY
    assert "authorization" not in request.headers


async def test_what_gemini_cannot_be_asked_is_the_callers_to_mend() -> None:
    with pytest.raises(UpstreamRefused) as caught:
        await sent("gemini", fields={**CHAT, "logit_bias": {"1": 2}})
    assert (caught.value.status, caught.value.retryable) == (400, False)
    assert "logit_bias" in caught.value.message
    request = await sent("gemini", fields={**CHAT, "logit_bias": {"1": 2}}, drop_fields=["logit_bias"])
    assert b"logit" not in request.body


async def test_gemini_answers_carry_googles_date() -> None:
    transport = ScriptedTransport(answered(GEMINI_BODY))
    upstream = load("homeport.providers", "gemini").connect(setup(transport, base_url=""))
    answer = json.loads((await upstream.complete(call())).body)
    assert answer["created"] == 1445412480
    assert answer["id"] == "chatcmpl-r-1"


async def test_a_redirect_is_no_answer() -> None:
    for provider in ("gemini", "replicate"):
        transport = ScriptedTransport(answered(b"{}", 307))
        with pytest.raises(BadAnswer):
            await load("homeport.providers", provider).connect(setup(transport, base_url="")).complete(call())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max_tokens": 9}, {"max_completion_tokens": 9}),
        ({"max_completion_tokens": 8}, {"max_completion_tokens": 8}),
        ({"max_tokens": 9, "max_completion_tokens": 8}, {"max_completion_tokens": 8}),
        ({}, {}),
    ],
)
async def test_openai_is_told_the_bound_by_the_name_that_all_its_models_know(
    asked: dict[str, int], told: dict[str, int]
) -> None:
    body = json.loads((await sent("openai", fields={**CHAT, **asked})).body)
    assert {name: value for name, value in body.items() if name.startswith("max")} == told
    compatible = json.loads((await sent("together", fields={**CHAT, **asked})).body)
    older = {"max_tokens": asked.get("max_tokens", asked.get("max_completion_tokens"))} if asked else {}
    assert {name: value for name, value in compatible.items() if name.startswith("max")} == older
    old = json.loads((await sent("openai", surface=Surface.COMPLETION, fields={"prompt": "x", **asked})).body)
    assert {name: value for name, value in old.items() if name.startswith("max")} == asked

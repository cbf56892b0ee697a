"""The headers of one call reach its upstream, in every family of APIs, beside those of the configuration."""

import contextlib

import msgspec
import pytest

from homeport.core.discovery import load
from homeport.core.errors import UpstreamError
from homeport.providers.base import ProviderSetup
from tests.fakes.transport import ScriptedTransport, answered
from tests.providers.calls import call

OWN = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
FAMILIES = ("openai", "openai_compatible", "azure", "together", "fireworks", "anthropic", "gemini", "replicate")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
async def test_they_are_sent(name: str, stream: bool) -> None:
    transport = ScriptedTransport(answered(b"{}", status=400))
    setup = ProviderSetup(
        name=name, base_url="https://api.example/v1", api_key="k", options={}, transport=transport, seed=0
    )
    upstream = load("homeport.providers", name).connect(setup)
    asked = msgspec.structs.replace(call(), headers=OWN)
    with contextlib.suppress(UpstreamError):
        if stream:
            async for _ in upstream.stream(asked):
                break
        else:
            await upstream.complete(asked)
    assert transport.requests[0].own_headers == OWN
    assert "traceparent" not in transport.requests[0].headers

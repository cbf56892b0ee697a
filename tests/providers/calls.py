"""Calls and setups for tests of providers."""

import json
from typing import Any

import msgspec

from homeport.core.types import Frame, Surface, Target, Timeouts, UpstreamCall
from homeport.providers.base import ProviderSetup
from homeport.transport.http import Transport
from homeport.transport.sse import data_of, events

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Which clause ends the contract?"}]}
PATIENT = Timeouts(connect=5, first_token=20, between_tokens=20, total=60)


def call(
    fields: dict[str, Any] | None = None,
    *,
    surface: Surface = Surface.CHAT,
    model: str = "upstream-model",
    stream: bool = False,
    deterministic: bool = False,
    timeouts: Timeouts = PATIENT,
) -> UpstreamCall:
    """A call as the request path makes one; the caller's own `model` is always another."""
    target = Target(
        name="public", tier="mid", upstream="u", model=model, local=False, surfaces=frozenset({surface}), price=None
    )
    body = {"model": "public", **(CHAT if fields is None else fields), **({"stream": True} if stream else {})}
    return UpstreamCall(
        target=target,
        surface=surface,
        fields=msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw]),
        request_id="r-1",
        deterministic=deterministic,
        timeouts=timeouts,
    )


def setup(
    transport: Transport,
    *,
    base_url: str = "http://127.0.0.1:9/v1",
    api_key: str = "",
    seed: int = 7,
    **options: Any,
) -> ProviderSetup:
    return ProviderSetup(
        name="under-test",
        base_url=base_url,
        api_key=api_key,
        options=options,
        transport=transport,
        seed=seed,
    )


def chunks_of(frames: list[Frame]) -> list[dict[str, Any]]:
    """The JSON of every event but `[DONE]` and comments."""
    found = [data_of(event) for event in events(b"".join(frame.data for frame in frames))]
    return [json.loads(data) for data in found if data not in {None, b"[DONE]"} and data is not None]


def text_of(frames: list[Frame]) -> str:
    """The content of choice 0."""
    choices = [choice for chunk in chunks_of(frames) for choice in chunk["choices"] if choice["index"] == 0]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)

"""The upstream that needs no server: /v1/moderations answered by the recognizers of this process."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cache
from typing import Any

import msgspec

from homeport.core.errors import ConfigError, UpstreamError, UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, Target, UpstreamCall, Usage
from homeport.privacy.moderate import result
from homeport.privacy.recognize import Finding, Recognizers

NAME = "homeport-recognizers"
TARGET = Target(
    name=NAME,
    tier="homeport",
    upstream=NAME,
    model=NAME,
    local=True,
    surfaces=frozenset({Surface.MODERATION}),
    price=None,
)
"""The model that callers name; it is there in every configuration."""

MAX_CHARS = 1_000_000
_NULL = msgspec.Raw(b"null")


class _Part(msgspec.Struct):
    type: str
    text: str | None = None


class LocalModeration:
    """An `Upstream` for `Surface.MODERATION` alone.

    Args:
        load: gives the recognizers, or raises ConfigError; called once, by the first request, for it takes a
            while and few gateways moderate.
    """

    def __init__(self, load: Callable[[], Recognizers]) -> None:
        self._load = cache(load)

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`. A list of parts is one input, as at OpenAI."""
        texts = _texts(call.fields.get("input", _NULL))
        if sum(map(len, texts)) > MAX_CHARS:
            raise _refused(f"more than {MAX_CHARS} characters at once", 413)
        recognizers = await self._recognizers()
        results = [result(recognizers, await _findings(recognizers, text)) for text in texts]
        body = {"id": f"modr-{call.request_id}", "model": NAME, "results": results}
        return Completion(body=msgspec.json.encode(body), usage=Usage())

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Moderations have no streams."""
        raise _refused("a moderation is not streamed")
        yield  # type: ignore[unreachable]  # makes this a generator, as the Protocol has it

    async def close(self) -> None:
        """Nothing to do."""

    async def _recognizers(self) -> Recognizers:
        try:
            return await asyncio.to_thread(self._load)
        except ConfigError as error:
            raise UpstreamError(error.message, code=error.code, hint=error.hint, retryable=False) from error


async def _findings(recognizers: Recognizers, text: str) -> list[Finding]:
    found: list[Finding] = []
    for name in recognizers.names:
        found += recognizers.find_one(name, text)
        await asyncio.sleep(0)  # A long text takes milliseconds; other requests go on in between.
    return sorted(found, key=lambda finding: finding.start)


def _texts(given: msgspec.Raw) -> list[str]:
    try:
        told: Any = msgspec.json.decode(given, type=str | list[str | _Part])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _refused("`input` is a text, a list of texts or a list of parts") from None
    if isinstance(told, str):
        return [told]
    if all(isinstance(item, str) for item in told):
        return list(told)
    return [_joined([item if isinstance(item, _Part) else _Part("text", item) for item in told])]


def _joined(parts: Sequence[_Part]) -> str:
    if any(part.type != "text" or part.text is None for part in parts):
        raise _refused("only text can be judged without an upstream for moderations")
    return "\n".join(part.text or "" for part in parts)


def _refused(why: str, status: int = 400) -> UpstreamRefused:
    return UpstreamRefused(
        f"{NAME} rejected the request: {why}",
        status=status,
        retryable=False,
        code="upstream_rejected_request",
        hint="mend the request, or name a model whose `surfaces` hold `moderations`",
    )

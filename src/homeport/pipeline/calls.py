"""Asking an upstream: for a whole answer, or for a stream that has begun."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from homeport.core.errors import StreamCut, UpstreamError
from homeport.core.ports import Upstream
from homeport.core.types import Completion, Frame, UpstreamCall

Answer = TypeVar("Answer")
Call = Callable[[Upstream, UpstreamCall], Coroutine[Any, Any, Answer]]


async def complete(upstream: Upstream, call: UpstreamCall) -> Completion:
    """The whole answer."""
    return await upstream.complete(call)


async def begin(upstream: Upstream, call: UpstreamCall) -> tuple[Frame, AsyncGenerator[Frame, None]]:
    """The first frame, and the rest."""
    frames = upstream.stream(call)
    try:
        return await anext(frames), frames
    except StopAsyncIteration:
        raise StreamCut("the upstream ended the stream before it began") from None
    except BaseException:  # a cancelled caller too: whatever ends the wait closes the upstream; raised again
        await frames.aclose()
        raise


async def discard(answer: object) -> None:
    """Close a stream that came too late."""
    if isinstance(answer, tuple):
        await answer[1].aclose()


async def keeping_the_contract(answer: Awaitable[Answer]) -> Answer:
    """An adapter may be a third party's: an OSError it lets through must not look like a caller who left."""
    try:
        return await answer
    except OSError as error:
        raise UpstreamError(f"the upstream's adapter failed: {type(error).__name__}", code="upstream_failed") from error

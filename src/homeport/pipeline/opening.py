"""The beginning of a stream, held back until it is known whose answer the caller gets."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from homeport.core.errors import UpstreamError
from homeport.core.types import Frame, Usage

_MOST_TOKENS = 65_536
"""Read beyond the beginning while others are asked; then the upstream is held back."""


class Opening:
    """A stream that has begun. Whoever has it closes it, or lets it flow.

    Attributes:
        frames: what came and was not passed on.
        events: content events among them.
        usage: what they say of it.
    """

    def __init__(self, first: Frame, rest: AsyncGenerator[Frame, None]) -> None:
        self.frames: list[Frame] = []
        self.events = 0
        self.usage: Usage | None = None
        self._rest = rest
        self._next: asyncio.Task[Frame | None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ended = False
        self._keep(first)

    async def fill(self, *, tokens: int, seconds: float, now: Callable[[], int]) -> None:
        """Read so many tokens, for so long, or to the end.

        Args:
            now: monotonic nanoseconds.

        Raises:
            UpstreamError: the stream broke.
        """
        until = now() + round(seconds * 1e9)
        while self.events < tokens and await self._read((until - now()) / 1e9):
            pass

    @property
    def is_whole(self) -> bool:
        """Whether the answer has come to its end: what may still come is no part of it."""
        return self._ended or any(frame.closing for frame in self.frames)

    def read_on(self) -> None:
        """Read the rest while others are asked, so that what it produces is known, and there when it is wanted."""
        self._reading = asyncio.ensure_future(self._read_on())

    async def flow(self, change: Callable[[bytes], bytes]) -> AsyncGenerator[Frame, None]:
        """All of it: what was held back in one piece, then the rest as it comes. Closing it closes the upstream.

        Args:
            change: what is done to the bytes of each frame.
        """
        try:
            await self._stop_reading()
            for frame in _joined(self.frames):
                yield _changed(frame, change)
            self.frames.clear()
            while await self._read(None):
                yield _changed(self.frames.pop(), change)
        finally:
            await self.close()

    async def close(self) -> None:
        """Leave the upstream."""
        await self._stop_reading()
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._rest.aclose()

    async def _read(self, seconds: float | None) -> bool:
        """Read a frame; False at the end, or where none came in time: then it is the next one still."""
        if self._ended:
            return False
        if self._next is None:
            self._next = asyncio.ensure_future(_following(self._rest))
        done, _ = await asyncio.wait({self._next}, timeout=None if seconds is None else max(seconds, 0.0))
        if not done:
            return False
        frame = self._next.result()  # An error stays there, for whoever reads on.
        self._next = None
        if frame is None:
            self._ended = True
            return False
        self._keep(frame)
        return True

    def _keep(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.events += frame.events
        self.usage = frame.usage or self.usage

    async def _read_on(self) -> None:
        try:
            while self.events < _MOST_TOKENS and await self._read(None):
                pass
        except UpstreamError:
            return

    async def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None


async def _following(rest: AsyncGenerator[Frame, None]) -> Frame | None:
    return await anext(rest, None)


def _changed(frame: Frame, change: Callable[[bytes], bytes]) -> Frame:
    data = change(frame.data)
    return frame if data is frame.data else msgspec.structs.replace(frame, data=data)


def _joined(frames: list[Frame]) -> list[Frame]:
    """The frames of content at the beginning as one; those of the end stay as they are."""
    end = next((place for place, frame in enumerate(frames) if frame.closing), len(frames))
    content, closing = frames[:end], frames[end:]
    if not content:
        return closing
    usages = [frame.usage for frame in content if frame.usage]
    whole = Frame(
        data=b"".join(frame.data for frame in content),
        events=sum(frame.events for frame in content),
        usage=usages[-1] if usages else None,
    )
    return [whole, *closing]

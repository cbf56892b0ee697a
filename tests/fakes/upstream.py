"""An upstream that plays a script: whole answers, frames, errors, and silence."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from homeport.core.types import Completion, Frame, UpstreamCall, Usage

USAGE = Usage(input_tokens=1000, cached_input_tokens=200, output_tokens=100, reasoning_tokens=40)
DONE = Frame(data=b"data: [DONE]\n\n", closing=True)


class Hang:
    """Nothing more comes: whoever waits must be cancelled."""


Step = Frame | Exception | Hang
Answer = Completion | Exception | Hang | Sequence[Step]


class ScriptedUpstream:
    """`Upstream`.

    Args:
        answers: one a call, in order; the last one is repeated.

    Attributes:
        calls: what it was asked.
        produced: frames that were taken from it.
        ended: answers that came to an end, were given up or were cancelled.
        cancelled: those among them that were cancelled or closed before their end.
        working: called when a call comes, as to let time pass.
        hanging: set while a call waits for what never comes.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = deque(answers)
        self.calls: list[UpstreamCall] = []
        self.produced = 0
        self.ended = 0
        self.cancelled = 0
        self.working: Callable[[], None] = lambda: None
        self.hanging = asyncio.Event()
        self.closed = False

    def script(self, *answers: Answer) -> None:
        self._answers = deque(answers)

    async def complete(self, call: UpstreamCall) -> Completion:
        answer = self._next(call)
        try:
            if isinstance(answer, Hang):
                await self._hang()
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, Completion), f"the script has no whole answer here: {answer!r}"
            return answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.ended += 1

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        answer = self._next(call)
        steps: Sequence[Step] = [answer] if isinstance(answer, Hang | Exception) else list(answer)  # type: ignore[arg-type]
        try:
            for step in steps:
                if isinstance(step, Hang):
                    await self._hang()
                if isinstance(step, Exception):
                    raise step
                assert isinstance(step, Frame)
                self.produced += 1
                yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.ended += 1

    async def close(self) -> None:
        self.closed = True

    def _next(self, call: UpstreamCall) -> Answer:
        self.calls.append(call)
        self.working()
        assert self._answers, f"{call.target.name} was called, and its script is empty"
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    async def _hang(self) -> None:
        self.hanging.set()
        await asyncio.Event().wait()


def whole(text: str = "Clause 9.", usage: Usage | None = USAGE) -> Completion:
    return Completion(body=json.dumps({"choices": [{"message": {"content": text}}]}).encode(), usage=usage)


def vectors(usage: Usage | None = USAGE) -> Completion:
    return Completion(body=b'{"data":[{"embedding":[' + b"0.125," * 500 + b"1]}]}", usage=usage)


def event(fields: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def said(text: str) -> Frame:
    """A content frame of one event."""
    return Frame(data=event({"choices": [{"index": 0, "delta": {"content": text}}]}), events=1)


def counted(usage: Usage = USAGE) -> Frame:
    """The chunk that is there for its usage alone."""
    tokens = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    return Frame(data=event({"id": "c1", "choices": [], "usage": tokens}), usage=usage, closing=True, usage_only=True)


def spoken(*texts: str) -> list[Step]:
    """A stream that goes well."""
    return [*(said(text) for text in texts), counted(), DONE]

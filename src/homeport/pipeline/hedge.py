"""Hedging: when the first token is late, a second request races the first.

Source: Dean and Barroso, "The Tail at Scale", 2013.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from homeport.core.errors import UpstreamError

Answer = TypeVar("Answer")
Start = Callable[[], Coroutine[Any, Any, Answer]]


class HedgePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to race.

    Attributes:
        quantile: of the time to the first token, after which a second request is sent; 0 means never.
        budget: second requests for each first one, at most.
        shortest_wait: seconds; never earlier than this.
    """

    quantile: float = 0.0
    budget: float = 0.08
    shortest_wait: float = 0.01


class HedgeBudget:
    """A bucket that requests fill and second requests empty."""

    def __init__(self, policy: HedgePolicy) -> None:
        self._policy = policy
        self._left = 1.0

    def deposit(self) -> None:
        self._left = min(10.0, self._left + self._policy.budget)

    def withdraw(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def race(
    first: Start[Answer],
    second: Start[Answer],
    *,
    wait: float,
    may_hedge: Callable[[], bool],
    discard: Callable[[Answer], Awaitable[None]],
) -> tuple[Answer, bool]:
    """The answer that comes first, and whether it is the second's. The other call is over when this returns.

    Args:
        wait: seconds before the second is started.
        may_hedge: asked when they have passed.
        discard: given an answer that came, but too late.

    Raises:
        UpstreamError: of the first, where both failed or the second was not started.
    """
    tasks = [asyncio.create_task(first())]
    winner: asyncio.Task[Answer] | None = None
    try:
        await asyncio.wait(tasks, timeout=wait)
        if not tasks[0].done() and may_hedge():
            tasks.append(asyncio.create_task(second()))
        winner = await _first_good(tasks)
        return winner.result(), winner is not tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task is not winner and not task.cancelled() and task.exception() is None:
                await discard(task.result())


async def _first_good(tasks: list[asyncio.Task[Answer]]) -> asyncio.Task[Answer]:
    """The first that ends in anything but an upstream's error; the first of all, where every one ends in that."""
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(done, key=tasks.index):
            if not isinstance(task.exception(), UpstreamError):
                return task
    return tasks[0]

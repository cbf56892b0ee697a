"""Watching engines: which of them can be called now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from homeport.engines.base import Endpoint

Probe = Callable[[Endpoint], Awaitable[bool]]

_EVERY = 1.0
_EVERY_WHILE_DOWN = 0.1


class _Watched:
    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.check_now = asyncio.Event()
        self.was_ready = False


class HealthMonitor:
    """`Health` of the request path: engines are probed, everything else counts as ready.

    Args:
        endpoints: by upstream name.
        probe: True when the health check of an endpoint answers in good time.
        on_change: told the upstream and whether it is ready.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], probe: Probe, on_change: Callable[[str, bool], None] | None = None
    ) -> None:
        self._endpoints = dict(endpoints)
        self._probe = probe
        self._on_change = on_change
        self._watched = {name: _Watched() for name in endpoints}

    def ready(self, upstream: str) -> bool:
        watched = self._watched.get(upstream)
        return watched is None or watched.ready.is_set()

    def report_failure(self, upstream: str) -> None:
        if watched := self._watched.get(upstream):
            self._set(upstream, watched, ready=False)
            watched.check_now.set()

    async def wait_ready(self, upstream: str, timeout: float) -> bool:
        watched = self._watched.get(upstream)
        if watched is None:
            return True
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event.
            async with asyncio.timeout(timeout):
                await watched.ready.wait()
        except TimeoutError:
            return False
        return True

    def all_were_ready(self) -> bool:
        """Whether start-up is over: every engine has answered at least once."""
        return all(watched.was_ready for watched in self._watched.values())

    def states(self) -> dict[str, bool]:
        return {name: watched.ready.is_set() for name, watched in self._watched.items()}

    async def run(self) -> None:
        """Probe every engine until cancelled: each second, ten times a second while it is down."""
        async with asyncio.TaskGroup() as group:
            for name, watched in self._watched.items():
                group.create_task(self._watch(name, watched))

    async def _watch(self, name: str, watched: _Watched) -> None:
        while True:
            watched.check_now.clear()
            self._set(name, watched, ready=await self._probe(self._endpoints[name]))
            pause = _EVERY if watched.ready.is_set() else _EVERY_WHILE_DOWN
            try:
                async with asyncio.timeout(pause):
                    await watched.check_now.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(_EVERY_WHILE_DOWN)

    def _set(self, name: str, watched: _Watched, *, ready: bool) -> None:
        if ready == watched.ready.is_set():
            return
        watched.was_ready = watched.was_ready or ready
        if ready:
            watched.ready.set()
        else:
            watched.ready.clear()
        if self._on_change:
            self._on_change(name, ready)

"""Watching engines: which of them can be called now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from homeport.engines.base import Endpoint

Probe = Callable[[Endpoint], Awaitable[bool]]

_EVERY = 1.0
_EVERY_WHILE_DOWN = 0.1


class _Watched:
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.ready = asyncio.Event()
        self.check_now = asyncio.Event()
        self.was_ready = False


class HealthMonitor:
    """`Health` of the request path: engines are probed, everything else counts as ready.

    Args:
        endpoints: by upstream name.
        probe: True when the health check of an endpoint answers in good time.
        on_change: told the upstream and whether it is ready; None for one that is watched no more.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        probe: Probe,
        on_change: Callable[[str, bool | None], None] | None = None,
    ) -> None:
        self._probe = probe
        self._on_change = on_change
        self._watched = {name: _Watched(endpoint) for name, endpoint in endpoints.items()}
        self._changed = asyncio.Event()

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

    def adopt(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Watch these: what is known of those that were watched stays.

        Others count as ready until they are asked: whoever tells of them has seen them answer.
        """
        former, self._watched = self._watched, {}
        for name, endpoint in endpoints.items():
            known = former.pop(name, None)
            if known is None or known.endpoint.health_url != endpoint.health_url:
                known = _Watched(endpoint)
                self._watched[name] = known
                self._set(name, known, ready=True)
            known.endpoint = endpoint
            self._watched[name] = known
        for name in former:
            if self._on_change:
                self._on_change(name, None)
        self._changed.set()

    def all_were_ready(self) -> bool:
        """Whether start-up is over: every engine has answered at least once."""
        return all(watched.was_ready for watched in self._watched.values())

    def states(self) -> dict[str, bool]:
        return {name: watched.ready.is_set() for name, watched in self._watched.items()}

    async def run(self) -> None:
        """Probe every engine until cancelled: each second, ten times a second while it is down."""
        tasks: dict[_Watched, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                wanted = {watched: name for name, watched in self._watched.items()}
                for gone in tasks.keys() - wanted.keys():
                    tasks.pop(gone).cancel()
                for new in wanted.keys() - tasks.keys():
                    tasks[new] = group.create_task(self._watch(wanted[new], new))
                await self._changed.wait()

    async def _watch(self, name: str, watched: _Watched) -> None:
        while True:
            watched.check_now.clear()
            self._set(name, watched, ready=await self._probe(watched.endpoint))
            pause = _EVERY if watched.ready.is_set() else _EVERY_WHILE_DOWN
            try:
                async with asyncio.timeout(pause):
                    await watched.check_now.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(_EVERY_WHILE_DOWN)

    def _set(self, name: str, watched: _Watched, *, ready: bool) -> None:
        if ready == watched.ready.is_set() or self._watched.get(name) is not watched:
            return
        watched.was_ready = watched.was_ready or ready
        if ready:
            watched.ready.set()
        else:
            watched.ready.clear()
        if self._on_change:
            self._on_change(name, ready)

"""When draining replicas are done: no conversation went on at them for a while, or they have had long enough."""

from collections.abc import Collection

import msgspec

from homeport.bootstrap.endpoints import turn_of
from homeport.config.home import Home
from homeport.config.swap import SwapSettings
from homeport.core.ports import Clock
from homeport.engines.pool import Pool


class _Drain(msgspec.Struct):
    """Monotonic nanoseconds of when it began and when the last turn was seen, and the time that its file told then."""

    began: int
    turned: int
    told: int


class Drains:
    """All that is draining."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._folder = home.turns
        self._clock = clock
        self._drains: dict[str, _Drain] = {}

    def began(self, pool: Pool) -> None:
        """These drain now; what serves again does not."""
        now = self._clock.monotonic_ns()
        for replica in pool.draining:
            self._drains.setdefault(replica.name, _Drain(now, now, self._told(replica.name)))
        self.forget([replica.name for replica in pool.serving])

    def over(self, pool: Pool, bounds: SwapSettings) -> tuple[str, ...]:
        """The replicas of a pool that are done. Those of one revision are done together."""
        done: list[str] = []
        for revision in {replica.version.revision for replica in pool.draining}:
            same = [replica for replica in pool.draining if replica.version.revision == revision]
            names = [replica.name for replica in same if replica.name in self._drains]
            if names and (not pool.lingers(same[0]) or self._is_over(names, bounds)):
                done += names
        return tuple(done)

    def forget(self, names: Collection[str]) -> None:
        for name in names:
            if self._drains.pop(name, None) is not None:
                turn_of(self._folder, name).unlink(missing_ok=True)

    def _is_over(self, names: Collection[str], bounds: SwapSettings) -> bool:
        now = self._clock.monotonic_ns()
        for name in names:
            drain, told = self._drains[name], self._told(name)
            if told != drain.told:
                drain.told, drain.turned = told, now
        known = [self._drains[name] for name in names]
        idle = now - max(drain.turned for drain in known) >= bounds.idle_seconds * 1e9
        return idle or now - min(drain.began for drain in known) >= bounds.longest_seconds * 1e9

    def _told(self, name: str) -> int:
        try:
            return turn_of(self._folder, name).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

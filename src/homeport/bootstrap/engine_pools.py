"""The engines of a running `homeport up`: started, and one version put in the place of another while they serve.

A new version starts beside the old one. Once it answers, the processes that answer requests are told where it is: what
begins from then on begins there. Conversations of the old version go on with it until they end, or a bound is over.
Its children are stopped when no process has a request by them any more.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from homeport.bootstrap.drains import Drains
from homeport.bootstrap.endpoints import Placement, write_placement
from homeport.bootstrap.engine_plans import PlannedReplica, engines_in_use, plan_replicas
from homeport.bootstrap.engines import free_port
from homeport.bootstrap.packages import verify_package
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import EngineError, StorageError
from homeport.core.ports import Clock
from homeport.engines.base import Endpoint
from homeport.engines.pool import Pool, Replica, replica_names
from homeport.engines.processes import Process, Processes
from homeport.engines.supervisor import ChildSpec
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store
from homeport.storage.presence import least

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_ADOPT_SECONDS = 10.0
_TRY_AGAIN_S = 5.0
_TRIES = 3
"""Starts of a child of a new version that ends by itself."""

Tell = Callable[[str], None]
Probe = Callable[[Endpoint], Awaitable[bool]]


class EnginePools:
    """All pools, and the children of them.

    Args:
        answers: whether the health check of an endpoint answers in good time.
        speaks: whether it says one token; False where nobody answers. Raises EngineError where it answers anything
            else: this model is not going to.
    """

    def __init__(
        self, settings: Settings, home: Home, processes: Processes, clock: Clock, *, answers: Probe, speaks: Probe
    ) -> None:
        self._settings = settings
        self._home = home
        self._processes = processes
        self._answers = answers
        self._speaks = speaks
        self._serial = clock.wall_ns()  # Higher than that of any run before.
        self._running: dict[str, Process] = {}
        self._taken = {*settings.engines, *settings.providers}
        self._ports: set[int] = set()
        self._changing: set[str] = set()
        self._drains = Drains(home, clock)
        self._ends: set[asyncio.Task[None]] = set()
        self._leaving: set[str] = set()
        self.pools: dict[str, Pool] = {}

    def start(self, check: Callable[[Mapping[str, Endpoint]], object]) -> None:
        """Start every engine that a target uses, and say where they are; none is waited for.

        Args:
            check: raises ConfigError where the configuration cannot use what they offer.

        Raises:
            ConfigError: or an adapter refuses its profile or its package; nothing was started.
        """
        plans = {
            engine: self._planned(engine, self._in_use(engine), first=True) for engine in engines_in_use(self._settings)
        }
        for engine, planned in plans.items():
            self.pools[engine] = Pool(engine=engine, serving=tuple(plan.replica for plan in planned))
        check(self.placement().endpoints)
        self._publish()
        for planned in plans.values():
            self._start(planned)

    def placement(self) -> Placement:
        """Where all replicas are, and under which serial that was told."""
        endpoints = dict(one for pool in self.pools.values() for one in pool.endpoints())
        former = {engine: pool.former for engine, pool in self.pools.items() if pool.former}
        return Placement(serial=self._serial, endpoints=endpoints, former=former)

    def pid(self, replica: str) -> int | None:
        """The process id of a replica's child; None where it has none now."""
        process = self._running.get(replica)
        return process.child.pid if process else None

    @contextlib.contextmanager
    def changing(self, engine: str) -> Iterator[Pool]:
        """A pool, for one change at a time.

        Raises:
            EngineError: engine_unknown, engine_not_ours or swap_in_progress.
        """
        if engine not in self.pools:
            raise EngineError(
                f"no engine that runs is called {engine[:80]!r}",
                code="engine_unknown",
                hint=f"the engines are: {', '.join(self.pools) or '(none)'}",
            )
        if self._settings.engines[engine].package is None:
            raise EngineError(
                f"{engine} runs elsewhere, so it is started, stopped and swapped there",
                code="engine_not_ours",
                hint=f"its address is engines.{engine}.url",
            )
        if engine in self._changing:
            raise EngineError(
                f"{engine} is being changed already",
                code="swap_in_progress",
                hint="wait until that is done: homeport engine list",
            )
        self._changing.add(engine)
        try:
            yield self.pools[engine]
        finally:
            self._changing.discard(engine)

    async def start_beside(self, engine: str, stored: StoredPackage, tell: Tell) -> tuple[Replica, ...]:
        """Start new children of a version, and wait until all of them have said a token.

        Raises:
            PackageError: the package is not what was pinned, or may not be used.
            EngineError: swap_failed; they did not answer. None of them is left.
        """
        reference = f"{stored.name}@{stored.digest}"
        tell(f"verifying {reference}")
        await asyncio.to_thread(verify_package, self._settings, self._home, reference)
        planned = self._planned(engine, stored, first=False)
        tell(f"starting {', '.join(plan.replica.name for plan in planned)}")
        started = self._start(planned)
        try:
            await self._wait_until_all_answer(engine, planned, started)
        except BaseException:  # also where somebody gave up waiting; raised again
            await self.stop([plan.replica.name for plan in planned])
            raise
        return tuple(plan.replica for plan in planned)

    async def stop(self, names: Iterable[str]) -> None:
        """Stop the children of replicas to which no request goes."""
        gone = [process for name in names if (process := self._running.pop(name, None)) is not None]
        await self._processes.stop(gone)

    async def standing(self, pool: Pool, digest: str) -> tuple[Replica, ...]:
        """The draining replicas of a version, where all of them answer and none is about to end; else none."""
        replicas = pool.of_digest(digest)
        stay = self._leaving.isdisjoint(replica.name for replica in replicas)
        return replicas if stay and await _all(self._answers, replicas) else ()

    async def turn_to(self, pool: Pool) -> None:
        """Let requests go by another state of a pool; returns when every process does.

        Raises:
            StorageError: run_state_unwritable; they go by the state that it had.
        """
        self._place(pool)
        self._drains.began(pool)
        await _until_all_say(self._home.engines_adopted, self._serial, _ADOPT_SECONDS)

    def give_up_ends(self) -> Sequence[asyncio.Task[None]]:
        """Wait no longer for requests by children that are to end: all of them will."""
        for task in self._ends:
            task.cancel()
        return tuple(self._ends)

    async def watch(self) -> None:
        """End replicas that have drained, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for engine in [engine for engine in self.pools if engine not in self._changing]:
                pool = self.pools[engine]
                names = self._drains.over(pool, self._settings.engines[engine].swap)
                if names:
                    try:
                        self._end(pool, names)
                    except StorageError as error:
                        logger.error("%s goes on for now: %s; %s", ", ".join(names), error.message, error.hint)
                        await asyncio.sleep(_TRY_AGAIN_S)

    def _end(self, pool: Pool, names: Sequence[str]) -> None:
        # Those of a pool that was taken out of service stay known: whoever asks for it is told that it is away.
        self._place(pool.without(names) if pool.serving else pool)
        self._drains.forget(names)
        self._leaving.update(names)
        task = asyncio.create_task(self._stop_unused(names, self._serial))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _stop_unused(self, names: Sequence[str], serial: int) -> None:
        """Stop children once no request can go by a placement that had them."""
        await _until_all_say(self._home.engines_used, serial, self._settings.longest_seconds() + _ADOPT_SECONDS)
        await self.stop(names)

    def _in_use(self, engine: str) -> StoredPackage | None:
        package = self._settings.engines[engine].package
        return None if package is None else Store(self._home.packages).get(package)

    def _planned(self, engine: str, stored: StoredPackage | None, *, first: bool) -> tuple[PlannedReplica, ...]:
        taken = self._taken - {engine} if first else self._taken
        names = replica_names(engine, self._settings.engines[engine].replicas, taken, first=first)
        self._taken.update(names)
        return plan_replicas(self._settings, self._home, engine, {name: self._port() for name in names}, stored)

    def _port(self) -> int:
        """One that no other child was given: until that one listens, the system may give it again."""
        port = next(port for port in iter(free_port, None) if port not in self._ports)
        self._ports.add(port)
        return port

    def _start(self, planned: Sequence[PlannedReplica]) -> list[Process]:
        started = []
        for plan in planned:
            if plan.launch.argv:
                self._running[plan.replica.name] = process = self._processes.start(
                    self._spec(plan), self._verifier(plan)
                )
                started.append(process)
        return started

    def _spec(self, plan: PlannedReplica) -> ChildSpec:
        name = f"engine-{plan.replica.name}"
        log = self._home.logs / f"{name.replace('/', '%2F')}.log"
        return ChildSpec(name=name, argv=plan.launch.argv, stdin=plan.launch.stdin, log=log)

    def _verifier(self, plan: PlannedReplica) -> Callable[[], Awaitable[None]] | None:
        if plan.package is None:
            return None
        reference = plan.package

        async def verify() -> None:
            await asyncio.to_thread(verify_package, self._settings, self._home, reference)

        return verify

    async def _wait_until_all_answer(
        self, engine: str, planned: Sequence[PlannedReplica], started: Sequence[Process]
    ) -> None:
        bound = self._settings.engines[engine].swap.start_seconds
        replicas = [plan.replica for plan in planned]
        try:
            async with asyncio.timeout(bound):
                while not (await _all(self._answers, replicas) and await _all(self._speaks, replicas)):
                    for process in started:
                        process.raise_failure(_TRIES)
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            raise EngineError(
                f"{engine} stays as it was: the new version did not answer within {bound:.0f} s",
                code="swap_failed",
                hint=f"look into {started[0].child.spec.log}, or raise engines.{engine}.swap.start_seconds",
            ) from None
        except EngineError as error:
            raise EngineError(
                f"{engine} stays as it was: {error.message}",
                code="swap_failed",
                hint=error.hint or f"look into {started[0].child.spec.log}",
            ) from error

    def _place(self, pool: Pool) -> None:
        """Tell another state of a pool; where that cannot be told, it has the one it had. Raises StorageError."""
        former, self.pools[pool.engine] = self.pools[pool.engine], pool
        try:
            self._publish()
        except StorageError:
            self.pools[pool.engine] = former
            raise

    def _publish(self) -> None:
        self._serial += 1
        write_placement(self._home, self.placement())


async def _all(probe: Probe, replicas: Sequence[Replica]) -> bool:
    return all(await asyncio.gather(*(probe(replica.endpoint) for replica in replicas)))


async def _until_all_say(folder: Path, serial: int, seconds: float) -> None:
    """Wait until every process says at least this serial, so long at most: one that hangs holds nobody up for ever."""
    for _ in range(round(seconds / _LOOK_EVERY_S)):
        told = least(folder)
        if told is None or told >= serial:
            return
        await asyncio.sleep(_LOOK_EVERY_S)

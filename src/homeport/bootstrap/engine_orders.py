"""What a person may tell a running `homeport up` to do with its engines."""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from homeport.bootstrap.control import Order
from homeport.bootstrap.engine_plans import version_of
from homeport.bootstrap.engine_pools import EnginePools, Tell
from homeport.bootstrap.shelved import shelved_packages
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import EngineError, HomeportError, PackageError
from homeport.engines.pool import Pool, Replica
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store


class ReplicaState(msgspec.Struct, frozen=True, kw_only=True):
    """One replica, as it is listed. `state`: `serving`, `draining`, or `stopped` for one that is down."""

    engine: str
    replica: str
    state: str
    version: str
    digest: str
    revision: str
    pid: int | None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order; `seconds`: until every process went by it."""

    engine: str
    version: str
    digest: str
    before: str
    seconds: float


class EngineOrders:
    """The orders, over the pools of one `homeport up`."""

    def __init__(self, settings: Settings, home: Home, pools: EnginePools) -> None:
        self._settings = settings
        self._home = home
        self._pools = pools

    async def carry_out(self, order: Order, tell: Tell) -> object:
        """Do as told, and say what became of it.

        Raises:
            HomeportError: as each order does, or order_unknown.
        """
        match order.command:
            case "list":
                return self.list()
            case "packages":
                return await asyncio.to_thread(shelved_packages, self._settings, self._home)
            case "swap":
                return await self.swap(order.engine, order.version, tell)
            case "rollback":
                return await self.rollback(order.engine, tell)
            case "restart":
                return await self.restart(order.engine, tell)
            case "drain":
                return await self.drain(order.engine, tell)
        raise EngineError(
            f"no order is called {order.command[:80]!r}",
            code="order_unknown",
            hint="the running homeport may be an older one: start it again",
        )

    def list(self) -> Sequence[ReplicaState]:
        return [self._state(pool, replica) for pool in self._pools.pools.values() for replica in pool.replicas]

    async def swap(self, engine: str, wanted: str, tell: Tell) -> Done:
        """Put a version in the place of the one that serves; it stays, also over the next start.

        Args:
            wanted: a version or a digest of the engine's package.

        Raises:
            PackageError, EngineError: the one that serves stays.
        """
        with self._pools.changing(engine) as pool:
            stored = version_of(self._settings, self._home, engine, wanted)
            return await self._turn_to(pool, stored, tell, lambda: self._store.use(stored.name, stored.digest))

    async def rollback(self, engine: str, tell: Tell) -> Done:
        """Swap to the version that was in use before. Raises as `swap`."""
        with self._pools.changing(engine) as pool:
            package = self._settings.engines[engine].package or ""
            history = self._store.history(package)
            serving = pool.version.digest if pool.version else ""
            before = history[: history.index(serving)] if serving in history else history
            if not before:
                raise PackageError(
                    f"no other version of {package} was in use before",
                    code="package_no_version_before",
                    hint=f"homeport engine swap {engine} VERSION",
                )
            stored = version_of(self._settings, self._home, engine, before[-1])
            is_newest = history[-1] == serving
            commit = self._store.rollback if is_newest else lambda name: self._store.use(name, stored.digest)
            return await self._turn_to(pool, stored, tell, lambda: commit(package))

    async def restart(self, engine: str, tell: Tell) -> Done:
        """New children of the same version in the place of those that there are. Raises as `swap`."""
        with self._pools.changing(engine) as pool:
            package = self._settings.engines[engine].package or ""
            known = pool.version or pool.replicas[0].version
            stored = version_of(self._settings, self._home, engine, known.digest)
            return await self._turn_to(pool, stored, tell, lambda: self._store.get(package), again=True)

    async def drain(self, engine: str, tell: Tell) -> Done:
        """Take an engine out of service: it ends its conversations and begins none, until it is restarted.

        Raises:
            EngineError: as `EnginePools.changing`.
        """
        with self._pools.changing(engine) as pool:
            started = time.monotonic()
            tell(f"no conversation begins at {engine} any more")
            await self._pools.turn_to(pool.drained())
            version = pool.replicas[0].version
            return Done(
                engine=engine,
                version=version.label,
                digest=version.digest,
                before=version.digest,
                seconds=time.monotonic() - started,
            )

    @property
    def _store(self) -> Store:
        return Store(self._home.packages)

    async def _turn_to(
        self, pool: Pool, stored: StoredPackage, tell: Tell, commit: Callable[[], object], *, again: bool = False
    ) -> Done:
        started = time.monotonic()
        serving = pool.version.digest if pool.version else ""
        if serving == stored.digest and not again:
            raise EngineError(
                f"{pool.engine} answers with {stored.version} already",
                code="engine_version_serves",
                hint="homeport package list shows the versions there are",
            )
        known = () if again else await self._pools.standing(pool, stored.digest)
        replicas = known or await self._pools.start_beside(pool.engine, stored, tell)
        try:
            commit()  # a crash from here on starts the new version
            tell("the new version answers; requests turn to it")
            await self._pools.turn_to(pool.replaced(replicas))
        except (HomeportError, OSError):  # such as a full disk; raised again
            if not known and self._pools.pools[pool.engine] is pool:
                await self._pools.stop(replica.name for replica in replicas)
            raise
        return Done(
            engine=pool.engine,
            version=stored.version,
            digest=stored.digest,
            before=serving,
            seconds=time.monotonic() - started,
        )

    def _state(self, pool: Pool, replica: Replica) -> ReplicaState:
        pid = self._pools.pid(replica.name)
        ours = self._settings.engines[pool.engine].package is not None
        state = "serving" if replica in pool.serving else "draining"
        return ReplicaState(
            engine=pool.engine,
            replica=replica.name,
            state=state if pid is not None or not ours else "stopped",
            version=replica.version.label,
            digest=replica.version.digest,
            revision=replica.version.revision,
            pid=pid,
        )

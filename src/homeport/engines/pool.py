"""The replicas of one engine: which of them begin conversations, which only end them, which are gone.

Pure: a pool is a value, and each step gives another one. Whoever starts and stops children goes by it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count

import msgspec

from homeport.engines.base import Endpoint

_REMEMBERED = 16
"""Revisions that are remembered after their end, so that their conversations are told that they begin anew."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a child loads.

    Attributes:
        digest: of the package's manifest; "" for what has no package.
        label: the package's own word for it, such as "1.4.0".
        revision: of all that decides answers, see `Target`.
    """

    digest: str = ""
    label: str = ""
    revision: str = ""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One child of a pool, or the server that runs elsewhere."""

    name: str
    version: Version
    endpoint: Endpoint


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of an engine at one moment.

    Attributes:
        engine: its name in the configuration.
        serving: all of one version; they begin conversations. Empty for one that was taken out of service.
        draining: they go on with the conversations that they have begun.
        former: revisions that are gone, the latest last.
    """

    engine: str
    serving: tuple[Replica, ...] = ()
    draining: tuple[Replica, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def replicas(self) -> tuple[Replica, ...]:
        return self.serving + self.draining

    @property
    def version(self) -> Version | None:
        """What new conversations are answered by; None for one that was taken out of service."""
        return self.serving[0].version if self.serving else None

    def replaced(self, replicas: tuple[Replica, ...]) -> "Pool":
        """New replicas serve, those that served drain; or draining ones serve again."""
        names = {replica.name for replica in replicas}
        draining = tuple(replica for replica in self.replicas if replica.name not in names)
        return msgspec.structs.replace(self, serving=replicas, draining=draining)

    def drained(self) -> "Pool":
        """All of it drains."""
        return msgspec.structs.replace(self, serving=(), draining=self.replicas)

    def without(self, names: Collection[str]) -> "Pool":
        """Draining replicas are gone; a revision of which no replica is left is a former one."""
        draining = tuple(replica for replica in self.draining if replica.name not in names)
        left = {replica.version.revision for replica in (*self.serving, *draining)}
        gone = dict.fromkeys(
            revision
            for revision in (*self.former, *(replica.version.revision for replica in self.draining))
            if revision not in left
        )
        return msgspec.structs.replace(self, draining=draining, former=tuple(gone)[-_REMEMBERED:])

    def of_digest(self, digest: str) -> tuple[Replica, ...]:
        """The draining replicas of a version."""
        return tuple(replica for replica in self.draining if replica.version.digest == digest)

    def lingers(self, replica: Replica) -> bool:
        """Whether conversations may want this draining replica: nobody else answers as it does."""
        return all(one.version.revision != replica.version.revision for one in self.serving)

    def endpoints(self) -> Iterator[tuple[str, Endpoint]]:
        """Where its replicas are, by their names, as the gateways are told."""
        for replica in self.serving:
            yield replica.name, msgspec.structs.replace(replica.endpoint, pool=self.engine, draining=False)
        for replica in self.draining:
            yield replica.name, msgspec.structs.replace(replica.endpoint, pool=self.engine, draining=True)


def replica_names(engine: str, replicas: int, taken: Collection[str], *, first: bool) -> tuple[str, ...]:
    """Names of new replicas: that of the engine for the one that it begins with, else it and a number.

    Args:
        taken: names that something has, or has had: a name is never another child's, so that what is known of one
            is not held against the next.
        first: the pool has had none yet.
    """
    if first and replicas == 1:
        return (engine,)
    free = (f"{engine}-{number}" for number in count(1 if first else 2))
    names = (name for name in free if name not in taken)
    return tuple(next(names) for _ in range(replicas))


def pool_of(engine: str, endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """The endpoints of one engine, by the names of its replicas."""
    return {name: endpoint for name, endpoint in endpoints.items() if (endpoint.pool or name) == engine}


def pool_slots(endpoints: Iterable[Endpoint]) -> int:
    """How many requests a pool answers at once; what drains beside its successor does not add to its machines."""
    pool = tuple(endpoints)
    return sum(one.slots for one in pool if not one.draining) or sum(one.slots for one in pool) or 1

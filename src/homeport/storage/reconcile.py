"""What the dead had leased: how much of it they spent, and the rest is free again.

A holder is judged once its process is gone and its whole journal is in the database. It spent what
its requests cost, reported or not, and what it had reserved for calls in flight: those reached an
upstream, and nobody knows their bill. Until then its whole lease counts as spent. Everything about
one holder happens in one transaction that also removes its leases, so it happens once.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select

from homeport.config.home import Home
from homeport.storage.accounts import Place, book, enter
from homeport.storage.corrections import KILLED, Claim
from homeport.storage.db import writing
from homeport.storage.holders import Holder, dead_holders, forget_holder, read_home_id
from homeport.storage.ingest import Ingested, Seen, ingest
from homeport.storage.leased import Lease, add_corrections, leases_of
from homeport.storage.lost import GivenUp, give_up
from homeport.storage.reservations import name_of, read_reservations
from homeport.storage.tables import leases

logger = logging.getLogger(__name__)

_STRAYS_EVERY = 240
"""Passes between two looks for leases of our processes whose files are gone: a minute."""

_STRAY_NS = 3_600_000_000_000
"""A process that lives trades sooner, however its files went; nobody can ask it whether it does."""


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a dead holder's leases, in nano-dollars.

    Attributes:
        unreported: its requests cost that, and it had not reported it.
        in_flight: it was reserved, and counts as spent.
        released: the rest; below zero where more was spent than leased.
    """

    unreported: int = 0
    in_flight: int = 0
    released: int = 0


class Reconciler:
    """Ingests, and then reconciles the holders of a state folder that were dead before.

    Args:
        seen: told of what was ingested.

    Raises:
        StorageError: the folder has no id.
    """

    def __init__(
        self, engine: Engine, home: Home, wall_ns: Callable[[], int] = time.time_ns, seen: Seen = lambda _: None
    ) -> None:
        self._engine = engine
        self._home = home
        self._home_id = read_home_id(home.identity)
        self._wall_ns = wall_ns
        self._seen = seen
        self._passes = 0

    def ingest(self) -> Ingested:
        """One pass over the journal, and over those who died before it began."""
        dead, strays = dead_holders(self._home.holders), self._strays()
        done = ingest(self._engine, self._home.journal, self._seen)
        for holder in dead:
            self._reconcile(holder)
        for holder in strays:
            _say_lost(holder, give_up(self._engine, holder.name, free=False, now=self._wall_ns()))
        return done

    def _reconcile(self, holder: Holder) -> None:
        path = self._home.reserved / holder.name
        try:
            reserved = read_reservations(path)
        except OSError as error:
            logger.error("%s cannot be read, so a dead process's leases count as spent: %s", path, error.strerror)
            return
        _say(holder, reconcile(self._engine, holder, reserved, self._wall_ns()))
        path.unlink(missing_ok=True)
        forget_holder(self._home.holders, holder)

    def _strays(self) -> Sequence[Holder]:
        """Our holders that have leases, have not traded for an hour and have no file: somebody emptied the folder."""
        self._passes += 1
        if self._passes % _STRAYS_EVERY != 1:
            return ()
        with self._engine.connect() as connection:
            # Before the files are looked at: a process makes its file first.
            silent = func.max(leases.c.seen_at) < self._wall_ns() - _STRAY_NS
            query = select(leases.c.holder).group_by(leases.c.holder).having(silent)
            named = connection.execute(query).scalars().all()
        found = (Holder.parse(name) for name in named)
        return [
            holder
            for holder in found
            if holder and holder.home == self._home_id and not (self._home.holders / holder.name).exists()
        ]


def reconcile(engine: Engine, holder: Holder, reserved: Mapping[tuple[str, str], int], now: int) -> Reconciled | None:
    """Book what a dead holder spent, and take its leases off the accounts; None where there are none.

    Its journal must be in the database.

    Args:
        reserved: of `read_reservations`.
        now: nanoseconds since the epoch.
    """
    with engine.connect() as connection:
        held = leases_of(connection, holder.name)
    if not held:
        return None
    total, claims = Reconciled(), list[Claim]()
    with writing(engine) as connection:
        for lease in held:
            found = _take(connection, holder, lease, reserved, now)
            if found is None:
                continue  # another process was faster, or it was empty and its account had ended
            total = _sum(total, found)
            claims.append(Claim(lease.budget, lease.place.instance, found.in_flight))
        add_corrections(connection, holder.name, claims, KILLED, now)
    return total if claims else None


def _take(
    connection: Connection, holder: Holder, lease: Lease, reserved: Mapping[tuple[str, str], int], now: int
) -> Reconciled | None:
    place = lease.place
    at = enter(connection, place, lease.budget.window, now)
    here = (leases.c.budget_id == place.budget_id, leases.c.instance == place.instance, leases.c.holder == holder.name)
    gone = connection.execute(delete(leases).where(*here).returning(leases.c.amount, leases.c.settled_total))
    row = gone.one_or_none()
    if row is None:
        return None
    unreported = max(0, lease.true - row.settled_total)
    in_flight = reserved.get(_recorded(place), 0)
    if unreported + in_flight:
        book(connection, place, lease.budget.window, at, unreported + in_flight)
    released = row.amount - unreported - in_flight
    return Reconciled(unreported=unreported, in_flight=in_flight, released=released)


def _recorded(place: Place) -> tuple[str, str]:
    """An account as `read_reservations` names it."""
    budget_id, _, instance = name_of(place.budget_id, place.instance).decode("utf-8", "replace").partition("\0")
    return budget_id, instance


def _sum(one: Reconciled, other: Reconciled) -> Reconciled:
    return Reconciled(
        unreported=one.unreported + other.unreported,
        in_flight=one.in_flight + other.in_flight,
        released=one.released + other.released,
    )


def _say(holder: Holder, found: Reconciled | None) -> None:
    if found is not None:
        logger.info(
            "leases of %s, which has ended: %d nano-dollars were spent unreported, %d in flight, %d released",
            holder.name,
            found.unreported,
            found.in_flight,
            found.released,
        )


def _say_lost(holder: Holder, done: GivenUp | None) -> None:
    if done is not None:
        logger.warning("%s has ended and its files are gone: %d nano-dollars count as spent", holder.name, done.booked)

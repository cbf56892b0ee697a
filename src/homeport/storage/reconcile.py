"""What the dead had leased: how much of it they spent, and the rest is free again.

A holder is judged once its process is gone and its whole journal is in the database. It spent what
its requests cost, reported or not, and what it had reserved for calls in flight: those reached an
upstream, and nobody knows their bill. Until then its whole lease counts as spent. Everything about
one holder happens in one transaction that also removes its leases, so it happens once.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine, Select, and_, delete, func, or_, select

from homeport.config.home import Home
from homeport.core.budgets import Budget
from homeport.core.types import Attempt
from homeport.storage.accounts import Place, book, enter
from homeport.storage.budgets import stored_budget
from homeport.storage.corrections import Claim, Name, Spender, account_name, correction, unknown_bills
from homeport.storage.db import writing
from homeport.storage.holders import Holder, dead_holders, forget_holder, read_home_id
from homeport.storage.ingest import Ingested, ingest, insert_events
from homeport.storage.reservations import name_of, read_reservations
from homeport.storage.tables import budgets, keys, leases, requests

logger = logging.getLogger(__name__)

_STRAYS_EVERY = 240
"""Passes between two looks for leases of our processes whose files are gone: a minute."""

_STRAY_NS = 3_600_000_000_000
"""A process that lives trades sooner, however its files went; nobody can ask it whether it does."""

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])


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

    Raises:
        StorageError: the folder has no id.
    """

    def __init__(self, engine: Engine, home: Home, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._home = home
        self._home_id = read_home_id(home.identity)
        self._wall_ns = wall_ns
        self._passes = 0

    def ingest(self) -> Ingested:
        """One pass over the journal, and over those who died before it began."""
        dead, strays = dead_holders(self._home.holders), self._strays()
        done = ingest(self._engine, self._home.journal)
        for holder in dead:
            self._reconcile(holder)
        for holder in strays:
            _say(holder, reconcile(self._engine, holder, None, self._wall_ns()))
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


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A dead holder's lease, and what its requests cost the account since it was opened."""

    place: Place
    budget: Budget
    true: int = 0


def reconcile(
    engine: Engine, holder: Holder, reserved: Mapping[tuple[str, str], int] | None, now: int
) -> Reconciled | None:
    """Book what a dead holder spent, and take its leases off the accounts; None where there are none.

    Its journal must be in the database.

    Args:
        reserved: of `read_reservations`; None where that is lost, so that everything leased counts as spent.
        now: nanoseconds since the epoch.
    """
    with engine.connect() as connection:
        held = _true_spend(connection, holder, _leases(connection, holder))
    if not held:
        return None
    total, claims = Reconciled(), []
    with writing(engine) as connection:
        for lease in held:
            found = _take(connection, holder, lease, reserved, now)
            if found is None:
                return None  # another process was faster
            total = _sum(total, found)
            claims.append(Claim(lease.budget, lease.place.instance, found.in_flight))
        if reserved is not None:
            _correct(connection, holder, claims, now)
    return total


def _take(
    connection: Connection, holder: Holder, lease: _Lease, reserved: Mapping[tuple[str, str], int] | None, now: int
) -> Reconciled | None:
    place = lease.place
    at = enter(connection, place, lease.budget.window, now)
    here = (leases.c.budget_id == place.budget_id, leases.c.instance == place.instance, leases.c.holder == holder.name)
    gone = connection.execute(delete(leases).where(*here).returning(leases.c.amount, leases.c.settled_total))
    row = gone.one_or_none()
    if row is None:
        return None
    unreported = max(0, lease.true - row.settled_total)
    in_flight = max(0, row.amount - unreported) if reserved is None else reserved.get(_recorded(place), 0)
    if unreported + in_flight:
        book(connection, place, lease.budget.window, at, unreported + in_flight)
    released = row.amount - unreported - in_flight
    return Reconciled(unreported=unreported, in_flight=in_flight, released=released)


def _recorded(place: Place) -> tuple[str, str]:
    """An account as `read_reservations` names it."""
    budget_id, _, instance = name_of(place.budget_id, place.instance).decode("utf-8", "replace").partition("\0")
    return budget_id, instance


def _correct(connection: Connection, holder: Holder, claims: Sequence[Claim], now: int) -> None:
    rows = unknown_bills(claims, _projects(connection, claims))
    insert_events(
        connection,
        [
            correction(f"{holder.name}-{number}", holder.name, spender, cost, now)
            for number, (spender, cost) in enumerate(rows)
        ],
    )


def _projects(connection: Connection, claims: Sequence[Claim]) -> Mapping[str, str]:
    named = [claim.budget.scope for claim in claims]
    query = select(keys.c.id, keys.c.project).where(keys.c.id.in_(named))
    return {row.id: row.project for row in connection.execute(query)}


def _leases(connection: Connection, holder: Holder) -> Sequence[tuple[_Lease, int]]:
    """With the time at which each was opened; in the order in which everybody locks accounts."""
    query = (
        select(budgets, leases.c.instance, leases.c.opened_at)
        .join(leases, leases.c.budget_id == budgets.c.id)
        .where(leases.c.holder == holder.name)
        .order_by(leases.c.budget_id, leases.c.instance)
    )
    return [
        (_Lease(place=Place(row["id"], row["instance"]), budget=stored_budget(row).budget), int(row["opened_at"]))
        for row in connection.execute(query).mappings()
    ]


def _true_spend(connection: Connection, holder: Holder, held: Sequence[tuple[_Lease, int]]) -> Sequence[_Lease]:
    by_name: dict[Name, list[int]] = defaultdict(list)
    for number, (lease, _) in enumerate(held):
        by_name[account_name(lease.budget, lease.place.instance)].append(number)
    true = [0] * len(held)
    for spender, ended_at, cost in _spending(connection, holder) if held else ():
        for name in spender.names():
            for number in by_name.get(name, ()):
                if ended_at >= held[number][1]:
                    true[number] += cost
    return [msgspec.structs.replace(lease, true=cost) for (lease, _), cost in zip(held, true, strict=True)]


def _spending(connection: Connection, holder: Holder) -> Iterator[tuple[Spender, int, int]]:
    """Who spent, when the request ended, and what remote models cost it."""
    at_home = select(requests.c.target).where(requests.c.holder == holder.name, requests.c.local).distinct()
    local = frozenset(connection.execute(at_home).scalars())
    for row in connection.execute(_billed(holder)):
        attempts = _attempts.decode(row.attempts)
        answer = 0 if row.local else row.cost - sum(attempt.cost for attempt in attempts)
        lost = sum(attempt.cost for attempt in attempts if attempt.target not in local)
        spender = Spender(key_id=row.key_id, project=row.project, end_user=row.end_user, trace_id=row.trace_id)
        yield spender, row.started_at + row.latency_ns, answer + lost


def _billed(holder: Holder) -> Select[tuple[object, ...]]:
    lost_something = func.replace(requests.c.attempts, '"cost":0', "").contains('"cost":')
    return select(
        requests.c.key_id,
        requests.c.project,
        requests.c.end_user,
        requests.c.trace_id,
        requests.c.started_at,
        requests.c.latency_ns,
        requests.c.cost,
        requests.c.local,
        requests.c.attempts,
    ).where(
        requests.c.holder == holder.name,
        or_(and_(~requests.c.local, requests.c.cost > 0), and_(requests.c.local, lost_something)),
    )


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

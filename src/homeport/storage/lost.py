"""Who holds money of budgets, and what to do about a holder whose state folder is lost.

What a dead process leased counts as spent until the jobs worker of its state folder has read what it
did. A folder that is gone for good has no such worker, so a person gives its holders up. By default
everything counts as spent that may have been, and the ledger gets rows for what it does not know.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from homeport.config.home import Home
from homeport.core.errors import InvalidRequest, NotFound
from homeport.storage.accounts import book, enter
from homeport.storage.corrections import LOST, Claim
from homeport.storage.db import writing
from homeport.storage.holders import holder_lives, read_home_id
from homeport.storage.leased import Lease, add_corrections, leases_of
from homeport.storage.tables import budgets, leases

LATELY_NS = 900 * 1_000_000_000
"""Who holds money and lives trades at least once a minute; so long a silence is no database that was slow."""


class State(StrEnum):
    """What is known of a holder.

    ALIVE: its process runs, or has traded lately. ENDED: its process is gone, and the jobs worker of its
    state folder settles what it held. SILENT: nobody who uses its state folder has traded lately.
    """

    ALIVE = "alive"
    ENDED = "ended"
    SILENT = "silent"


class HeldLease(msgspec.Struct, frozen=True, kw_only=True):
    """A slice of an account; `amount` in nano-dollars, times in nanoseconds since the epoch."""

    budget_id: str
    budget: str
    instance: str
    amount: int
    opened_at: int
    seen_at: int


class HolderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One start of one process, and what it has leased, the largest first."""

    name: str
    state: State
    leases: tuple[HeldLease, ...]

    @property
    def held(self) -> int:
        """In nano-dollars, over all its accounts: a call holds as much in each that it is spent from."""
        return sum(lease.amount for lease in self.leases)

    @property
    def since(self) -> int:
        return min(lease.opened_at for lease in self.leases)

    @property
    def seen_at(self) -> int:
        return max(lease.seen_at for lease in self.leases)


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a lost holder's leases, in nano-dollars.

    Attributes:
        booked: counts as spent from now on.
        freed: the rest; below zero where more was spent than leased.
        corrected: the sum of the rows that the ledger got, for what it does not know in detail.
    """

    booked: int = 0
    freed: int = 0
    corrected: int = 0


def list_holders(engine: Engine, home: Home, now: int) -> Sequence[HolderFacts]:
    """Everybody who has leases, the longest silent first.

    Args:
        home: whose processes are known to live or not; of others it is known when they traded last.
        now: nanoseconds since the epoch.
    """
    held = _held(engine)
    last_seen: dict[str, int] = {}
    for name, mine in held.items():
        folder = folder_of(name)
        last_seen[folder] = max(last_seen.get(folder, 0), *(lease.seen_at for lease in mine))
    own = read_home_id(home.identity)
    found = [
        HolderFacts(
            name=name,
            state=_here(home, name) if folder_of(name) == own else _elsewhere(mine, last_seen[folder_of(name)], now),
            leases=tuple(sorted(mine, key=lambda lease: -lease.amount)),
        )
        for name, mine in held.items()
    ]
    return sorted(found, key=lambda facts: (facts.seen_at, facts.name))


def folder_of(name: str) -> str:
    """The state folder that a holder's name tells."""
    return name.partition("-")[0]


def give_up(engine: Engine, holder: str, *, free: bool, now: int) -> GivenUp | None:
    """Take a lost holder's leases off the accounts, all in one transaction; None where there are none.

    What its rows of the ledger cost and it had not reported is booked. So is the rest of what it had
    leased; or, with `free`, it is free again, and the budget may be overrun by so much. What is booked,
    or was reported, and has no row in the ledger gets one.

    Args:
        holder: who has not traded for `LATELY_NS`, and whose journal, if there is one, is in the database.
        free: nothing was spent that is not in the ledger: somebody has looked at the upstream's bill.
        now: nanoseconds since the epoch.

    Raises:
        InvalidRequest: holder_alive, it has traded lately.
    """
    with engine.connect() as connection:
        held = leases_of(connection, holder)
    total, claims = GivenUp(), list[Claim]()
    with writing(engine) as connection:
        for lease in held:
            taken = _take(connection, holder, lease, free=free, now=now)
            if taken is None:
                continue  # another one was faster, or it was empty and its account had ended
            total = _sum(total, taken)
            claims.append(Claim(lease.budget, lease.place.instance, taken.corrected))
        corrected = add_corrections(connection, holder, claims, LOST, now)
    return msgspec.structs.replace(total, corrected=corrected) if claims else None


def unknown_holder(word: str) -> NotFound:
    return NotFound(
        f"nobody called {word[:64]!r} has leases of budgets", code="holder_unknown", hint="homeport budget holders"
    )


def still_alive(name: str, state: State = State.ALIVE) -> InvalidRequest:
    """The refusal to give up one who is not lost."""
    if state is State.ENDED:
        message = f"{name} has ended, and its state folder is in use: the jobs worker there settles what it held"
        return InvalidRequest(
            message, code="holder_not_lost", hint="see that `homeport up` or `homeport jobs` runs there"
        )
    return InvalidRequest(
        f"{name} lives: it was seen in the last {LATELY_NS // 60_000_000_000} minutes",
        code="holder_alive",
        hint="stop its process; if its state folder is lost, wait and ask again",
    )


def _take(connection: Connection, holder: str, lease: Lease, *, free: bool, now: int) -> GivenUp | None:
    """One lease; `corrected` is what the ledger lacks of the account. None where the lease is gone."""
    place = lease.place
    at = enter(connection, place, lease.budget.window, now)
    here = (leases.c.budget_id == place.budget_id, leases.c.instance == place.instance, leases.c.holder == holder)
    told = (leases.c.amount, leases.c.settled_total, leases.c.seen_at)
    row = connection.execute(delete(leases).where(*here).returning(*told)).one_or_none()
    if row is None:
        return None
    if row.seen_at > now - LATELY_NS:
        raise still_alive(holder)
    unreported = max(0, lease.true - row.settled_total)
    rest = max(0, row.amount - unreported)
    booked = unreported if free else unreported + rest
    if booked:
        book(connection, place, lease.budget.window, at, booked)
    # What it had reported and has no row of was in the journal that is lost.
    return GivenUp(booked=booked, freed=row.amount - booked, corrected=row.settled_total + booked - lease.true)


def _held(engine: Engine) -> Mapping[str, Sequence[HeldLease]]:
    columns = (leases.c.instance, leases.c.amount, leases.c.opened_at, leases.c.seen_at)
    query = select(leases.c.holder, leases.c.budget_id, budgets.c.name.label("budget"), *columns).join(
        budgets, budgets.c.id == leases.c.budget_id
    )
    found: dict[str, list[HeldLease]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            fields = {name: row[name] for name in HeldLease.__struct_fields__}
            found.setdefault(row["holder"], []).append(HeldLease(**fields))
    return found


def _here(home: Home, name: str) -> State:
    return State.ALIVE if holder_lives(home.holders, name) else State.ENDED


def _elsewhere(mine: Sequence[HeldLease], folder_seen: int, now: int) -> State:
    # A time ahead of `now` is from a clock that is ahead, or was: as good as now.
    if max(lease.seen_at for lease in mine) > now - LATELY_NS:
        return State.ALIVE
    return State.ENDED if folder_seen > now - LATELY_NS else State.SILENT


def _sum(one: GivenUp, other: GivenUp) -> GivenUp:
    return GivenUp(booked=one.booked + other.booked, freed=one.freed + other.freed)

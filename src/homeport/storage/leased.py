"""What a holder that is gone had leased, what the ledger says that it spent, and rows for what it does not say."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Select, and_, func, or_, select

from homeport.core.budgets import Budget
from homeport.core.types import Attempt
from homeport.storage.accounts import Place
from homeport.storage.budgets import stored_budget
from homeport.storage.corrections import SURFACE, Cause, Claim, Name, Spender, account_name, correction, unknown_bills
from homeport.storage.ingest import insert_events
from homeport.storage.tables import budgets, keys, leases, requests

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A holder's lease, and what its requests cost the account since it was opened, in nano-dollars."""

    place: Place
    budget: Budget
    true: int = 0


def leases_of(connection: Connection, holder: str) -> Sequence[Lease]:
    """Every lease of a holder, by its name, in the order in which everybody locks accounts."""
    return _true_spend(connection, holder, _opened(connection, holder))


def add_corrections(connection: Connection, holder: str, claims: Sequence[Claim], cause: Cause, now: int) -> int:
    """Rows of the ledger for what the claims may have cost; their sum, in nano-dollars."""
    rows = unknown_bills(claims, _projects(connection, claims))
    if not rows:
        return 0
    mine = (requests.c.holder == holder, requests.c.surface == SURFACE)
    first = connection.execute(select(func.count()).where(*mine)).scalar_one()
    events = [
        correction(f"{holder}-{number}", holder, spender, cost, now, cause)
        for number, (spender, cost) in enumerate(rows, first)
    ]
    insert_events(connection, events)
    return sum(event.cost for event in events)


def _projects(connection: Connection, claims: Sequence[Claim]) -> Mapping[str, str]:
    named = [claim.budget.scope for claim in claims]
    query = select(keys.c.id, keys.c.project).where(keys.c.id.in_(named))
    return {row.id: row.project for row in connection.execute(query)}


def _opened(connection: Connection, holder: str) -> Sequence[tuple[Lease, int]]:
    """With the time at which each was opened."""
    query = (
        select(budgets, leases.c.instance, leases.c.opened_at)
        .join(leases, leases.c.budget_id == budgets.c.id)
        .where(leases.c.holder == holder)
        .order_by(leases.c.budget_id, leases.c.instance)
    )
    return [
        (Lease(place=Place(row["id"], row["instance"]), budget=stored_budget(row).budget), int(row["opened_at"]))
        for row in connection.execute(query).mappings()
    ]


def _true_spend(connection: Connection, holder: str, held: Sequence[tuple[Lease, int]]) -> Sequence[Lease]:
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


def _spending(connection: Connection, holder: str) -> Iterator[tuple[Spender, int, int]]:
    """Who spent, when the request ended, and what remote models cost it."""
    at_home = select(requests.c.target).where(requests.c.holder == holder, requests.c.local).distinct()
    local = frozenset(connection.execute(at_home).scalars())
    for row in connection.execute(_billed(holder)):
        attempts = _attempts.decode(row.attempts)
        answer = 0 if row.local else row.cost - sum(attempt.cost for attempt in attempts)
        lost = sum(attempt.cost for attempt in attempts if attempt.target not in local)
        spender = Spender(key_id=row.key_id, project=row.project, end_user=row.end_user, trace_id=row.trace_id)
        yield spender, row.started_at + row.latency_ns, answer + lost


def _billed(holder: str) -> Select[tuple[object, ...]]:
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
        requests.c.holder == holder,
        requests.c.surface != SURFACE,  # its leases of that time are gone
        or_(and_(~requests.c.local, requests.c.cost > 0), and_(requests.c.local, lost_something)),
    )

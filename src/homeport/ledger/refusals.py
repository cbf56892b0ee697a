"""Requests that were refused for want of money, from the ledger: the request path tells nobody else."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import BigInteger, Engine, cast, func, select

from homeport.core.budgets import OF_BUDGET
from homeport.core.errors import BudgetExceeded
from homeport.storage.tables import requests

_MOST_GROUPS = 1_000


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """How many a budget refused, for whom, and when the last one came in; nanoseconds since the epoch."""

    budget: str
    end_user: str
    trace_id: str
    count: int
    last_at: int


def refusals_since(engine: Engine, start: int) -> Sequence[Refusals]:
    """Those that came in from `start` on, by budget, user and trace; the busiest thousand of them."""
    count, last = func.count(), func.max(requests.c.started_at)
    who = (requests.c.reason, requests.c.end_user, requests.c.trace_id)
    query = (
        select(*who, count, cast(last, BigInteger))
        .where(
            requests.c.started_at >= start,
            requests.c.error == BudgetExceeded.default_code,
            requests.c.reason.startswith(OF_BUDGET),
        )
        .group_by(*who)
        .order_by(count.desc())
        .limit(_MOST_GROUPS)
    )
    with engine.connect() as connection:
        return [
            Refusals(budget=reason.removeprefix(OF_BUDGET), end_user=user, trace_id=trace, count=number, last_at=at)
            for reason, user, trace, number, at in connection.execute(query)
        ]

"""Whose money a row of the ledger is, and the rows of calls whose bill nobody knows. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from homeport.core.budgets import EACH, Budget, ScopeKind
from homeport.core.events import RequestFinished
from homeport.core.types import Outcome

SURFACE = "correction"
"""The surface of rows that no request made."""

Name = tuple[ScopeKind, str]


class Cause(msgspec.Struct, frozen=True):
    """Why a row is there that no request made: its `reason` and its `price_source`."""

    reason: str
    price_source: str


KILLED = Cause("reserved when its process was killed", "reservation")
LOST = Cause("leased when its state folder was lost", "lease")


class Spender(msgspec.Struct, frozen=True, kw_only=True):
    """Who spent, as a row of the ledger says it; "" for what is not known."""

    key_id: str = ""
    project: str = ""
    end_user: str = ""
    trace_id: str = ""

    def names(self) -> Iterator[Name]:
        """What each account that this is spent from is of; the same accounts that a request is let in by."""
        yield ScopeKind.ALL, ""
        yield ScopeKind.KEY, self.key_id
        yield ScopeKind.USER, self.end_user
        yield ScopeKind.TRACE, self.trace_id
        names = self.project.split("/")
        yield from ((ScopeKind.PROJECT, "/".join(names[:depth])) for depth in range(1, len(names) + 1))


class Claim(msgspec.Struct, frozen=True):
    """Nano-dollars that one process had reserved from an account for calls in flight."""

    budget: Budget
    instance: str
    amount: int


def account_name(budget: Budget, instance: str) -> Name:
    """What an account is of."""
    return budget.kind, instance if budget.scope == EACH else budget.scope


def unknown_bills(claims: Sequence[Claim], projects: Mapping[str, str]) -> Sequence[tuple[Spender, int]]:
    """What calls in flight may have cost, each nano-dollar once although every account of a call claims it.

    Keys come first, then projects from the innermost out, then everything: what a claim has above the
    rows that count for it already is a row of its own. Users and traces lie across these: only what all
    of them have above the sum of the rows is one more.

    Args:
        projects: of keys, by id.
    """
    rows: list[tuple[Spender, int]] = []
    nested = [claim for claim in claims if claim.budget.kind in (ScopeKind.KEY, ScopeKind.PROJECT, ScopeKind.ALL)]
    for claim in sorted(nested, key=_innermost):
        name = account_name(claim.budget, claim.instance)
        counted = sum(cost for spender, cost in rows if name in spender.names())
        if claim.amount > counted:
            rows.append((_spender(name, projects), claim.amount - counted))
    for kind in (ScopeKind.USER, ScopeKind.TRACE):
        across = _largest(claims, kind)
        rest = sum(across.values()) - sum(cost for _, cost in rows)
        if rest > 0:
            rows.append((_spender((kind, next(iter(across)) if len(across) == 1 else ""), projects), rest))
    return rows


def correction(
    request_id: str, holder: str, spender: Spender, cost: int, at: int, cause: Cause = KILLED
) -> RequestFinished:
    """A row for calls whose bill nobody knows any more; they may have reached an upstream."""
    return RequestFinished(
        request_id=request_id,
        started_at=at,
        key_id=spender.key_id,
        surface=SURFACE,
        requested_model="",
        tier="",
        target="",
        upstream="",
        model="",
        local=False,
        data_class="",
        stream=False,
        outcome=Outcome.CANCELLED,
        status=499,
        error="",
        reason=cause.reason,
        input_tokens=0,
        cached_input_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        estimated=True,
        cost=cost,
        price_source=cause.price_source,
        latency_ns=0,
        ttft_ns=0,
        attempts=(),
        project=spender.project,
        end_user=spender.end_user,
        trace_id=spender.trace_id,
        holder=holder,
    )


def _innermost(claim: Claim) -> tuple[int, int]:
    order = (ScopeKind.KEY, ScopeKind.PROJECT, ScopeKind.ALL)
    return order.index(claim.budget.kind), -claim.budget.scope.count("/")


def _largest(claims: Sequence[Claim], kind: ScopeKind) -> Mapping[str, int]:
    """By user or trace: several budgets of one claim the same money."""
    found: dict[str, int] = {}
    for claim in claims:
        if claim.budget.kind is kind:
            name = account_name(claim.budget, claim.instance)[1]
            found[name] = max(found.get(name, 0), claim.amount)
    return found


def _spender(name: Name, projects: Mapping[str, str]) -> Spender:
    kind, scope = name
    if kind is ScopeKind.KEY:
        return Spender(key_id=scope, project=projects.get(scope, ""))
    if kind is ScopeKind.PROJECT:
        return Spender(project=scope)
    if kind is ScopeKind.USER:
        return Spender(end_user=scope)
    return Spender(trace_id=scope) if kind is ScopeKind.TRACE else Spender()

"""Every change to budgets: `homeport budget` and the admin API are two ways to ask for it."""

import copy
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Self

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection, Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.api.bodies import read
from homeport.api.keys import PROJECT
from homeport.config.fields import NAME
from homeport.core.audit import HOMEPORT, Actor, Asker
from homeport.core.budgets import Action as AtCap
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.money import NANO_PER_USD, Nano, format_usd, parse_usd
from homeport.storage import audit
from homeport.storage.budgets import (
    Noted,
    Standing,
    StoredBudget,
    add_budget,
    change_budget,
    list_budgets,
    remove_budget,
    standings,
)
from homeport.storage.keys import list_keys

MOST_BUDGETS = 10_000
MOST_USD = 1_000_000_000
_MOST_THRESHOLDS = 10
_MOST_ACCOUNTS = 100
_LONGEST_INSTANCE = 128
_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")
_SECOND = 1_000_000_000


class BudgetFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a budget, all at once or in part; what is left out stays as it is.

    Attributes:
        name: up to 128 letters, digits and . _ : / -; unique.
        kind: what it is of; with `scope` and `window` it cannot be changed later.
        scope: nothing for `all`; a project; a key's id; a user's or a trace's name, or "*" for each of them.
        limit_usd: dollars in a window, exactly: text such as "25.00", or a whole number.
        thresholds: per cent of the limit at which somebody is told.
    """

    name: str | UnsetType = UNSET
    kind: ScopeKind | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    limit_usd: str | int | UnsetType = UNSET
    window: Window | UnsetType = UNSET
    action: AtCap | UnsetType = UNSET
    thresholds: Annotated[list[Annotated[int, Meta(ge=1, le=100)]], Meta(max_length=_MOST_THRESHOLDS)] | UnsetType = (
        UNSET
    )


class BudgetFacts(Struct, frozen=True):
    """A budget, and how each of its accounts stands, the one with the least left first."""

    stored: StoredBudget
    accounts: Sequence[Standing]


class BudgetRegistry:
    """The budgets of the database.

    Args:
        wall_ns: nanoseconds since the epoch.

    Raises (every change): InvalidRequest budget_invalid, budget_name_taken, budget_fixed or too_many_budgets;
    NotFound budget_unknown, and key_unknown for the key of a new budget.
    """

    def __init__(self, engine: Engine, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._wall_ns = wall_ns
        self._actor = HOMEPORT

    def by(self, actor: Actor) -> Self:
        """The same, for changes that somebody makes: the audit log has them with the name."""
        mine = copy.copy(self)
        mine._actor = actor
        return mine

    def every(self) -> Sequence[BudgetFacts]:
        """Every budget that is not removed, oldest first."""
        accounts: dict[str, list[Standing]] = {}
        for standing in standings(self._engine, self._wall_ns()):
            accounts.setdefault(standing.budget.id, []).append(standing)
        return [_facts(stored, accounts.get(stored.budget.id, ())) for stored in list_budgets(self._engine)]

    def get(self, budget_id: str) -> BudgetFacts:
        for stored in list_budgets(self._engine):
            if stored.budget.id == budget_id:
                return _facts(stored, standings(self._engine, self._wall_ns(), budget_id))
        raise _unknown(budget_id)

    def find(self, word: str) -> str:
        """The id of the budget with this id or this name."""
        for stored in list_budgets(self._engine):
            if word in (stored.budget.id, stored.budget.name):
                return stored.budget.id
        raise _unknown(word)

    def create(self, fields: BudgetFields) -> BudgetFacts:
        needed = {"name": fields.name, "kind": fields.kind, "limit_usd": fields.limit_usd, "window": fields.window}
        for name, value in needed.items():
            if value is UNSET:
                raise _wrong(f"a budget needs {name}", name)
        said = checked(fields)
        self._check_key(said["kind"], said.setdefault("scope", ""))
        if len(list_budgets(self._engine)) >= MOST_BUDGETS:
            raise InvalidRequest(
                f"there are {MOST_BUDGETS} budgets already",
                code="too_many_budgets",
                hint="remove some, or let one budget of users or traces with the scope * have an account for each",
            )
        budget = Budget(id=f"bud_{secrets.token_hex(8)}", **said)
        add_budget(self._engine, budget, self._wall_ns(), self._note("budget.create"))
        return self.get(budget.id)

    def update(self, budget_id: str, fields: BudgetFields) -> BudgetFacts:
        before = self.get(budget_id).stored.budget
        if fields.scope is not UNSET and fields.kind is UNSET:
            fields = msgspec.structs.replace(fields, kind=before.kind)
        said = checked(fields)
        note = self._note("budget.update")
        if change_budget(self._engine, budget_id, lambda budget: msgspec.structs.replace(budget, **said), note) is None:
            raise _unknown(budget_id)
        return self.get(budget_id)

    def remove(self, budget_id: str) -> None:
        """It caps nothing from now on. What was spent stays in the ledger."""
        if not remove_budget(self._engine, budget_id, self._wall_ns(), self._note("budget.remove")):
            raise _unknown(budget_id)

    def _note(self, action: str) -> Noted:
        def note(connection: Connection, before: Budget | None, after: Budget | None) -> None:
            one = after or before
            assert one is not None
            audit.write(connection, self._actor, action, one.id, _said(before), _said(after), self._wall_ns())

        return note

    def _check_key(self, kind: ScopeKind, scope: str) -> None:
        if kind is ScopeKind.KEY and scope not in {
            stored.key.id for stored in list_keys(self._engine) if stored.revoked_at is None
        }:
            raise NotFound(f"no live key has the id {scope[:64]!r}", code="key_unknown", hint="homeport keys list")


def checked(fields: BudgetFields) -> dict[str, Any]:
    """What was said as values of `Budget`. Raises InvalidRequest budget_invalid."""
    said = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}
    if "name" in said and not NAME.fullmatch(said["name"]):
        raise _wrong("a budget's name has 1 to 128 letters, digits and . _ : / -", "name")
    if "limit_usd" in said:
        said["limit"] = amount(said.pop("limit_usd"))
    if "thresholds" in said:
        said["thresholds"] = tuple(sorted(set(said["thresholds"])))
    if "kind" in said or "scope" in said:
        _check_scope(said.get("kind", ScopeKind.ALL), said.get("scope", ""))
    return said


def amount(usd: str | int) -> Nano:
    """A limit in nano-dollars: above 0, up to a billion dollars, no finer than a nano-dollar."""
    text = str(usd).strip().removeprefix("$")
    nanos = parse_usd(text) if _AMOUNT.fullmatch(text) else Nano(0)
    if not 0 < nanos <= MOST_USD * NANO_PER_USD:
        raise _wrong(
            f"a limit is above 0 and up to {MOST_USD} dollars, with at most nine decimals", "limit_usd", "write 25.00"
        )
    return nanos


def budget_view(facts: BudgetFacts) -> dict[str, Any]:
    """For JSON: the budget, and how its tightest account stands. Sums are exact decimals, times seconds."""
    budget = facts.stored.budget
    tightest = facts.accounts[0] if facts.accounts else Standing(budget=budget)
    return {
        "id": budget.id,
        "name": budget.name,
        "kind": budget.kind,
        "scope": budget.scope,
        "limit_usd": format_usd(budget.limit),
        "window": budget.window,
        "action": budget.action,
        "thresholds": budget.thresholds,
        "created_at": facts.stored.created_at / _SECOND,
        **_standing(tightest),
        "accounts": len(facts.accounts),
    }


def detailed_view(facts: BudgetFacts) -> dict[str, Any]:
    """The same with its accounts, at most a hundred, the tightest first."""
    return {**budget_view(facts), "tightest": [_standing(account) for account in facts.accounts[:_MOST_ACCOUNTS]]}


class BudgetActions:
    """`Resource` of /admin/v1/budgets."""

    def __init__(self, registry: BudgetRegistry) -> None:
        self._registry = registry

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        match parts:
            case ["budgets"]:
                return {"GET": self._list, "POST": self._create}
            case ["budgets", budget_id] if budget_id:
                return {
                    "GET": lambda _, __: self._told(partial(self._registry.get, budget_id)),
                    "PATCH": lambda asker, body: self._update(asker, budget_id, body),
                    "DELETE": lambda asker, __: self._remove(asker, budget_id),
                }
        return {}

    async def _list(self, _: Asker, __: bytes) -> Answer:
        return 200, {"object": "list", "data": [budget_view(one) for one in await off_the_loop(self._registry.every)]}

    async def _create(self, asker: Asker, body: bytes) -> Answer:
        return await self._told(partial(self._registry.by(asker.actor).create, read(body, _FIELDS)[0]), status=201)

    async def _update(self, asker: Asker, budget_id: str, body: bytes) -> Answer:
        change = partial(self._registry.by(asker.actor).update, budget_id, read(body, _FIELDS)[0])
        return await self._told(change)

    async def _remove(self, asker: Asker, budget_id: str) -> Answer:
        await off_the_loop(partial(self._registry.by(asker.actor).remove, budget_id))
        return 200, {"id": budget_id, "removed": True}

    async def _told(self, work: Callable[[], BudgetFacts], status: int = 200) -> Answer:
        return status, detailed_view(await off_the_loop(work))


_FIELDS = msgspec.json.Decoder(BudgetFields)


def _said(budget: Budget | None) -> Mapping[str, Any]:
    if budget is None:
        return {}
    fields = {name: value for name, value in msgspec.structs.asdict(budget).items() if name not in ("id", "limit")}
    return {**fields, "limit_usd": format_usd(budget.limit)}


def _facts(stored: StoredBudget, accounts: Sequence[Standing]) -> BudgetFacts:
    return BudgetFacts(stored, sorted(accounts, key=lambda one: (one.remaining, one.instance)))


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "instance": standing.instance,
        "spent_usd": format_usd(standing.spent),
        "leased_usd": format_usd(standing.leased),
        "remaining_usd": format_usd(standing.remaining),
        "resets_at": None if standing.resets_at is None else standing.resets_at / _SECOND,
    }


def _check_scope(kind: ScopeKind, scope: str) -> None:
    match kind:
        case ScopeKind.ALL:
            right = scope == ""
            hint = "a budget of all has no scope"
        case ScopeKind.PROJECT:
            right = re.fullmatch(PROJECT, scope) is not None
            hint = "write up to three names, such as acme/search; it caps everything below it together"
        case ScopeKind.KEY:
            right = re.fullmatch(r"key_[0-9a-zA-Z_]{1,36}", scope) is not None
            hint = "name a key's id; make a budget for each key"
        case _:
            right = 0 < len(scope) <= _LONGEST_INSTANCE and scope.isprintable() and scope == scope.strip()
            hint = f"name a {kind}, or write * for an account of its own for each"
    if not right:
        raise _wrong(f"{scope[:64]!r} is not the scope of a budget of {kind}", "scope", hint)


def _wrong(message: str, param: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(message, code="budget_invalid", param=param, hint=hint)


def _unknown(word: str) -> NotFound:
    return NotFound(
        f"no budget has the id or the name {word[:64]!r}", code="budget_unknown", hint="homeport budget list"
    )

"""Budgets: hard caps on what remote models may cost; make, change and remove them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from homeport.api.admin import off_the_loop
from homeport.api.budgets import BudgetFields, budget_view
from homeport.api.errors import status_of
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Form, Visit
from homeport.core.budgets import Action, ScopeKind, Window
from homeport.core.errors import HomeportError, InvalidRequest
from homeport.core.money import parse_usd

_MOST_ROWS = 500
_NAMES = ("name", "kind", "scope", "limit_usd", "window", "action")


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Budgets & policies",
        path="/console/budgets",
        place=100,
        routes={
            "GET /console/budgets": desk.show,
            "POST /console/budgets": desk.create,
            "POST /console/budgets/{budget_id}": desk.change,
            "POST /console/budgets/{budget_id}/remove": desk.remove,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, visit: Visit) -> Answer:
        return await self._page(visit)

    async def create(self, visit: Visit) -> Answer:
        registry = self._parts.budgets.by(visit.actor)
        return await self._done(visit, lambda: registry.create(fields_of(visit.form)))

    async def change(self, visit: Visit) -> Answer:
        registry, budget_id = self._parts.budgets.by(visit.actor), visit.words["budget_id"]
        return await self._done(visit, lambda: registry.update(budget_id, fields_of(visit.form)))

    async def remove(self, visit: Visit) -> Answer:
        registry = self._parts.budgets.by(visit.actor)
        return await self._done(visit, partial(registry.remove, visit.words["budget_id"]))

    async def _done(self, visit: Visit, change: Callable[[], object]) -> Answer:
        try:
            await off_the_loop(change)
        except HomeportError as error:
            return await self._page(visit, error)
        return Redirect(to="/console/budgets?done=changed")

    async def _page(self, visit: Visit, error: HomeportError | None = None) -> Html:
        facts = await off_the_loop(self._parts.budgets.every)
        keys = await off_the_loop(self._parts.keys.every)
        routing = self._parts.settings.routing
        values = {
            "title": "Budgets & policies",
            "budgets": [_row(budget_view(one)) for one in facts[:_MOST_ROWS]],
            "names": {stored.key.id: stored.key.name for stored in keys},
            "left_out": max(0, len(facts) - _MOST_ROWS),
            "kinds": [str(kind) for kind in ScopeKind],
            "windows": [str(window) for window in Window],
            "actions": [str(action) for action in Action],
            "policy": routing.policy,
            "tiers": [tier.name for tier in self._parts.settings.tiers],
            "said": visit.form,
            "made": error is not None and not visit.words,
            "done": visit.query.get("done") == "changed",
            "error": error,
        }
        return Html(template="budgets.html", values=values, status=status_of(error)[0] if error else 200)


def fields_of(form: Form) -> BudgetFields:
    """What a form says of a budget; what is left empty stays as it is. Raises InvalidRequest."""
    said: dict[str, Any] = {name: form.one(name) for name in _NAMES if form.one(name)}
    try:
        return msgspec.convert(said, BudgetFields)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None


def _row(view: dict[str, Any]) -> dict[str, Any]:
    """With its sums in nano-dollars, and how much of the limit is used."""
    sums = {name: parse_usd(view[f"{name}_usd"]) for name in ("limit", "spent", "leased", "remaining")}
    return {**view, **sums, "used": min(1.0, (sums["spent"] + sums["leased"]) / sums["limit"])}

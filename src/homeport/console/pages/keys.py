"""Keys: who may ask the gateway; make, rotate and revoke them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from homeport.api.admin import off_the_loop
from homeport.api.errors import status_of
from homeport.api.keys import Issued, KeyFields, view
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Form, Visit
from homeport.core.errors import HomeportError, InvalidRequest
from homeport.core.types import Scope

_GRACE_SECONDS = 86_400.0
_MOST_ROWS = 500
_NUMBERS = ("requests_per_minute", "tokens_per_minute", "concurrent_requests")


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Keys",
        path="/console/keys",
        place=90,
        routes={
            "GET /console/keys": desk.show,
            "POST /console/keys": desk.create,
            "POST /console/keys/{key_id}/rotate": desk.rotate,
            "POST /console/keys/{key_id}/revoke": desk.revoke,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, visit: Visit) -> Answer:
        return await self._page(visit)

    async def create(self, visit: Visit) -> Answer:
        registry = self._parts.keys.by(visit.actor)
        return await self._issued(visit, lambda: registry.create(fields_of(visit.form)))

    async def rotate(self, visit: Visit) -> Answer:
        registry, key_id = self._parts.keys.by(visit.actor), visit.words["key_id"]
        return await self._issued(visit, lambda: registry.rotate(key_id, _GRACE_SECONDS))

    async def revoke(self, visit: Visit) -> Answer:
        registry, key_id = self._parts.keys.by(visit.actor), visit.words["key_id"]
        try:
            await off_the_loop(lambda: self._refreshed(partial(registry.revoke, key_id)))
        except HomeportError as error:
            return await self._page(visit, error=error)
        return Redirect(to="/console/keys?done=revoked")

    async def _issued(self, visit: Visit, change: Callable[[], Issued]) -> Answer:
        """The page with the token, which is told this once; so it is no redirect."""
        try:
            issued = await off_the_loop(lambda: self._refreshed(change))
        except HomeportError as error:
            return await self._page(visit, error=error)
        return await self._page(visit, issued=issued)

    async def _page(self, visit: Visit, **more: Any) -> Html:
        stored = await off_the_loop(self._parts.keys.every)
        views = [view(one, visit.now) for one in reversed(stored)]
        live = [one for one in views if one["state"] == "live"]
        ended = [one for one in views if one["state"] != "live"]
        error: HomeportError | None = more.get("error")
        values = {
            "title": "Keys",
            "keys": (live + ended)[:_MOST_ROWS],
            "left_out": max(0, len(views) - _MOST_ROWS),
            "scopes": [str(scope) for scope in Scope],
            "issued": more.get("issued"),
            "done": visit.query.get("done") == "revoked",
            "error": error,
            "said": visit.form,
        }
        return Html(template="keys.html", values=values, status=status_of(error)[0] if error else 200)

    def _refreshed(self, change: Callable[[], Any]) -> Any:
        changed = change()
        self._parts.refresh()
        return changed


def fields_of(form: Form) -> KeyFields:
    """A new key as a form says it; what is left empty is not limited. Raises InvalidRequest."""
    said: dict[str, Any] = {"name": form.one("name"), "scopes": form.every("scope")}
    if project := form.one("project"):
        said["project"] = project
    for name in ("models", "tiers"):
        if names := [part.strip() for part in form.one(name).split(",") if part.strip()]:
            said[name] = names
    said |= {name: _number(form, name) for name in _NUMBERS if form.one(name)}
    if form.one("days"):
        said["expires_in"] = _number(form, "days") * 86_400
    if data_class := form.one("data_class"):
        said["data_class"] = data_class
    try:
        return msgspec.convert({name: value for name, value in said.items() if value is not UNSET}, KeyFields)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None


def _number(form: Form, name: str) -> int:
    text = form.one(name)
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise InvalidRequest(f"{name} is a whole number", param=name)
    return int(text)

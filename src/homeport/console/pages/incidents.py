"""Drift & incidents: what changed, the evidence for it, what to do; and what people did about it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homeport.api.admin import off_the_loop
from homeport.api.errors import status_of
from homeport.api.incidents import IncidentRegistry
from homeport.console.access import may
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.figures.examples import Example, examples, unread
from homeport.console.guard import local_path
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import HomeportError
from homeport.core.incidents import Action, Incident, IncidentKind
from homeport.core.told import Severity

PATH = "/console/incidents"
TOLD = {
    IncidentKind.QUALITY: "quality fell",
    IncidentKind.MODEL: "model changed",
    IncidentKind.PROMPTS: "prompts drifted",
}
"""What changed, for a person."""
_ROWS = 50
_SEVERITIES = tuple(Severity)
_TEXTS = "GET /console/requests/{id}"
"""Who may see what was said in a request may see the beginning of it here."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters.

    Attributes:
        before: only resolved ones that were opened before, in nanoseconds since the epoch; 0 for all.
        done: what was just done to the incident.
    """

    before: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    done: Literal["", "acknowledged", "resolved", "noted"] = ""


class RouteOf(msgspec.Struct, frozen=True, kw_only=True):
    """A route that an incident concerns; `tier` is "" where the configuration has none of that name."""

    name: str
    tier: str
    target: str


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Drift & incidents",
        path=PATH,
        place=46,
        routes={
            f"GET {PATH}": desk.listed,
            f"GET {PATH}/{{id}}": desk.show,
            f"POST {PATH}/{{id}}/acknowledge": desk.acknowledge,
            f"POST {PATH}/{{id}}/resolve": desk.resolve,
            f"POST {PATH}/{{id}}/note": desk.note,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registry = IncidentRegistry(parts.engine, parts.clock.wall_ns)
        self._tiers = [tier.name for tier in parts.settings.tiers]

    async def listed(self, visit: Visit) -> Answer:
        before = visit.asked(Query).before or None
        unresolved = () if before else await off_the_loop(self._registry.open)
        resolved = await off_the_loop(partial(self._registry.resolved, _ROWS + 1, before))
        values = {
            "title": "Drift & incidents",
            "unresolved": worst_first(unresolved),
            "resolved": resolved[:_ROWS],
            "older": resolved[_ROWS - 1].opened_at if len(resolved) > _ROWS else None,
            "before": before,
            "told": TOLD,
        }
        return Html(template="incidents.html", values=values, block="lists" if visit.partial else "")

    async def show(self, visit: Visit) -> Answer:
        return await self._page(visit)

    async def acknowledge(self, visit: Visit) -> Answer:
        return await self._done(visit, "acknowledged", lambda mine, name: mine.acknowledge(name))

    async def resolve(self, visit: Visit) -> Answer:
        reason = visit.form.one("text")
        return await self._done(visit, "resolved", lambda mine, name: mine.resolve(name, reason))

    async def note(self, visit: Visit) -> Answer:
        text = visit.form.one("text")
        return await self._done(visit, "noted", lambda mine, name: mine.note(name, text))

    async def _done(self, visit: Visit, what: str, change: Callable[[IncidentRegistry, str], Incident]) -> Answer:
        incident = await off_the_loop(partial(self._registry.get, visit.words["id"]))
        try:
            await off_the_loop(lambda: change(self._registry.by(visit.actor), incident.id))
        except HomeportError as error:
            return await self._page(visit, error)
        return Redirect(to=f"{PATH}/{incident.id}?done={what}")

    async def _page(self, visit: Visit, error: HomeportError | None = None) -> Html:
        incident = await off_the_loop(partial(self._registry.get, visit.words["id"]))
        found = incident.finding
        values = {
            "title": "Incident",
            "incident": incident,
            "found": found,
            "told": TOLD,
            "routes": [self._route(name) for name in found.routes],
            "examples": () if visit.partial else await self._examples(visit, found.examples),
            "suggested": [_safe(action) for action in found.actions],
            "said": visit.form,
            "query": visit.asked(Query),
            "error": error,
        }
        status = status_of(error)[0] if error else 200
        return Html(template="incident.html", values=values, status=status, block="standing" if visit.partial else "")

    async def _examples(self, visit: Visit, request_ids: Sequence[str]) -> tuple[Example, ...]:
        if not may(visit.user.role, _TEXTS):
            return unread(request_ids)
        return await off_the_loop(partial(examples, request_ids, self._parts.works.store.bodies.get))

    def _route(self, name: str) -> RouteOf:
        """Both parts may have a `/`; the tier is one of the configuration."""
        tiers = [tier for tier in self._tiers if name.startswith(f"{tier}/")]
        tier = max(tiers, key=len, default="")
        return RouteOf(name=name, tier=tier, target=name.removeprefix(f"{tier}/") if tier else "")


def worst_first(incidents: Sequence[Incident]) -> Sequence[Incident]:
    """The most severe first, of those the newest."""
    return sorted(incidents, key=lambda one: (-_SEVERITIES.index(one.finding.severity), -one.opened_at))


def _safe(action: Action) -> Action:
    """Leads to pages of the console alone."""
    return action if local_path(action.page) == action.page else msgspec.structs.replace(action, page="")

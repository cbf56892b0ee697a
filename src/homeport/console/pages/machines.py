"""Models & engines: what answers, how it stands, what it runs; taking an engine out of service and putting it back."""

import asyncio
from collections.abc import Awaitable
from functools import partial

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.figures.machines import Machines, rates
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import HomeportError, NotFound

PATH = "/console/models"
_SOON_S = 2.0
"""An order that takes longer is carried out all the same; the page shows how it goes."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters: the order that was just given, to which engine."""

    ordered: str = ""
    engine: str = ""


class Given:
    """Orders under way, and how the last one of each engine ended: in this process alone."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}
        self.ended: dict[str, str] = {}

    @property
    def running(self) -> frozenset[str]:
        return frozenset(name for name, task in self._running.items() if not task.done())

    async def give(self, parts: Parts, command: str, engine: str) -> None:
        """Begin, and wait a moment for the end. Raises HomeportError where the engine has an order already."""
        if engine in self.running:
            raise HomeportError(f"{engine} is carrying out an order", code="engine_busy", hint="look again in a moment")
        order = parts.works.orders.drain if command == "drain" else parts.works.orders.restart
        task = self._running[engine] = asyncio.create_task(self._carry_out(order(engine), command, engine))
        await asyncio.wait({task}, timeout=_SOON_S)

    async def _carry_out(self, order: Awaitable[None], command: str, engine: str) -> None:
        try:
            await order
            self.ended[engine] = f"{command}: done"
        except HomeportError as error:
            self.ended[engine] = f"{command}: {error.message}"


def page(parts: Parts) -> Page:
    given = Given()
    return Page(
        title="Models & engines",
        path=PATH,
        place=50,
        routes={
            f"GET {PATH}": partial(_show, parts, given),
            f"POST {PATH}/{{engine}}/drain": partial(_order, parts, given, "drain"),
            f"POST {PATH}/{{engine}}/restart": partial(_order, parts, given, "restart"),
        },
    )


async def _show(parts: Parts, given: Given, visit: Visit) -> Answer:
    told, seen = await asyncio.gather(
        parts.works.orders.engines(), off_the_loop(partial(rates, parts.engine, visit.now))
    )
    values = {
        "title": "Models & engines",
        "machines": Machines(targets=parts.targets(), rates=seen, engines=told),
        "running": given.running,
        "ended": given.ended,
        "query": visit.asked(Query),
    }
    return Html(template="machines.html", values=values)


async def _order(parts: Parts, given: Given, command: str, visit: Visit) -> Answer:
    engine = visit.words["engine"]
    if engine not in parts.settings.engines:
        raise NotFound(f"no engine is called {engine[:64]!r}", code="engine_unknown", hint="homeport engine list")
    await off_the_loop(partial(parts.record, visit.actor, f"engine.{command}", engine, {}))
    await given.give(parts, command, engine)
    return Redirect(to=f"{PATH}?ordered={command}")

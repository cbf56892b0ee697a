"""Models & engines: what answers, how it stands, what it runs; taking an engine out of service and putting it back."""

import asyncio
from functools import partial
from typing import Literal

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.figures.machines import Machines, rates
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import NotFound

PATH = "/console/models"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters: the order that was just given."""

    ordered: Literal["", "drain", "restart"] = ""


def page(parts: Parts) -> Page:
    return Page(
        title="Models & engines",
        path=PATH,
        place=50,
        routes={
            f"GET {PATH}": partial(_show, parts),
            f"POST {PATH}/{{engine}}/drain": partial(_order, parts, "drain"),
            f"POST {PATH}/{{engine}}/restart": partial(_order, parts, "restart"),
        },
    )


async def _show(parts: Parts, visit: Visit) -> Answer:
    told, seen, given = await asyncio.gather(
        parts.works.orders.engines(packages=not visit.partial),  # whose signatures are checked each time
        off_the_loop(partial(rates, parts.engine, visit.now)),
        off_the_loop(parts.given.every),
    )
    values = {
        "title": "Models & engines",
        "machines": Machines(targets=parts.targets(), rates=seen, engines=told),
        "given": [one for one in given if one.engine in parts.settings.engines],
        "running": {one.engine for one in given if one.running},
        "query": visit.asked(Query),
    }
    return Html(template="machines.html", values=values, block="machines" if visit.partial else "")


async def _order(parts: Parts, command: str, visit: Visit) -> Answer:
    engine = visit.words["engine"]
    if engine not in parts.settings.engines:
        raise NotFound(f"no engine is called {engine[:64]!r}", code="engine_unknown", hint="homeport engine list")
    await off_the_loop(partial(parts.record, visit.actor, f"engine.{command}", engine, {}))
    await parts.given.give(parts.works.orders, command, engine, visit.user.user)
    return Redirect(to=f"{PATH}?ordered={command}")

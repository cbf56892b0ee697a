"""The audit log: who changed what, newest first."""

from functools import partial

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.storage.audit import Asked, entries

_ROWS = 50


def page(parts: Parts) -> Page:
    async def show(visit: Visit) -> Answer:
        asked = visit.asked(Asked)
        found = await off_the_loop(partial(entries, parts.engine, asked, _ROWS + 1))
        rows = found[:_ROWS]
        values = {
            "title": "Audit log",
            "rows": rows,
            "asked": msgspec.structs.asdict(asked),
            "older": rows[-1].sequence if len(found) > _ROWS else None,
        }
        return Html(template="audit.html", values=values)

    return Page(title="Audit log", path="/console/audit", place=120, routes={"GET /console/audit": show})

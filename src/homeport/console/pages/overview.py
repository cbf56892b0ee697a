"""Overview: how it goes, on one page, and what to look at first."""

from functools import partial

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html
from homeport.console.figures.overview import Overviews, advice, used
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.storage.unusual import read_unusual


def page(parts: Parts) -> Page:
    overviews = Overviews(parts.engine)

    async def show(visit: Visit) -> Answer:
        figures = await off_the_loop(partial(overviews.at, visit.now))
        values = {
            "title": "Overview",
            "figures": figures,
            "advice": advice(figures, visit.now, read_unusual(parts.home.unusual, visit.now)),
            "used": used,
            "ready": [target for target in parts.targets() if not target["ready"]],
        }
        return Html(template="overview.html", values=values, block="figures" if visit.partial else "")

    return Page(title="Overview", path="/console/overview", place=10, routes={"GET /console/overview": show})

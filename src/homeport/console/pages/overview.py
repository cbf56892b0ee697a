"""Overview: how it goes, on one page, and what to look at first."""

from collections.abc import Sequence
from functools import partial

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html
from homeport.console.figures.overview import Overviews, advice, troubles, used
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.storage.alert_figures import AlertFigures
from homeport.storage.published import read_published
from homeport.storage.unusual import read_unusual

_STARTING_NS = 30 * 1_000_000_000


def page(parts: Parts) -> Page:
    overviews, first_look = Overviews(parts.engine), parts.clock.wall_ns()

    def found(now: int) -> Sequence[str]:
        """What stands in the way of alerts; a jobs worker that has said nothing yet may have just been started."""
        told = read_published(parts.home.alerts, AlertFigures, now)
        is_new = now - first_look < _STARTING_NS and not parts.home.alerts.exists()
        return () if told is None and is_new else troubles(told)

    async def show(visit: Visit) -> Answer:
        figures = await off_the_loop(partial(overviews.at, visit.now))
        values = {
            "title": "Overview",
            "figures": figures,
            "advice": advice(figures, visit.now, read_unusual(parts.home.unusual, visit.now)),
            "used": used,
            "troubles": found(visit.now),
            "ready": [target for target in parts.targets() if not target["ready"]],
        }
        return Html(template="overview.html", values=values, block="figures" if visit.partial else "")

    return Page(title="Overview", path="/console/overview", place=10, routes={"GET /console/overview": show})

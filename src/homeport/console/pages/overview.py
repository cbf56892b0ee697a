"""Overview: what is wrong, how it goes, on one page, and what to look at first."""

from collections.abc import Sequence
from functools import partial

from homeport.api.admin import off_the_loop
from homeport.console import charts
from homeport.console.answers import Answer, Html
from homeport.console.figures.incidents import incidents
from homeport.console.figures.overview import OverviewFigures, Overviews, advice, troubles, used, worry
from homeport.console.figures.trend import trend
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.incidents import Incident as Changed
from homeport.storage.alert_figures import AlertFigures
from homeport.storage.incidents import list_incidents
from homeport.storage.published import read_published
from homeport.storage.unusual import Unusuals, read_unusual

PATH = "/console/overview"
_ALERTS, _INCIDENTS = 8, 20
_STARTING_NS = 30 * 1_000_000_000


def page(parts: Parts) -> Page:
    overviews, first_look = Overviews(parts.engine), parts.clock.wall_ns()

    def found(now: int) -> Sequence[str]:
        """What stands in the way of alerts; a jobs worker that has said nothing yet may have just been started."""
        told = read_published(parts.home.alerts, AlertFigures, now)
        is_new = now - first_look < _STARTING_NS and not parts.home.alerts.exists()
        return () if told is None and is_new else troubles(told)

    async def show(visit: Visit) -> Answer:
        figures, unusual, unresolved = await off_the_loop(partial(_looked, parts, overviews, visit.now))
        values = {
            "title": "Overview",
            "figures": figures,
            "advice": advice(figures, visit.now, unusual),
            "worried": bool(worry(figures, visit.now, unusual)),
            "incidents": incidents(unusual, figures.alerts, unresolved),
            "alerts": figures.alerts[:_ALERTS],
            "wanted": parts.works.wanted().split,
            "used": used,
            "troubles": found(visit.now),
            "ready": [target for target in parts.targets() if not target["ready"]],
        }
        return Html(template="overview.html", values=values, block="figures" if visit.partial else "")

    async def traffic(visit: Visit) -> Answer:
        """Apart, since a chart that is drawn anew every few seconds flickers."""
        hours = await off_the_loop(partial(trend, parts.engine, visit.now))
        chart = charts.requests_over_time([(one.when, one.answered, one.refused, one.failed) for one in hours])
        values = {"title": "Requests by hour", "hours": hours, "chart": chart}
        return Html(template="traffic.html", values=values, block="hours" if visit.partial else "")

    routes = {f"GET {PATH}": show, f"GET {PATH}/traffic": traffic}
    return Page(title="Overview", path=PATH, place=10, routes=routes)


def _looked(parts: Parts, overviews: Overviews, now: int) -> tuple[OverviewFigures, Unusuals | None, Sequence[Changed]]:
    unresolved = list_incidents(parts.engine, unresolved=True, limit=_INCIDENTS)
    return overviews.at(now), read_unusual(parts.home.unusual, now), unresolved

"""Quality: how good answers are by people, by the judge and corrected; what fails automatic metrics, and how often."""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.api.admin import off_the_loop
from homeport.console import charts
from homeport.console.answers import Answer, Html
from homeport.console.figures.quality import (
    ALL,
    MOST_DRAWN,
    Estimates,
    MetricTrend,
    QualityView,
    estimates,
    quality_view,
    route_name,
)
from homeport.console.figures.windows import choices, read_window
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.inspection.visible import visible_line
from homeport.stats.agreement import USABLE
from homeport.storage.published import read_published
from homeport.storage.score_figures import QualityFigures
from homeport.storage.standing_quality import QualityStanding, read_standing

PATH = "/console/quality"
_MOST_ROWS = 300


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters. `route`: a tier and a public name as `tier/name`; `metric`: whose trend is shown."""

    window: str = "7d"
    route: Annotated[str, Meta(max_length=330)] = ""
    metric: Annotated[str, Meta(max_length=40)] = ""


def page(parts: Parts) -> Page:
    return Page(title="Quality", path=PATH, place=44, routes={f"GET {PATH}": partial(_show, parts)})


async def _show(parts: Parts, visit: Visit) -> Answer:
    query = visit.asked(Query)
    window = read_window(query.window, visit.now)
    view = await off_the_loop(partial(quality_view, parts.engine, window, query.route, query.metric))
    standing = await off_the_loop(partial(read_standing, parts.home.quality_standing, visit.now))
    told = estimates(standing, query.route)
    values = {
        "title": "Quality",
        "query": query,
        "view": view,
        "told": told,
        "metrics": view.metrics[:_MOST_ROWS],
        "further": max(0, len(view.metrics) - _MOST_ROWS),
        "windows": choices(visit.now, query.window),
        "routes": _routes(view, standing, query.route),
        "drawn": charts.estimates(_drawn(told)) if told is not None and told.drawn else None,
        "more_drawn": max(0, len(told.rows) - MOST_DRAWN) if told is not None else 0,
        "trend": _chart(view.trend, window.width) if view.trend is not None else None,
        "waiting": await off_the_loop(partial(_waiting, parts, visit.now)),
        "evaluation": parts.settings.evaluation,
        "captures": parts.settings.capture.enabled,
        "usable": USABLE,
        "route_name": route_name,
    }
    return Html(template="quality.html", values=values)


def _routes(view: QualityView, standing: QualityStanding | None, chosen: str) -> list[str]:
    """What can be chosen: routes that anything is known of, and the one that is."""
    judged = [route_name(row) for row in standing.rows] if standing is not None else []
    return sorted({*view.routes, *judged, *([chosen] if chosen else [])} - {ALL})


def _drawn(told: Estimates) -> list[tuple[str, str, float, float, float]]:
    return [(visible_line(route, 330), by, one.value, one.low, one.high) for route, by, one in told.drawn]


def _chart(trend: MetricTrend, width: str) -> charts.Spec:
    points = [(one.when, visible_line(one.route, 330), one.value) for one in trend.points]
    return charts.metric_over_time(points, width, share=trend.share)


def _waiting(parts: Parts, now: int) -> int | None:
    """Requests that were not looked at yet; None where nobody says."""
    found = read_published(parts.home.quality, QualityFigures, now)
    return None if found is None else found.waiting

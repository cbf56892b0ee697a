"""Charts as Vega-Lite specifications: values alone, the same for a browser, a terminal and a report.

Colours are left to whoever draws: `series` names which one a mark has, `first` to `third`.
Source: Vega-Lite 6, https://vega.github.io/vega-lite/docs/.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from homeport.core.money import NANO_PER_USD

Spec = Mapping[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_HEIGHT = 180
_DOLLARS = {"format": "$,.4~r"}
_FORMATS = {"hour": "%b %d, %H:%M", "day": "%b %d"}
_UNITS = {"hour": "utcyearmonthdatehours", "day": "utcyearmonthdate"}


def spent_over_time(points: Sequence[tuple[str, int, int]], width: str = "day") -> Spec:
    """Dollars of each `hour` or `day`, own engines on top of APIs. A point: when, then both in nano-dollars."""
    rows = [
        {"when": when, "where": where, "usd": amount / NANO_PER_USD}
        for when, remote, own in points
        for where, amount in (("APIs", remote), ("own engines", own))
    ]
    return {
        **_spec(rows),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {**_when(width), "timeUnit": _UNITS[width]},
            "y": {"field": "usd", "type": "quantitative", "title": None, "stack": "zero", "axis": _DOLLARS},
            "color": {"field": "where", "type": "nominal", "title": None, "scale": {"domain": ["APIs", "own engines"]}},
        },
    }


def requests_over_time(points: Sequence[tuple[str, int, int, int]]) -> Spec:
    """Requests of each hour by how they ended. A point: when, answered, refused, failed."""
    ended = ("answered", "refused or left", "failed")
    rows = [
        {"when": when, "ended": name, "requests": count}
        for when, *counts in points
        for name, count in zip(ended, counts, strict=True)
    ]
    return {
        **_spec(rows),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {**_when("hour"), "timeUnit": _UNITS["hour"]},
            "y": {
                "field": "requests",
                "type": "quantitative",
                "title": None,
                "stack": "zero",
                "axis": {"format": ",d", "tickMinStep": 1},
            },
            "color": {"field": "ended", "type": "nominal", "title": None, "scale": {"domain": list(ended)}},
            "order": {"field": "ended"},
        },
    }


def cost_per_query(points: Sequence[tuple[str, int]], width: str = "day") -> Spec:
    """Dollars a request of each `hour` or `day`. A point: when, and nano-dollars."""
    rows = [{"when": when, "usd": mean / NANO_PER_USD} for when, mean in points]
    return {
        **_spec(rows),
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {
            "x": _when(width),
            "y": {
                "field": "usd",
                "type": "quantitative",
                "title": None,
                "scale": {"zero": True},
                "axis": _DOLLARS,
            },
        },
    }


def split(shares: Sequence[tuple[str, float, float | None]]) -> Spec:
    """The share that each tier had, and a mark where it should be. A share: tier, had, wanted."""
    rows = [{"tier": tier, "had": had, "wanted": wanted} for tier, had, wanted in shares]
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%"}}
    y = {"field": "tier", "type": "nominal", "sort": None, "title": None}
    return {
        **_spec(rows),
        "height": 34 * max(1, len(shares)),
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "tooltip": True, "height": 16},
                "encoding": {"x": {**x, "field": "had", "title": "share of requests"}},
            },
            {
                "transform": [{"filter": "isValid(datum.wanted)"}],
                "mark": {"type": "tick", "tooltip": True, "thickness": 3, "size": 26, "style": "wanted"},
                "encoding": {"x": {**x, "field": "wanted"}},
            },
        ],
    }


def quality_and_cost(points: Sequence[Mapping[str, float]], here: Sequence[Mapping[str, Any]]) -> Spec:
    """What quality costs, as ever more goes to the strongest tier, and where one stands.

    Args:
        points: `usd` a query, `good` (the share of good answers), `share` of the strongest tier.
        here: the same, with `name`.
    """
    x = {"field": "usd", "type": "quantitative", "title": "cost of a query", "axis": _DOLLARS}
    y = {
        "field": "good",
        "type": "quantitative",
        "title": "expected good answers",
        "scale": {"zero": False},
        "axis": {"format": ".0%"},
    }
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 240,
        "encoding": {"x": x, "y": y},
        "layer": [
            {"data": {"values": list(points)}, "mark": {"type": "line", "point": {"size": 20}, "tooltip": True}},
            {
                "data": {"values": list(here)},
                "mark": {"type": "point", "size": 140, "filled": True, "tooltip": True, "style": "wanted"},
                "encoding": {"shape": {"field": "name", "type": "nominal", "title": None}},
            },
        ],
    }


def hit_rate(points: Sequence[tuple[str, float]], width: str = "day") -> Spec:
    """The share of requests that the cache answered, of each `hour` or `day`."""
    rows = [{"when": when, "rate": rate} for when, rate in points]
    y = {"field": "rate", "type": "quantitative", "title": None, "axis": {"format": ".0%"}}
    return {
        **_spec(rows),
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {"x": _when(width), "y": {**y, "scale": {"domain": [0, 1]}}},
    }


ESTIMATES = ("people alone", "judge alone", "corrected")
"""What a route's mean score is told by."""


def estimates(rows: Sequence[tuple[str, str, float, float, float]]) -> Spec:
    """Mean scores with their 95 % intervals, those of a route under each other.

    A row: the route, one of `ESTIMATES`, the value, and the bounds of its interval; between 0 and 1.
    """
    values = [dict(zip(("route", "by", "value", "low", "high"), row, strict=True)) for row in rows]
    by = {"field": "by", "type": "nominal", "title": None, "scale": {"domain": list(ESTIMATES)}}
    x = {
        "type": "quantitative",
        "title": "mean score",
        "scale": {"zero": False, "padding": 8},
        "axis": {"format": ".2f", "tickCount": 6},
    }
    return {
        **_spec(values),
        "height": 24 + 54 * max(1, len({row[0] for row in rows})),
        "encoding": {
            "y": {"field": "route", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "by", "type": "nominal", "scale": {"domain": list(ESTIMATES)}},
            "color": by,
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "tooltip": True},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "tooltip": True},
                "encoding": {"x": {**x, "field": "value"}, "shape": by},
            },
        ],
    }


def metric_over_time(points: Sequence[tuple[str, str, float]], width: str = "day", *, share: bool = True) -> Spec:
    """A metric of each route by `hour` or `day`: the share that fails it, or else its mean.

    A point: when, the route, the figure.
    """
    rows = [{"when": when, "route": route, "value": value} for when, route, value in points]
    y = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": share}}
    return {
        **_spec(rows),
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {
            "x": _when(width),
            "y": {**y, "axis": {"format": ".1%"} if share else {}},
            "color": {"field": "route", "type": "nominal", "title": None, "sort": None},
            "strokeDash": {"field": "route", "type": "nominal", "title": None, "sort": None},
        },
    }


def _when(width: str) -> Spec:
    return {
        "field": "when",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": {"labelOverlap": True, "format": _FORMATS[width]},
    }


def _spec(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"$schema": SCHEMA, "width": "container", "height": _HEIGHT, "data": {"values": list(rows)}}

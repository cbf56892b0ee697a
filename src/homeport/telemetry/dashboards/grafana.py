"""A dashboard as Grafana's JSON.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from collections.abc import Iterator, Sequence
from typing import Any

from homeport.telemetry.dashboards.panel import Dashboard, Panel, Query, Row, View

SCHEMA_VERSION = 39
"""Of Grafana 11; later ones read it and bring it up to date."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}
_WIDE = 24


def as_json(dashboard: Dashboard, others: Sequence[Dashboard] = ()) -> dict[str, Any]:
    """The whole document.

    Args:
        others: to link to.
    """
    return {
        "uid": f"homeport-{dashboard.slug}",
        "title": dashboard.title,
        "description": dashboard.what,
        "tags": ["homeport"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_firing()]},
        "links": [_link(other) for other in others if other.slug != dashboard.slug],
        "templating": {"list": [_datasource(), _instances()]},
        "panels": list(_panels(dashboard.rows)),
    }


def _panels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Rows and panels with ids from 1, below each other and side by side."""
    top, number = 0, 0
    for row in rows:
        number += 1
        yield _heading(row, number, top)
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > _WIDE:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            yield _panel(panel, number, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _heading(row: Row, number: int, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": _WIDE, "h": 1}
    return {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.view.value,
        "title": panel.title,
        "description": panel.what,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [_target(query, letter, panel) for query, letter in zip(panel.queries, "ABCDEFGH", strict=False)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(query: Query, letter: str, panel: Panel) -> dict[str, Any]:
    now = panel.view is not View.LINES
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": now,
        "range": not now,
        "exemplar": query.examples,
        "format": "table" if panel.view is View.TABLE else "time_series",
    }


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": panel.unit.value, "thresholds": _thresholds(panel)}
    if panel.least is not None:
        field["min"] = panel.least
    if panel.view is View.LINES:
        drawn: dict[str, Any] = {"fillOpacity": 20 if panel.stacked else 5, "showPoints": "never", "lineWidth": 1}
        drawn["stacking"] = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        drawn["thresholdsStyle"] = {"mode": "off" if panel.warn is None else "dashed"}
        field["custom"] = drawn
    field["color"] = {"mode": "palette-classic" if panel.view is View.LINES else "thresholds"}
    return field


def _thresholds(panel: Panel) -> dict[str, Any]:
    warn, alarm = panel.warn, panel.alarm
    if warn is None or alarm is None:
        return {"mode": "absolute", "steps": [{"color": "green", "value": None}]}
    if warn > alarm:
        found: list[tuple[str, float | None]] = [("red", None), ("yellow", alarm), ("green", warn)]
    else:
        found = [("green", None), ("yellow", warn), ("red", alarm)]
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in found]}


def _options(panel: Panel) -> dict[str, Any]:
    latest = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if panel.view is View.LINES:
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if panel.view is View.NUMBER:
        return {"reduceOptions": latest, "colorMode": "value", "graphMode": "none", "textMode": "auto"}
    if panel.view is View.BARS:
        return {"reduceOptions": latest, "orientation": "horizontal", "displayMode": "basic"}
    return {"showHeader": True, "cellHeight": "sm"}


def _datasource() -> dict[str, Any]:
    chosen = {"text": "default", "value": "default", "selected": True}
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": chosen}


def _instances() -> dict[str, Any]:
    every = {"text": "All", "value": "$__all", "selected": True}
    asked = "label_values(homeport_requests_in_flight, instance)"
    return {
        "name": "instance",
        "label": "Gateway",
        "type": "query",
        "datasource": DATASOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": "instances"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": every,
    }


def _firing() -> dict[str, Any]:
    """Alerts that fire are marked on every chart."""
    return {
        "name": "Alerts",
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "datasource": DATASOURCE,
        "expr": 'ALERTS{alertname=~"Homeport.*", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}}",
    }


def _link(other: Dashboard) -> dict[str, Any]:
    return {
        "type": "link",
        "title": other.title.removeprefix("Homeport: "),
        "url": f"/d/homeport-{other.slug}",
        "keepTime": True,
        "includeVars": True,
    }

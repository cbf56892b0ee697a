"""Dashboards are whole: their JSON has what Grafana reads, and every panel asks for something that there is."""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from homeport.config.schema import Settings
from homeport.telemetry.export import DASHBOARDS, Places, export
from tests.telemetry.promql import LABELS, filled, names_that_exist, parsed, selectors
from tests.telemetry.rules.test_alerts import settings

UNITS = {"short", "reqps", "tokens/s", "s", "percentunit", "currencyUSD", "bytes", "bool_yes_no"}
TYPES = {"row", "timeseries", "stat", "bargauge", "table"}


def documents(found: Settings) -> dict[str, dict[str, Any]]:
    files = export(found, Places(gateways=("g:1",), prometheus="http://p:9090"))
    return {name: json.loads(text) for name, text in files.items() if name.startswith("grafana/dashboards/")}


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return documents(settings(tmp_path_factory.mktemp("boards")))


def targets(boards: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in boards.items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name} {panel['title']}", target


def test_there_are_five(boards: dict[str, dict[str, Any]]) -> None:
    assert {Path(name).stem for name in boards} == {"overview", "cost", "engines", "cache", "service"}
    assert len({board["uid"] for board in boards.values()}) == len(boards)


def test_each_has_what_grafana_reads(boards: dict[str, dict[str, Any]]) -> None:
    for board in boards.values():
        assert board["schemaVersion"] >= 36
        assert len(board["uid"]) <= 40
        assert board["title"].startswith("Homeport: ")
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert 0 not in ids
        variables = {one["name"]: one for one in board["templating"]["list"]}
        assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
        assert variables["instance"]["datasource"]["uid"] == "${datasource}"
        assert {link["url"] for link in board["links"]} == {
            f"/d/{other['uid']}" for other in boards.values() if other != board
        }


def test_each_panel_is_whole(boards: dict[str, dict[str, Any]]) -> None:
    for name, board in boards.items():
        for panel in board["panels"]:
            assert panel["type"] in TYPES, name
            if panel["type"] == "row":
                continue
            assert panel["description"].endswith("."), panel["title"]
            assert panel["targets"], panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
            steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
            assert steps[0] is None
            assert steps[1:] == sorted(steps[1:]), "Grafana reads them in this order"
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters)


def test_panels_do_not_overlap(boards: dict[str, dict[str, Any]]) -> None:
    for name, board in boards.items():
        places = [panel["gridPos"] for panel in board["panels"]]
        assert all(place["x"] + place["w"] <= 24 for place in places), name
        for one, other in combinations(places, 2):
            apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert apart or below, (name, one, other)


def test_every_query_parses_and_names_what_there_is(boards: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    exist = names_that_exist(settings(tmp_path))
    for where, target in targets(boards):
        expr = filled(target["expr"])
        parsed(expr)
        for name, matchers in selectors(expr):
            assert name in exist, where
            assert set(matchers) <= LABELS | set(exist[name]), (where, matchers)


def test_every_panel_is_of_the_gateways_that_were_chosen(boards: dict[str, dict[str, Any]]) -> None:
    for where, target in targets(boards):
        names = {name for name, _ in selectors(filled(target["expr"]))}
        if names != {"ALERTS"}:
            assert "$instance" in target["expr"], where


def test_legends_are_labels_of_the_query(boards: dict[str, dict[str, Any]]) -> None:
    known = {"tier", "model", "outcome", "code", "error", "type", "budget", "signal", "level", "upstream", "pool"}
    known |= {"kind", "reason", "result", "objective", "indicator", "instance", "level", "measure", "severity", "state"}
    for where, target in targets(boards):
        for part in target["legendFormat"].split("{{")[1:]:
            label = part.partition("}}")[0]
            assert label in known, where
            assert label in target["expr"], f"{where}: the query loses {label}"


def test_dashboards_are_linked_and_described() -> None:
    assert all(one.what.endswith(".") and one.rows for one in DASHBOARDS)


def test_what_may_be_below_nothing_is_drawn_there(boards: dict[str, dict[str, Any]]) -> None:
    """More than all of an error budget can be spent."""
    lows = {
        panel["title"]: panel["fieldConfig"]["defaults"].get("min")
        for board in boards.values()
        for panel in board["panels"]
        if panel["type"] != "row"
    }
    assert lows.pop("Error budget left") is None
    assert set(lows.values()) == {0.0}

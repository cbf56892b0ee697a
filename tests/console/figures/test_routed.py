"""The page Routing: shares as the command line has them, beside the shares that are wanted."""

from collections.abc import Iterator

import pytest

from homeport.console.figures.routed import Wanted, routing_figures
from homeport.console.figures.windows import read_window
from tests.console.figures.ledger import Told, told
from tests.ledger.requests import NOW, ledger, request

WANTED = Wanted(policy="complexity", split={"local": 0.7, "mid": 0.3}, cuts={"mid": 0.4}, version=3)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = told(tmp_path_factory.mktemp("routed"))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("window", ["24h", "7d"])
def test_tiers_and_routes_as_the_command_line_has_them(house: Told, window: str) -> None:
    figures = routing_figures(house.engine, read_window(window, house.now), WANTED)
    for by, told_ in (
        ("tier", {one.tier: one.answered for one in figures.tiers}),
        ("route", {one.group: one for one in figures.routes}),
    ):
        groups = house.terminal.ask("cost", "--by", by, "--since", window, "--json").json["groups"]
        assert {name: (row.requests, row.cost) for name, row in told_.items() if row} == {
            row["group"]: (row["requests"], row["cost_nanodollars"]) for row in groups
        }


def test_only_what_the_policy_decided_counts() -> None:
    engine = ledger(
        *(request(NOW - place, reason="complexity:local") for place in range(6)),
        request(NOW, reason="explore:mid"),
        request(NOW, reason="session:mid"),
        request(NOW, reason="pinned:smollm2"),
        request(NOW, reason="budget:cap"),
    )
    figures = routing_figures(engine, read_window("24h", NOW), WANTED)
    assert {one.tier: (one.decided, one.share, one.wanted) for one in figures.tiers} == {
        "local": (6, 0.75, 0.7),
        "mid": (2, 0.25, 0.3),
    }


def test_escalations_and_what_was_scored() -> None:
    engine = ledger(
        request(NOW, score=0.5, decided="local", escalation="low_confidence"),
        request(NOW, score=0.5, decided="local", escalation="low_confidence"),
        request(NOW, score=0.1, decided="mid", escalation="refusal"),
        request(NOW, score=0.1, decided="mid", explored=True),
    )
    figures = routing_figures(engine, read_window("7d", NOW), WANTED)
    assert [(one.tier, one.why, one.requests) for one in figures.escalations] == [
        ("local", "low_confidence", 2),
        ("mid", "refusal", 1),
    ]
    assert (figures.explored, figures.scored) == (1, 4)


def test_nothing_was_asked() -> None:
    figures = routing_figures(ledger(), read_window("24h", NOW), Wanted(policy="static"))
    assert (figures.tiers, figures.routes, figures.escalations, figures.scored) == ([], [], [], 0)

"""The page Cache says what `homeport cache stats` and `homeport cost` say."""

from collections.abc import Iterator
from typing import Any

import pytest

from homeport.cache.guard import Terms
from homeport.console.figures.cached import cache_view
from homeport.console.figures.windows import read_window
from tests.console.figures.ledger import Told, told
from tests.ledger.requests import NOW, ledger


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = told(tmp_path_factory.mktemp("cached"))
    yield made
    made.engine.dispose()


def said(house: Told, *arguments: str) -> Any:
    return house.terminal.ask(*arguments, "--json").json


def test_what_it_answered_and_saved(house: Told) -> None:
    view = cache_view(house.engine, Terms(), read_window("24h", house.now), house.now)
    line = said(house, "cache", "stats", "--since", "24h")["answers"]
    assert (view.total.cache_asked, view.total.hit_rate) == (line["asked"], line["hit_rate"])
    assert view.total.hit_rate
    assert view.total.saved_cost == round(float(line["saved_usd"]) * 1e9) > 0
    assert view.stats.answers.by_kind == line["by_kind"]
    assert sum(one.hits for one in view.rates) == view.total.cache_hits


@pytest.mark.parametrize("window", ["24h", "7d", "30d"])
def test_by_model_as_the_costs_have_it(house: Told, window: str) -> None:
    view = cache_view(house.engine, Terms(), read_window(window, house.now), house.now)
    groups = said(house, "cost", "--by", "model", "--since", window)["groups"]
    line = {row["group"]: (row["cache"]["asked"], row["cache"]["hits"]) for row in groups}
    assert {row.group: (row.cache_asked, row.cache_hits) for row in view.models} == line
    assert [row.saved_cost for row in view.models] == sorted((row.saved_cost for row in view.models), reverse=True)


def test_nobody_asked_it() -> None:
    view = cache_view(ledger(), Terms(), read_window("24h", NOW), NOW)
    assert (view.models, view.rates, view.total.hit_rate) == ([], [], None)

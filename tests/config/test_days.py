"""Of what holds from a day on, one line begins on each day."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText

RATES = "input_per_mtok: 1, output_per_mtok: 1"

TWICE = {
    "a price": (
        f"prices: [{{model: 'a:b', from: 2026-01-01, {RATES}}},\n {{model: 'a:b', from: 2026-01-01, {RATES}}}]\n",
        "11:23 prices[1].from: an earlier price of a:b begins on this day too; remove one of them",
    ),
    "a price that always held": (
        f"prices: [{{model: 'a:b', {RATES}}},\n {{model: 'a:b', from: 1970-01-01, {RATES}}}]\n",
        "11:23 prices[1].from: an earlier price of a:b begins on this day too; remove one of them",
    ),
    "a rate": (
        "currencies: [{code: EUR, from: 2026-01-01, usd: 1.1},\n {code: EUR, from: 2026-01-01, usd: 1.2}]\n",
        "11:20 currencies[1].from: an earlier rate of EUR begins on this day too; remove one of them",
    ),
}


@pytest.mark.parametrize(("text", "line"), TWICE.values(), ids=TWICE.keys())
def test_two_lines_of_one_day(load_text: LoadText, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + text)
    assert line in caught.value.message


def test_two_discounts_of_one_day(load_text: LoadText) -> None:
    days = "[{percent: 10, from: 2026-01-01}, {percent: 20, from: 2026-01-01}]"
    text = "providers: {p: {provider: openai, discounts: %s}}\ntiers: [{name: t, targets: [{model: m, provider: p}]}]\n"
    with pytest.raises(ConfigError, match="an earlier discount begins on this day too"):
        load_text(text % days)


def test_other_days_and_other_models(load_text: LoadText) -> None:
    lines = [f"{{model: '{m}', from: {day}, {RATES}}}" for m in ("a:b", "a:c") for day in ("2026-01-01", "2026-01-02")]
    assert len(load_text(BASE + f"prices: [{', '.join(lines)}]\n").prices) == 4

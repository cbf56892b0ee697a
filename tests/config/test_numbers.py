"""Python counts true as 1 and reads 1e999 as infinity: neither is a number in any section."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText

PLACES = (
    "cache.ttl_seconds",
    "cache.check_percent",
    "cache.wrong_percent",
    "cache.jitter_seconds",
    "budgets.patience_seconds",
    "privacy.min_score",
    "retries.budget",
    "hedging.budget",
    "routing.cascade.sample_temperature",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", ["true", "false", ".nan", "1e999"])
def test_what_is_no_number(load_text: LoadText, place: str, word: str) -> None:
    *above, name = place.split(".")
    value = f"{name}: {word}"
    for section in reversed(above):
        value = f"{section}: {{{value}}}"
    with pytest.raises(ConfigError, match=f"{place}: should be"):
        load_text(f"{BASE}{value}\n")

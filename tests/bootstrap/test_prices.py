"""A price that begins at midnight holds from midnight on, also in a gateway that runs."""

import pytest
from tests.fakes.clock import ManualClock
from tests.fakes.house import API_PRICE, target

from homeport.bootstrap import prices
from homeport.core.errors import ConfigError

DAY_NS = 86_400 * 1_000_000_000


class Days(ManualClock):
    """Reads these days one after the other, then ends the test."""

    def __init__(self, *days: int) -> None:
        super().__init__()
        self._days = iter(days)

    def wall_ns(self) -> int:
        day = next(self._days, None)
        if day is None:
            raise EOFError
        return day * DAY_NS


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_LOOK_EVERY_S", 0)


async def test_each_new_day_is_looked_at_once_and_taken_if_it_differs() -> None:
    asked = taken = 0

    def changed() -> bool:
        nonlocal asked
        asked += 1
        return asked != 2

    async def renew() -> None:
        nonlocal taken
        taken += 1

    with pytest.raises(EOFError):
        await prices.renew_prices(changed, renew, Days(5, 5, 5, 6, 6, 7, 7, 8, 8))
    assert (asked, taken) == (3, 2)


async def test_a_price_that_cannot_be_used_leaves_the_old_ones(caplog: pytest.LogCaptureFixture) -> None:
    def changed() -> bool:
        raise ConfigError("no exchange rate of EUR holds", code="currency_unknown")

    async def renew() -> None:
        raise AssertionError

    with pytest.raises(EOFError):
        await prices.renew_prices(changed, renew, Days(0, 1, 1, 1))
    assert caplog.text.count("no exchange rate of EUR") == 1


def test_a_model_without_a_price_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: set[str] = set()
    some = [target("a"), target("b", price=API_PRICE), target("c", local=True), target("d", simulated=True)]
    prices.tell_unpriced(some, told)
    prices.tell_unpriced(some, told)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["no price is known for a"]

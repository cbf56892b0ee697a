"""Hours of the last day, by how their requests ended."""

from homeport.console.figures.trend import trend
from homeport.core.types import Outcome
from tests.ledger.requests import HOUR, NOW, failed, ledger, request


def test_each_hour_with_requests() -> None:
    engine = ledger(
        *(request(NOW - 1 - number) for number in range(3)),
        request(NOW - 1, outcome=Outcome.REJECTED),
        request(NOW - 1, outcome=Outcome.CANCELLED),
        failed(NOW - 3 * HOUR),
        request(NOW - 25 * HOUR),
    )
    found = [(one.answered, one.refused, one.failed) for one in trend(engine, NOW)]
    assert found == [(0, 0, 1), (3, 2, 0)]


def test_nobody_asked() -> None:
    assert trend(ledger(), NOW) == []

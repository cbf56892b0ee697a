"""How much is unusual, on the metrics page."""

from homeport.storage.unusual import Unusuals
from homeport.telemetry.metrics import Metrics
from tests.storage.test_unusual import noticed, state


def shown(found: Unusuals | None) -> list[str]:
    page = Metrics(unusual=lambda: found).page().decode()
    return [line for line in page.splitlines() if line.startswith("homeport_unusual{")]


def test_what_is_unusual_is_counted_without_its_name() -> None:
    lines = shown(state(noticed(), noticed()))
    assert 'homeport_unusual{level="model",measure="errors"} 2.0' in lines
    assert 'homeport_unusual{level="key",measure="spend"} 0.0' in lines
    assert len(lines) == 18


def test_nothing_is_shown_of_what_nobody_looked_for() -> None:
    assert shown(None) == []

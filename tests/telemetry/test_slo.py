"""The gauges say what the jobs worker counted, and nothing when there is nothing to believe."""

import msgspec

from homeport.storage.standings import Standing, Standings
from homeport.telemetry.metrics import Metrics
from tests.storage.test_standings import ROW

OF = 'indicator="availability",objective="chat"'


def samples(*rows: Standing) -> dict[str, float]:
    metrics = Metrics(lambda: Standings(computed_at=12_500_000_000, stale_at=1, rows=rows))
    lines = [line for line in metrics.page().decode().splitlines() if line.startswith("homeport_slo")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_one_objective() -> None:
    assert samples(ROW) == {
        "homeport_slo_computed_timestamp_seconds": 12.5,
        f"homeport_slo_target_ratio{{{OF}}}": 0.999,
        f"homeport_slo_ratio{{{OF}}}": 0.99,
        f"homeport_slo_error_budget_remaining_ratio{{{OF}}}": -9.0,
        f'homeport_slo_requests{{{OF},result="good"}}': 99,
        f'homeport_slo_requests{{{OF},result="bad"}}': 1,
        f'homeport_slo_burn_rate{{{OF},window="5m"}}': 10.0,
        f'homeport_slo_alert{{{OF},severity="page"}}': 1,
        f'homeport_slo_alert{{{OF},severity="ticket"}}': 0,
    }


def test_a_ratio_of_nothing_is_not_shown() -> None:
    quiet = msgspec.structs.replace(ROW, good=0, valid=0, ratio=None)
    assert f"homeport_slo_ratio{{{OF}}}" not in samples(quiet)
    assert samples(quiet)[f'homeport_slo_requests{{{OF},result="bad"}}'] == 0


def test_without_standings_only_the_names_are_shown() -> None:
    page = Metrics().page().decode()
    assert "# TYPE homeport_slo_burn_rate gauge" in page
    assert not [line for line in page.splitlines() if line.startswith("homeport_slo")]


def test_each_page_is_read_afresh() -> None:
    rows: list[Standing] = []
    metrics = Metrics(lambda: Standings(computed_at=0, stale_at=1, rows=tuple(rows)))
    assert b'objective="chat"' not in metrics.page()
    rows.append(ROW)
    assert b'objective="chat"' in metrics.page()

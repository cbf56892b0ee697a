"""The figures of the page Quality: by route and for all, over hours and days."""

import pytest

from homeport.console.figures.quality import ALL as EVERYTHING
from homeport.console.figures.quality import MOST_DRAWN, estimates, most_failed, quality_view, route_name
from homeport.console.figures.windows import read_window
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.standing_quality import QualityStanding
from tests.console.office import Office
from tests.fakes.quality import ALL, BAD, GOOD, add_samples, add_scores

NOW = 1_700_000_000 * 10**9 // DAY * DAY + 12 * HOUR


def test_metrics_by_route_the_surest_failures_first(office: Office) -> None:
    add_scores(office.engine, NOW - HOUR, outputs=1_000, judged=1_000, failed=20)
    add_scores(office.engine, NOW - 2 * HOUR, target="large", failed=5)
    add_scores(office.engine, NOW - HOUR, metric="length", judged=0, failed=0, total=100.0, squares=1_010.0)
    add_samples(office.engine, NOW - HOUR)
    add_samples(office.engine, NOW - HOUR, target="large", outputs=50)
    view = quality_view(office.engine, read_window("24h", NOW))
    assert [(row.route, row.figure.metric) for row in view.metrics] == [
        ("cheap/large", "format"),
        ("cheap/small", "format"),
        ("cheap/small", "length"),
    ]
    assert view.metrics[0].low < 0.5 < view.metrics[0].high
    assert (view.total.outputs, view.total.for_judge) == (150, 30)
    assert (view.names, view.routes) == (["format", "length"], ["cheap/small", "cheap/large"])
    only = quality_view(office.engine, read_window("24h", NOW), "cheap/large")
    assert [row.route for row in only.metrics] == ["cheap/large"]
    assert [one.outputs for one in only.samples] == [50]
    assert only.routes == view.routes, "others can still be chosen"


@pytest.mark.parametrize(("window", "expected"), [("24h", [0.1, 0.3]), ("7d", [0.2])])
def test_a_trend_is_of_hours_or_of_days(office: Office, window: str, expected: list[float]) -> None:
    for place, failed in ((2, 1), (1, 3)):
        add_scores(office.engine, NOW - place * HOUR, failed=failed)
    trend = quality_view(office.engine, read_window(window, NOW)).trend
    assert trend is not None
    assert (trend.metric, trend.share) == ("format", True)
    assert [one.value for one in trend.points] == expected
    assert trend.points[0].when == ("2023-11-14" if window == "7d" else "2023-11-14T10:00Z")


def test_versions_of_a_metric_are_one_line_of_its_trend(office: Office) -> None:
    for version in (1, 2):
        add_scores(office.engine, NOW - HOUR, version=version, failed=version)
    trend = quality_view(office.engine, read_window("24h", NOW)).trend
    assert trend is not None
    assert [(one.outputs, one.value) for one in trend.points] == [(20, 0.15)]


def test_the_metric_that_fails_most_is_shown_unless_another_is_chosen(office: Office) -> None:
    add_scores(office.engine, NOW - HOUR, failed=1)
    add_scores(office.engine, NOW - HOUR, metric="refusal", failed=4)
    add_scores(office.engine, NOW - HOUR, metric="length", judged=0, failed=0, total=125.0)
    window = read_window("24h", NOW)
    names = [quality_view(office.engine, window, metric=name).trend for name in ("", "length", "no_such")]
    assert [one.metric for one in names if one is not None] == ["refusal", "length", "refusal"]
    assert names[1] is not None
    assert (names[1].share, names[1].points[0].value) == (False, 12.5)


def test_lines_are_few(office: Office) -> None:
    for place in range(6):
        add_scores(office.engine, NOW - HOUR, target=f"m{place}", outputs=10 + place)
    trend = quality_view(office.engine, read_window("24h", NOW)).trend
    assert trend is not None
    assert {one.route for one in trend.points} == {f"cheap/m{place}" for place in (2, 3, 4, 5)}
    assert trend.further == 2


def test_nothing_was_measured(office: Office) -> None:
    view = quality_view(office.engine, read_window("30d", NOW))
    assert (view.metrics, view.samples, view.trend, view.total.outputs) == ([], [], None, 0)
    assert most_failed([]) == ""


def test_estimates_of_a_route_and_of_all() -> None:
    standing = QualityStanding(computed_at=5, stale_at=9, rows=(ALL, GOOD, BAD))
    told = estimates(standing)
    assert told is not None
    assert [route_name(row) for row in told.rows] == [EVERYTHING, "cheap/small", "cheap/large"]
    assert told.unusable == [BAD]
    assert [(route, by) for route, by, _ in told.drawn][-2:] == [
        ("cheap/large", "people alone"),
        ("cheap/large", "judge alone"),
    ]
    only = estimates(standing, "cheap/small")
    assert only is not None
    assert (only.rows, only.unusable) == ([GOOD], [])
    assert estimates(None) is None
    many = estimates(QualityStanding(computed_at=5, stale_at=9, rows=(GOOD,) * 50))
    assert many is not None
    assert len(many.drawn) == 3 * MOST_DRAWN

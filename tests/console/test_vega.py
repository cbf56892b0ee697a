"""What draws charts is what was vendored, and whatever a chart says it can draw."""

from pathlib import Path
from typing import Any

import pytest
import vl_convert
from tools.vega import STATIC, bundle

from homeport.console import charts


def test_it_is_made_by_the_tool() -> None:
    """With the release that is locked; after another one is locked: python tools/vega.py, and this file."""
    assert bundle() == (Path(STATIC) / "vega.min.js").read_text()


HOSTILE = "</script><script>alert(1)</script>{{7*7}}\u202e"
POINTS = [{"usd": 0.1, "good": 0.8, "share": 0.0}, {"usd": 0.2, "good": 0.9, "share": 1.0}]
CHARTS = {
    "spent": charts.spent_over_time([("2026-11-01", 5_000_000_000, 1_000_000_000), ("2026-11-02", 0, 0)]),
    "mean": charts.cost_per_query([("2026-11-01T08:00Z", 5_000_000)]),
    "split": charts.split([("local", 0.7, 0.8), ("mid", 0.3, None), (HOSTILE, 0.0, 0.2)]),
    "curve": charts.quality_and_cost(POINTS, [{**POINTS[0], "name": HOSTILE}]),
    "hits": charts.hit_rate([("2026-11-01", 0.5)]),
    "estimates": charts.estimates(
        [
            (HOSTILE, "corrected", 0.81, 0.79, 0.83),
            (HOSTILE, "people alone", 0.8, 0.7, 0.9),
            ("b", "judge alone", 1, 1, 1),
        ]
    ),
    "failing": charts.metric_over_time([("2026-11-01", "a/b", 0.02), ("2026-11-02", HOSTILE, 0.0)]),
    "mean of a metric": charts.metric_over_time([("2026-11-01T08:00Z", "a/b", 812.0)], "hour", share=False),
    "nothing is estimated": charts.estimates([]),
    "nothing": charts.spent_over_time([]),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_can_be_drawn_without_a_browser_too(name: str) -> None:
    spec: dict[str, Any] = {**CHARTS[name], "width": 400}
    svg = str(vl_convert.vegalite_to_svg(spec))
    assert svg.startswith("<svg")
    assert "<script" not in svg


def test_a_mark_says_where_a_tier_should_be_and_only_there() -> None:
    svg = str(vl_convert.vegalite_to_svg({**CHARTS["split"], "width": 400}))
    assert svg.count("wanted: ") == 2, "of two tiers a share is wanted"
    assert "share of requests: 70%" in svg


def test_each_estimate_has_its_value_and_its_interval() -> None:
    svg = str(vl_convert.vegalite_to_svg({**CHARTS["estimates"], "width": 400}))
    for name in charts.ESTIMATES:
        assert f">{name}<" in svg, "the legend names it"
    assert svg.count("high: ") == 3
    assert "0.81" in svg

"""How good answers are: the figures of the page Quality, from the sums of hours and what the jobs worker published."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine

from homeport.console.figures.windows import Window
from homeport.ledger.reports import label
from homeport.stats.agreement import UNUSABLE
from homeport.stats.proportions import wilson
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_figures import (
    MetricFigure,
    MetricTime,
    SampleFigure,
    metric_figures,
    metric_times,
    sample_figures,
)
from homeport.storage.standing_quality import Interval, QualityStanding, RouteQuality

ALL = "all routes"
MOST_DRAWN = 12
"""Routes in the chart of estimates; the table has all."""
_LINES = 4
"""Routes in the chart of a metric: so many can be told from each other."""


class MetricRow(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on one route. `low`, `high`: between which bounds the share that fails is, at 95 %."""

    route: str
    figure: MetricFigure
    low: float
    high: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One route in one hour or day. `value`: the share that fails, or the mean where nothing passes or fails."""

    when: str
    route: str
    outputs: int
    value: float


class MetricTrend(msgspec.Struct, frozen=True, kw_only=True):
    """One metric over time.

    Attributes:
        share: the values are shares that fail.
        further: routes that are not shown.
    """

    metric: str
    share: bool
    points: Sequence[Point]
    further: int


class QualityView(msgspec.Struct, frozen=True, kw_only=True):
    """Of a window, of one route or of all.

    Attributes:
        routes: every route that there is anything of.
        samples: how many outputs there were, and what was done with them.
        metrics: what failed most often first.
        names: of the metrics that there are figures of.
        trend: of the metric that was chosen, or else of the one that fails most; None where nothing was measured.
    """

    window: Window
    routes: Sequence[str]
    samples: Sequence[SampleFigure]
    metrics: Sequence[MetricRow]
    names: Sequence[str]
    trend: MetricTrend | None

    @property
    def total(self) -> SampleFigure:
        """All of `samples` together."""
        names = ("outputs", "kept", "low", "broken", "for_judge", "for_human")
        sums = {name: sum(getattr(one, name) for one in self.samples) for name in names}
        return SampleFigure(tier="", target="", **sums)


class Estimates(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge and people say. `unusable`: routes whose judge is not to be believed."""

    computed_at: int
    rows: Sequence[RouteQuality]
    unusable: Sequence[RouteQuality]

    @property
    def drawn(self) -> Sequence[tuple[str, str, Interval]]:
        """Route, by what, and the estimate: those that are known of the first routes."""
        found = []
        for row in self.rows[:MOST_DRAWN]:
            by = {"people alone": row.human, "judge alone": row.judge, "corrected": row.corrected}
            found += [(route_name(row), name, one) for name, one in by.items() if one is not None]
        return found


def route_name(row: RouteQuality | SampleFigure | MetricFigure | MetricTime) -> str:
    """A route as incidents name it; `ALL` for what has none."""
    return f"{row.tier}/{row.target}" if row.tier or row.target else ALL


def estimates(standing: QualityStanding | None, route: str = "") -> Estimates | None:
    """Of one route, or of all; None where nothing is known."""
    if standing is None:
        return None
    rows = [row for row in standing.rows if not route or route_name(row) == route]
    unusable = [row for row in rows if row.verdict == UNUSABLE]
    return Estimates(computed_at=standing.computed_at, rows=rows, unusable=unusable)


def quality_view(engine: Engine, window: Window, route: str = "", metric: str = "") -> QualityView:
    """The figures of a window; `metric` is the one whose trend is wanted."""
    since, until = window.since_ns, window.until_ns
    samples, measured = sample_figures(engine, since, until), metric_figures(engine, since, until)
    wanted = [one for one in measured if not route or route_name(one) == route]
    rows = sorted(map(_row, wanted), key=lambda one: (-one.low, one.route, one.figure.metric))
    names = sorted({one.metric for one in measured})
    chosen = metric if metric in names else most_failed(wanted)
    return QualityView(
        window=window,
        routes=list(dict.fromkeys([*map(route_name, samples), *map(route_name, measured)])),
        samples=[one for one in samples if not route or route_name(one) == route],
        metrics=rows,
        names=names,
        trend=_trend(engine, window, chosen, route) if chosen else None,
    )


def most_failed(figures: Sequence[MetricFigure]) -> str:
    """The metric that the largest share of outputs fails; "" where nothing was measured."""
    failed, judged = Counter[str](), Counter[str]()
    for one in figures:
        failed[one.metric] += one.failed
        judged[one.metric] += one.judged
    return max(sorted(judged), key=lambda name: failed[name] / max(1, judged[name]), default="")


def _trend(engine: Engine, window: Window, metric: str, route: str) -> MetricTrend:
    width = HOUR if window.width == "hour" else DAY
    times = metric_times(engine, metric, window.since_ns, window.until_ns, width)
    found = [one for one in times if not route or route_name(one) == route]
    outputs: Mapping[str, int] = _outputs(found)
    shown = sorted(outputs, key=lambda name: (-outputs[name], name))[:_LINES]
    share = any(one.judged for one in found)
    points = [
        Point(when=label(window.width, one.start), route=route_name(one), outputs=one.outputs, value=_value(one, share))
        for one in found
        if route_name(one) in shown and (one.judged or not share)
    ]
    return MetricTrend(metric=metric, share=share, points=points, further=len(outputs) - len(shown))


def _outputs(times: Sequence[MetricTime]) -> Counter[str]:
    counted = Counter[str]()
    for one in times:
        counted[route_name(one)] += one.outputs
    return counted


def _value(one: MetricTime, share: bool) -> float:
    return one.failed / one.judged if share else one.mean


def _row(figure: MetricFigure) -> MetricRow:
    low, high = wilson(figure.failed, figure.judged) if figure.judged else (0.0, 0.0)
    return MetricRow(route=route_name(figure), figure=figure, low=low, high=high)

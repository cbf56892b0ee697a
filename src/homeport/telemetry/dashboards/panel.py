"""What a dashboard is made of, in the words of those who read it; `grafana.py` says it in Grafana's."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class View(StrEnum):
    """How a panel shows its figures: Grafana's names."""

    LINES = "timeseries"
    NUMBER = "stat"
    BARS = "bargauge"
    TABLE = "table"


class Unit(StrEnum):
    """Grafana's ids."""

    COUNT = "short"
    PER_SECOND = "reqps"
    TOKENS_PER_SECOND = "tokens/s"
    SECONDS = "s"
    SHARE = "percentunit"
    DOLLARS = "currencyUSD"
    BYTES = "bytes"
    YES_NO = "bool_yes_no"


class Query(msgspec.Struct, frozen=True):
    """An expression of PromQL, and what its series are called, such as `{{model}}`.

    `$instance` and `$__rate_interval` are filled in by Grafana.
    """

    expr: str
    legend: str = ""
    examples: bool = False


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One chart.

    Attributes:
        what: one sentence that says how to read it.
        width: of 24 columns.
        warn, alarm: values from which it is yellow and red; None for no colour. Where `warn` is the higher one,
            it is red below `alarm`.
        stacked: its series are parts of a whole.
        least: where the scale begins; None: where the figures do.
    """

    title: str
    what: str
    queries: Sequence[Query]
    view: View = View.LINES
    unit: Unit = Unit.COUNT
    width: int = 12
    height: int = 8
    warn: float | None = None
    alarm: float | None = None
    stacked: bool = False
    least: float | None = 0.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Panels under one heading, from left to right."""

    title: str
    panels: Sequence[Panel]


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A page.

    Attributes:
        slug: names its file and its address; the same for ever.
    """

    slug: str
    title: str
    what: str
    rows: Sequence[Row]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


HERE = 'instance=~"$instance"'
"""Of the gateways that were chosen at the top of the page."""


def rate(metric: str, matchers: str = "") -> str:
    """How fast a counter grows, each second."""
    return f"rate({metric}{{{', '.join(filter(None, (HERE, matchers)))}}}[$__rate_interval])"


def quantile(share: float, histogram: str, by: str = "", matchers: str = "") -> str:
    """What so large a share of the times is below, in seconds."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) ({rate(f'{histogram}_bucket', matchers)}))"


def quantiles(histogram: str, matchers: str = "") -> tuple[Query, ...]:
    """p50, p95 and p99 of all, with examples."""
    return tuple(
        Query(quantile(share, histogram, matchers=matchers), name, True)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )


def total(metric: str, matchers: str = "", by: str = "") -> str:
    """How fast a counter grows over all its series, or for each value of some labels."""
    return f"sum{f' by ({by})' if by else ''} ({rate(metric, matchers)})"


def number(
    title: str, what: str, expr: str, unit: Unit, warn: float | None = None, alarm: float | None = None
) -> Panel:
    """One figure, as it is now."""
    return Panel(
        title=title,
        what=what,
        queries=(Query(expr),),
        view=View.NUMBER,
        unit=unit,
        width=4,
        height=4,
        warn=warn,
        alarm=alarm,
    )

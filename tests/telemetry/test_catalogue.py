"""The table of metrics is the page, and the page of the documentation."""

import re
from pathlib import Path

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from homeport.core.types import Attempt
from homeport.ledger.slo import ALERT_RULES, BURN_WINDOWS
from homeport.storage.alert_figures import AlertFigures, Delivered, Raised, Unresolved
from homeport.storage.budget_figures import BudgetFigure, BudgetFigures
from homeport.storage.score_figures import MetricFigure, QualityFigures, SampleFigure
from homeport.storage.standings import Standings
from homeport.telemetry.catalogue import METRICS, Kind, MetricFacts, most_series
from homeport.telemetry.metrics import Metrics
from homeport.telemetry.traces import TraceFigures
from tests.storage.events import finished
from tests.storage.test_standings import ROW
from tests.storage.test_unusual import noticed, state

ALERTS = AlertFigures(
    stale_at=1,
    raised=(Raised(kind="budget.exceeded", severity="critical", count=2),),
    deliveries=(Delivered(webhook="pager", state="failed", count=1),),
    incidents=(Unresolved(kind="model.changed", state="open", count=3),),
)
QUALITY = QualityFigures(
    stale_at=1,
    metrics=(
        MetricFigure(
            tier="t", target="m", metric="format", version=1, outputs=2, judged=2, failed=1, mean=0.5, deviation=0.7
        ),
    ),
    samples=(SampleFigure(tier="t", target="m", outputs=2, kept=2, low=1, broken=0, for_judge=1, for_human=0),),
)
REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")


def full_page() -> dict[str, Metric]:
    """Every family with a series, by its name without `_total`."""
    metrics = Metrics(
        lambda: Standings(computed_at=1, stale_at=2, rows=(ROW,)),
        lambda: BudgetFigures(computed_at=1, stale_at=2, rows=(BudgetFigure(name="b", limit=1, spent=1, leased=1),)),
        lambda: TraceFigures(sent=1),
        lambda: state(noticed()),
        lambda: ALERTS,
        lambda: QUALITY,
    )
    families = text_string_to_metric_families(metrics.page().decode())
    return {family.name: family for family in families if not family.name.endswith("_created")}


def family_of(facts: MetricFacts) -> str:
    return facts.name.removesuffix("_total")


def test_the_page_has_what_the_table_has() -> None:
    page = full_page()
    assert set(page) == {family_of(facts) for facts in METRICS}
    for facts in METRICS:
        assert page[family_of(facts)].type == facts.kind


def test_the_documentation_has_what_the_table_has() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", REFERENCE, re.MULTILINE)
    told = {name: (kind, re.sub(r"\(.*?\)|`", "", labels).replace(" ", "").strip(",")) for name, kind, labels in rows}
    assert told == {facts.name: (str(facts.kind), ",".join(facts.labels)) for facts in METRICS}


def test_the_documentation_tells_the_bound() -> None:
    for figure in (most_series(), most_series(2) - most_series(1)):
        assert f"{figure:,}" in REFERENCE


def flooded(number: int) -> Metrics:
    """A process that has seen so many of everything, whoever thought of it."""
    metrics = Metrics()
    for place in range(number):
        word = f"w{place}"
        attempts = (Attempt(target=word, error=word, started_ns=0, ended_ns=1),)
        event = msgspec.structs.replace(finished(word), surface=word, tier=word, target=word, upstream=word)
        event = msgspec.structs.replace(event, error=word, cache=word, attempts=attempts, stream=True)
        metrics.observe(event)
        metrics.observe(msgspec.structs.replace(event, cache="", error="budget_exceeded", reason=f"budget:{word}"))
        metrics.gates.waited(word, place)
        metrics.refused.add(word)
        metrics.cache.bypassed(word)
        metrics.count_errand(word, word)
        metrics.show_upstream(word, ready=True)
    return metrics


def series(metrics: Metrics) -> dict[str, int]:
    """How many series each family has, by its name without `_total`; times of creation count with theirs."""
    found: dict[str, int] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        name = family.name.removesuffix("_created")
        found[name] = found.get(name, 0) + len(family.samples)
    return found


def test_no_family_grows_beyond_its_bound() -> None:
    found = series(flooded(3_000))
    for facts in METRICS:
        assert found.get(family_of(facts), 0) <= facts.series, facts.name
    assert 15_000 < sum(found.values()) <= most_series(), "the flood has reached the bounds"


def test_nothing_is_lost_in_a_flood() -> None:
    families = text_string_to_metric_families(flooded(3_000).page().decode())
    counted = {
        family.name: sum(one.value for one in family.samples if one.name.endswith("_total")) for family in families
    }
    assert counted["homeport_requests"] == 6_000
    assert counted["homeport_upstream_attempts"] == 6_000
    assert counted["homeport_refused"] == 3_000


def test_series_of_a_histogram() -> None:
    facts = MetricFacts(name="homeport_x_seconds", kind=Kind.HISTOGRAM)
    assert facts.stored == ("homeport_x_seconds_bucket", "homeport_x_seconds_sum", "homeport_x_seconds_count")


def test_windows_are_those_of_the_ledger() -> None:
    facts = next(one for one in METRICS if one.name == "homeport_slo_burn_rate")
    assert facts.most == 300 * len(BURN_WINDOWS)
    assert len(ALERT_RULES) == 3

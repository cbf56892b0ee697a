"""What outputs scored lately, as Prometheus gauges. Labels are names of the configuration: routes and metrics."""

from collections.abc import Callable, Iterator
from itertools import islice

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from homeport.storage.score_figures import QualityFigures
from homeport.telemetry.bounds import MOST_MODELS, MOST_QUALITY

_STATES = ("kept", "low", "broken", "for_judge", "for_human")


class QualityGauges(Collector):
    """Shows what the jobs worker counted last; nothing when that is missing or stale.

    Where there are more routes and metrics than the page may have, those with most outputs are shown.
    """

    def __init__(self, read: Callable[[], QualityFigures | None]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        figures = self._read()
        if figures is None:
            return
        yield from _of_metrics(figures)
        yield from _of_samples(figures)
        behind = GaugeMetricFamily("homeport_quality_waiting", "Requests that were not looked at yet")
        behind.add_metric((), float(figures.waiting))
        yield behind


def _of_metrics(figures: QualityFigures) -> Iterator[Metric]:
    labels = ("tier", "model", "metric")
    mean = GaugeMetricFamily("homeport_quality_value", "Mean of a metric, in its unit", labels=labels)
    failed = GaugeMetricFamily("homeport_quality_failed_ratio", "Outputs that fail a metric", labels=labels)
    seen: set[tuple[str, str, str]] = set()
    for row in islice(figures.metrics, MOST_QUALITY):
        place = (row.tier, row.target, row.metric)
        if place in seen:  # the version before, in the hour in which it was replaced
            continue
        seen.add(place)
        mean.add_metric(place, row.mean)
        if row.failed_share is not None:
            failed.add_metric(place, row.failed_share)
    yield from (mean, failed)


def _of_samples(figures: QualityFigures) -> Iterator[Metric]:
    outputs = GaugeMetricFamily("homeport_quality_outputs", "Outputs that were scored", labels=("tier", "model"))
    states = GaugeMetricFamily(
        "homeport_quality_outputs_of", "What was done with them", labels=("tier", "model", "state")
    )
    for row in islice(figures.samples, MOST_MODELS):
        outputs.add_metric((row.tier, row.target), row.outputs)
        for state in _STATES:
            states.add_metric((row.tier, row.target, state), getattr(row, state))
    yield from (outputs, states)

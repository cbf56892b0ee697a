"""Histograms count into the right buckets, and show the trace of one request of each."""

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from homeport.core.tracing import Traced
from homeport.telemetry.metrics import Metrics
from homeport.telemetry.times import BOUNDS_NS, SERIES, Times, histogram
from tests.telemetry.test_metrics import traced

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("bound", BOUNDS_NS)
def test_a_bound_is_inside_its_bucket(bound: int) -> None:
    times = Times()
    times.add(bound)
    times.add(bound + 1)
    counts = dict(one[:2] for one in times.buckets())
    assert counts[str(bound / 1e9)] == 1
    assert counts["+Inf"] == 2


def test_a_histogram_has_as_many_series_as_it_says() -> None:
    family = histogram("h", "what", ("a",), [(("1",), Times()), (("2",), Times())])
    assert len(family.samples) == 2 * SERIES


def test_each_bucket_has_its_latest_example() -> None:
    times = Times()
    times.add(15_000_000, "a" * 32, 1_500_000_000)
    times.add(16_000_000, TRACE, 2_500_000_000)
    times.add(1, "", 3)
    examples = {one[0]: one[2] for one in times.buckets() if len(one) == 3}
    assert list(examples) == ["0.02"]
    assert examples["0.02"] == ({"trace_id": TRACE}, 0.016, 2.5)


@pytest.mark.parametrize(
    "trace", ["mine", TRACE.upper(), f"{TRACE}0", f"{TRACE}\n", '"} 1 # {evil="', "ada@example.com"]
)
def test_what_is_no_trace_id_is_no_example(trace: str) -> None:
    times = Times()
    times.add(1, trace, 5)
    assert not [one for one in times.buckets() if len(one) == 3]


def test_openmetrics_has_examples_and_the_other_form_has_none() -> None:
    metrics = Metrics()
    metrics.observe(traced(TRACE))
    text = metrics.page(openmetrics_text=True).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    found = [one.exemplar for one in families["homeport_request_duration_seconds"].samples if one.exemplar]
    assert [one.labels for one in found] == [{"trace_id": TRACE}]
    assert text.endswith("# EOF\n")
    assert TRACE not in metrics.page().decode()


def test_the_trace_that_its_spans_are_in_is_the_example() -> None:
    metrics = Metrics()
    spans = Traced(trace_id="a" * 32, span_id="b" * 16)
    metrics.observe(msgspec.structs.replace(traced("run-7"), traced=spans))
    assert f'trace_id="{"a" * 32}"' in metrics.page(openmetrics_text=True).decode()

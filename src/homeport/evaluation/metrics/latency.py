"""How long the answer took, from the request to its last byte, in milliseconds."""

from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.evaluation.metrics.base import Measure, Metric, MetricSetup, Need, Sample, Score, Unit, read_options

NAME = "latency"
_NS_PER_MS = 1_000_000


class LatencyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        most_ms: an answer that took longer fails; left out: it is measured only.
        most_first_ms: the same for the first byte of a stream.
    """

    most_ms: Annotated[int, Meta(ge=1)] | None = None
    most_first_ms: Annotated[int, Meta(ge=1)] | None = None


def create(setup: MetricSetup) -> Metric:
    options = read_options(NAME, setup, LatencyOptions)

    def latency(sample: Sample) -> Score | None:
        if not sample.latency_ns:
            return None
        value = sample.latency_ns / _NS_PER_MS
        if options.most_ms is not None and value > options.most_ms:
            return Score(value, False, "slow", f"it took longer than {options.most_ms} ms")
        first = sample.ttft_ns / _NS_PER_MS if sample.stream else 0.0
        if options.most_first_ms is not None and first > options.most_first_ms:
            return Score(value, False, "late", f"it began after {options.most_first_ms} ms")
        return Score(value, None if options == LatencyOptions() else True)

    return Measure(name=NAME, measure=latency, unit=Unit.MILLISECONDS, needs=Need.NOTHING)

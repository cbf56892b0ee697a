"""Single words that answer and reference share: ROUGE-1."""

from homeport.evaluation.metrics.base import (
    Measure,
    Metric,
    MetricSetup,
    Need,
    NoOptions,
    Sample,
    Score,
    Unit,
    read_options,
)
from homeport.evaluation.metrics.grams import rouge_n

NAME = "rouge_1"


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=rouge_1, unit=Unit.SHARE, needs=Need.REFERENCE)


def rouge_1(sample: Sample) -> Score:
    """F1, from 0 to 1."""
    return rouge_n(sample, 1)

"""Words that answer and reference share in the same order, with others between them or not: ROUGE-L.

Source: Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), of whole texts, as F1.
"""

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
from homeport.evaluation.metrics.grams import f_measure, longest_common
from homeport.evaluation.metrics.texts import words

NAME = "rouge_l"
MOST_WORDS = 2_048
"""Of each text, from its beginning."""


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=rouge_l, unit=Unit.SHARE, needs=Need.REFERENCE)


def rouge_l(sample: Sample) -> Score:
    """F1, from 0 to 1."""
    said, wanted = (words(text or "")[:MOST_WORDS] for text in (sample.output, sample.reference))
    return Score(f_measure(longest_common(said, wanted), len(said), len(wanted)))

"""How near the meaning of an answer is to that of its reference: the cosine of their vectors.

The vectors are the static embedder's (see embeddings/static.py): a text is the mean of its tokens. Word order and
negation hardly move it, so it tells what a text is about, and not whether it is right.
"""

from functools import cache

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

NAME = "embedding_similarity"


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    embedder = cache(setup.embedder)

    def embedding_similarity(sample: Sample) -> Score:
        """From 0 to 1; a cosine below 0 counts as 0, and so does a text that says nothing."""
        one, other = embedder()((sample.output or "", sample.reference or ""))
        return Score(min(1.0, max(0.0, float(one @ other))))

    return Measure(name=NAME, measure=embedding_similarity, unit=Unit.SHARE, needs=Need.REFERENCE)

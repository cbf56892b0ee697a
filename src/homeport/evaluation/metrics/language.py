"""The answer is in the language of the question. Where the question, or the system's message, names a language or asks
for a translation, or where either language cannot be told, nothing is said."""

from homeport.evaluation.metrics.base import (
    Measure,
    Metric,
    MetricSetup,
    Need,
    NoOptions,
    Sample,
    Score,
    read_options,
    verdict,
)
from homeport.evaluation.metrics.languages import language_of, names_a_language

NAME = "language"


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=language, needs=Need.TEXT)


def language(sample: Sample) -> Score | None:
    """Failed where both are known and differ."""
    system = next((message.text for message in sample.messages if message.role in ("system", "developer")), "")
    if names_a_language(system) or names_a_language(sample.question):
        return None
    asked, answered = language_of(sample.question), language_of(sample.output or "")
    if not asked or not answered:
        return None
    return verdict() if asked == answered else verdict("different", f"asked in {asked}, answered in {answered}")

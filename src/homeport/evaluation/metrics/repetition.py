"""The answer goes round in a loop: at its end the same runs of words or characters come again and again, or all of it
can be said in a small part of its length (its compression ratio)."""

import zlib

from homeport.evaluation.metrics.base import (
    Form,
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
from homeport.evaluation.metrics.grams import grams
from homeport.evaluation.metrics.texts import cut, words
from homeport.routing.defects import repeats

NAME = "repetition"
_GRAM = 4
_LEAST_CHARS = 1_000
_LEAST_RATIO = 0.06
_FAST = 1


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=repetition, unit=Unit.SHARE, needs=Need.TEXT)


def repetition(sample: Sample) -> Score:
    """The share of its runs of four words that differ, from 0 to 1; it fails where the answer loops.

    JSON that was asked for is measured only: its keys are the same in each item.
    """
    text = cut(sample.output or "")
    runs = grams(words(text), _GRAM)
    value = len(runs) / runs.total() if runs else 1.0
    if sample.form is not Form.ANY:
        return Score(value)
    if repeats(text):
        return Score(value, False, "loop", "its end repeats itself")
    if len(text) >= _LEAST_CHARS and _ratio(text) < _LEAST_RATIO:
        return Score(value, False, "same", f"it can be said in {_LEAST_RATIO:.0%} of its length")
    return Score(value, True)


def _ratio(text: str) -> float:
    """Compressed length over length."""
    data = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(data, _FAST)) / len(data)

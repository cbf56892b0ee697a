"""How long the answer is, in tokens; an answer that says nothing fails."""

from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.evaluation.metrics.base import Measure, Metric, MetricSetup, Need, Sample, Score, Unit, read_options
from homeport.evaluation.metrics.texts import words

NAME = "length"


class LengthOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        least, most: an answer of fewer or more tokens fails; left out: any length is as good as another.
    """

    least: Annotated[int, Meta(ge=0)] = 0
    most: Annotated[int, Meta(ge=1)] | None = None


def create(setup: MetricSetup) -> Metric:
    options = read_options(NAME, setup, LengthOptions)

    def length(sample: Sample) -> Score | None:
        tokens = sample.output_tokens or len(words(sample.output or ""))
        if sample.output is not None and not (sample.output.strip() or sample.tool_calls):
            return Score(float(tokens), False, "empty", "it says nothing")
        if not tokens:
            return None  # nobody counted
        if tokens < options.least:
            return Score(float(tokens), False, "short", f"it has fewer than {options.least} tokens")
        if options.most is not None and tokens > options.most:
            return Score(float(tokens), False, "long", f"it has more than {options.most} tokens")
        return Score(float(tokens), True)

    return Measure(name=NAME, measure=length, unit=Unit.TOKENS, needs=Need.NOTHING)

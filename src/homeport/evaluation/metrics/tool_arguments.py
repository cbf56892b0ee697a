"""Each tool that the model calls was offered, and its arguments are an object that follows the tool's schema."""

import msgspec

from homeport.evaluation.checks import MAX_ANSWER_CHARACTERS, Referee
from homeport.evaluation.metrics.base import (
    Measure,
    Metric,
    MetricSetup,
    Need,
    NoOptions,
    Sample,
    Score,
    ToolCall,
    read_options,
    verdict,
)

NAME = "tool_arguments"
MOST_CALLS = 16
"""Of one answer that are looked at."""

_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)

    def score(sample: Sample) -> Score:
        wrong = (_wrong(call, sample, setup.referee) for call in sample.tool_calls[:MOST_CALLS])
        return next((one for one in wrong if one is not None), verdict())

    return Measure(name=NAME, measure=score, needs=Need.TOOLS)


def _wrong(call: ToolCall, sample: Sample, referee: Referee) -> Score | None:
    """What is wrong with a call; None for nothing."""
    if call.name not in sample.tools:
        # Tools that are all told in a way we do not know hold nothing against a call.
        return verdict("unknown_tool", "it calls a tool that was not offered") if sample.tools else None
    try:
        given = msgspec.json.decode(call.arguments[:MAX_ANSWER_CHARACTERS] or "{}")
    except _UNREADABLE:
        return verdict("no_json", "the arguments are no JSON")
    if not isinstance(given, dict):
        return verdict("no_object", "the arguments are no object")
    schema = sample.tools[call.name]
    ruling = referee.follows(schema, given) if schema else None
    if ruling is None or ruling.ok or ruling.broken:
        return None  # a schema that is no good holds nothing against a call either
    return verdict("schema", "the arguments do not follow the tool's schema")

"""The answer has the format that `response_format` asked for: JSON, an object, or JSON that follows a schema.

Nothing is forgiven, such as a fence around it: who asks for JSON reads it with a program.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.evaluation.checks import MAX_ANSWER_CHARACTERS, Referee
from homeport.evaluation.metrics.base import (
    Form,
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

NAME = "format"
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)

    def score(sample: Sample) -> Score | None:
        return _score(sample, setup.referee)

    return Measure(name=NAME, measure=score, needs=Need.SCHEMA)


def _score(sample: Sample, referee: Referee) -> Score | None:
    text = (sample.output or "").strip()
    if sample.tool_calls and not text:
        return None  # it called a tool instead, which is looked at as a call
    if len(text) > MAX_ANSWER_CHARACTERS:
        return verdict("too_long", f"it has more than {MAX_ANSWER_CHARACTERS:,} characters")
    try:
        value = msgspec.json.decode(text)
    except _UNREADABLE:
        return verdict("no_json", "it is no JSON")
    if sample.form is Form.OBJECT and not isinstance(value, dict):
        return verdict("no_object", "it is JSON, and no object")
    return verdict() if sample.schema is None else _followed(sample.schema, value, referee)


def _followed(schema: Mapping[str, Any], value: Any, referee: Referee) -> Score | None:
    ruling = referee.follows(schema, value)
    if ruling.broken:
        return None  # the schema is no good, for which no answer can be blamed
    return verdict("" if ruling.ok else "schema", "" if ruling.ok else "it does not follow the schema")

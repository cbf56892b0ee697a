"""The answer stops before its end: the token limit was met, or it breaks off in the middle of a sentence or of code.

Whether a sentence is whole is told only of prose that ends its sentences with signs; lists, headings, tables and code
are left alone.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.evaluation.metrics.base import (
    Form,
    Measure,
    Metric,
    MetricSetup,
    Need,
    Sample,
    Score,
    read_options,
    verdict,
)
from homeport.evaluation.metrics.texts import cut

NAME = "truncation"
_LEAST_CHARS = 200
_LEAST_SENTENCES = 3
_LEAST_LINE = 40
_FENCE = re.compile(r"^[ \t]{0,3}```", re.MULTILINE)
_SENTENCE = re.compile(r"[.!?][\"')\]»”’*_]{0,3}(?=\s)|[。！？؟।]")  # noqa: RUF001  marks of other scripts
_NO_PROSE = re.compile(r"\s*(?:[-*+•|#>]|\d{1,3}[.)]|[a-zA-Z][.)]\s)")
_OPEN = re.compile(r"[^\W_][,;(\[{\-–—]?\Z")  # noqa: RUF001  dashes are what is meant


class TruncationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        least_tokens: a limit that the caller set below this is taken for the length that was wanted.
    """

    least_tokens: Annotated[int, Meta(ge=0)] = 32


def create(setup: MetricSetup) -> Metric:
    least = read_options(NAME, setup, TruncationOptions).least_tokens

    def truncation(sample: Sample) -> Score:
        if sample.finish == "length":
            wanted = sample.max_tokens is not None and sample.max_tokens < least
            return verdict("" if wanted else "length", "" if wanted else "it met the limit of its tokens")
        if sample.tool_calls or sample.form is not Form.ANY:
            return verdict()
        return _broken_off((sample.output or "").rstrip())

    return Measure(name=NAME, measure=truncation, needs=Need.TEXT)


def _broken_off(text: str) -> Score:
    read = cut(text)
    if len(_FENCE.findall(read)) % 2 and read == text:
        return verdict("open_code", "a block of code is not closed")
    if len(text) < _LEAST_CHARS or len(_SENTENCE.findall(read)) < _LEAST_SENTENCES:
        return verdict()
    line = read.rpartition("\n")[2]
    if len(line) < _LEAST_LINE or _NO_PROSE.match(line) or _OPEN.search(line) is None or not _is_prose(read):
        return verdict()
    return verdict("sentence", "it ends in the middle of a sentence")


def _is_prose(text: str) -> bool:
    """Whether the lines before end as sentences do, mostly: verse and code do not."""
    lines = [line for line in text.split("\n")[:-1] if len(line) >= _LEAST_LINE]
    ended = sum(_OPEN.search(line.rstrip()) is None for line in lines)
    return 2 * ended >= len(lines)

"""BLEU of one answer against its reference, from 0 to 100, as sacrebleu's `sentence_bleu` defines it.

That is: tokens of mteval-v13a, upper and lower case apart, runs of up to four tokens, exponential smoothing and the
effective order. Sources: Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (2002);
Post, "A call for clarity in reporting BLEU scores" (2018); Chen and Cherry, "A systematic comparison of smoothing
techniques for sentence-level BLEU" (2014), method 3. A mean over many answers is not the BLEU of a corpus.
"""

import math
import re

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
from homeport.evaluation.metrics.grams import grams, shared
from homeport.evaluation.metrics.texts import cut

NAME = "bleu"
_ORDER = 4
_WHOLE = 100.0
_PLAIN = (("<skipped>", ""), ("-\n", ""), ("\n", " "))
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_APART = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=bleu, unit=Unit.POINTS, needs=Need.REFERENCE)


def bleu(sample: Sample) -> Score:
    """From 0 to 100."""
    return Score(sentence_bleu(sample.output or "", sample.reference or ""))


def tokens(text: str) -> list[str]:
    """As mteval-v13a of NIST takes a text apart."""
    plain = cut(text).rstrip()
    for old, new in (*_PLAIN, *_ENTITIES):
        plain = plain.replace(old, new)
    plain = f" {plain} "
    for pattern, apart in _APART:
        plain = pattern.sub(apart, plain)
    return plain.split()


def sentence_bleu(said: str, wanted: str) -> float:
    """BLEU with exponential smoothing and effective order, from 0 to 100."""
    ours, theirs = tokens(said), tokens(wanted)
    logarithms: list[float] = []
    smooth, met_any = 1.0, False
    for length in range(1, min(_ORDER, len(ours)) + 1):
        total = len(ours) - length + 1
        met = shared(grams(ours, length), grams(theirs, length))
        met_any = met_any or met > 0
        smooth = smooth if met else smooth * 2
        logarithms.append(math.log(_WHOLE * met / total if met else _WHOLE / (smooth * total)))
    if not met_any:
        return 0.0
    brevity = 1.0 if len(ours) >= len(theirs) else math.exp(1 - len(theirs) / len(ours))
    return min(_WHOLE, brevity * math.exp(sum(logarithms) / len(logarithms)))

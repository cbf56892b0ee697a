"""The answer is the reference, without white space around it."""

import msgspec

from homeport.evaluation.checks import Exact, judge
from homeport.evaluation.metrics.base import Measure, Metric, MetricSetup, Need, Sample, Score, read_options, verdict

NAME = "exact_match"


class ExactMatchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options.

    Attributes:
        ignore_case: upper and lower case are the same.
    """

    ignore_case: bool = False


def create(setup: MetricSetup) -> Metric:
    check = Exact(ignore_case=read_options(NAME, setup, ExactMatchOptions).ignore_case)

    def exact_match(sample: Sample) -> Score:
        matches = judge(check, sample.reference or "", sample.output or "", setup.referee).passed
        return verdict("" if matches else "different", "" if matches else "it is not what is expected")

    return Measure(name=NAME, measure=exact_match, needs=Need.REFERENCE)

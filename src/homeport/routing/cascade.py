"""The judge of a cascade: whether a lower tier's answer is given to the caller, or the next tier is asked.

What can be seen for nothing comes first. Then the confidence of the model in its own tokens, calibrated where
labels were given; a confidence that a model puts into words is never read.
"""

import math
from collections.abc import Sequence

import msgspec

from homeport.core.money import Nano
from homeport.core.routing import Answer, Question, Verdict
from homeport.core.types import Target
from homeport.routing.acceptance import Acceptance
from homeport.routing.confidence import MEAN, Confidence, at_most
from homeport.routing.defects import defect
from homeport.routing.families import family_of
from homeport.routing.thresholds import Thresholds

CONFIDENT = "confident"
LOW_CONFIDENCE = "low_confidence"
LOW_LOGPROB = "low_logprob"
LIKELY = "likely_tokens"
UNKNOWN = "no_confidence_told"
NOT_WORTH_IT = "not_worth_it"

UNCALIBRATED = 0.6
"""Geometric mean of the tokens' probabilities that an answer must reach where no calibrator is there."""
CALIBRATED = 0.5
"""Probability of being right that an answer must reach where nothing else was said: rather right than wrong."""

_IMPOSSIBLE = -1_000.0
"""A logarithm below it says no more; and none is above 0, whatever is told."""


class CascadeRules(msgspec.Struct, frozen=True, kw_only=True):
    """When an answer is good enough.

    Attributes:
        min_confidence: for every model; None for the threshold of the router's version, else the default.
        right_answer_worth: nano-dollars that a right answer is worth instead of a wrong one; None to weigh no costs.
        grey_zone: a calibrated confidence that is no farther than that from its threshold is doubtful; 0 for none.
    """

    min_confidence: float | None = None
    right_answer_worth: Nano | None = None
    grey_zone: float = 0.0


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a router's version knows of confidences; None where it knows nothing."""

    confidence: Confidence | None = None
    thresholds: Thresholds | None = None


class CascadeJudge:
    """`Judge`.

    Args:
        targets: of the configuration, in the order of its tiers: the next tier is what an escalation costs.
        acceptance: thresholds that hold a split; None where they stay as they were calibrated.
    """

    def __init__(
        self,
        rules: CascadeRules | None = None,
        calibration: Calibration | None = None,
        targets: Sequence[Target] = (),
        acceptance: Acceptance | None = None,
    ) -> None:
        self._acceptance = acceptance
        self._rules = rules or CascadeRules()
        self._calibration = calibration or Calibration()
        self._targets = tuple(targets)

    def judge(self, question: Question, target: Target, answer: Answer) -> Verdict:
        """See `Judge.judge`."""
        if wrong := defect(question, answer):
            return Verdict(accept=False, reason=wrong)
        confidence = self._calibration.confidence
        probability = self._probability(confidence, question, target, answer) if confidence else None
        if probability is not None:
            return self._doubted(answer, self._weighed(question, target, probability))
        likely = mean_probability(answer)
        if likely is None:
            return Verdict(accept=True, reason=UNKNOWN)
        threshold = UNCALIBRATED if self._rules.min_confidence is None else self._rules.min_confidence
        accept = likely >= threshold
        return Verdict(accept=accept, reason=LIKELY if accept else LOW_LOGPROB, confidence=likely, threshold=threshold)

    def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
        """See `Judge.answered`."""
        if self._acceptance is not None:
            self._acceptance.answered(question, offered, target)

    @staticmethod
    def _probability(confidence: Confidence, question: Question, target: Target, answer: Answer) -> float | None:
        """By the curve that the thresholds were made with: of the task's family, by the model's or the tier's name."""
        family = family_of(question.prompt) if confidence.has_families(target.name, target.tier) else ""
        return confidence.probability(target.name, family, answer, target.tier)

    def _doubted(self, answer: Answer, verdict: Verdict) -> Verdict:
        """Doubtful, where the confidence in a whole answer is near the threshold that decided."""
        assert verdict.confidence is not None
        assert verdict.threshold is not None
        near = abs(verdict.confidence - verdict.threshold) <= self._rules.grey_zone
        if not (near and answer.whole and self._rules.grey_zone and verdict.reason in (CONFIDENT, LOW_CONFIDENCE)):
            return verdict
        return msgspec.structs.replace(verdict, doubtful=True)

    def _weighed(self, question: Question, target: Target, probability: float) -> Verdict:
        threshold = self._threshold(target)
        accept = probability >= threshold
        reason = CONFIDENT if accept else LOW_CONFIDENCE
        if not accept and (enough := self._break_even(question, target)) is not None and probability >= enough:
            accept, reason, threshold = True, NOT_WORTH_IT, enough
        return Verdict(accept=accept, reason=reason, confidence=probability, threshold=threshold)

    def _threshold(self, target: Target) -> float:
        if self._rules.min_confidence is not None:
            return self._rules.min_confidence
        held = self._acceptance.threshold(target) if self._acceptance is not None else None
        if held is not None:
            return held
        thresholds = self._calibration.thresholds
        known = thresholds.accepts_from(target.name, target.tier) if thresholds else None
        return CALIBRATED if known is None else known

    def _break_even(self, question: Question, target: Target) -> float | None:
        """The confidence from which asking the next tier costs more than it can gain, were that one always right."""
        worth = self._rules.right_answer_worth
        costs = [cost for other in self._next_tier(target) if (cost := question.cost(other)) is not None]
        if not worth or not costs:
            return None
        return 1.0 - min(costs) / worth

    def _next_tier(self, target: Target) -> Sequence[Target]:
        tiers = list(dict.fromkeys(other.tier for other in self._targets))
        after = tiers[tiers.index(target.tier) + 1 :] if target.tier in tiers else []
        return [other for other in self._targets if other.tier in after[:1]]


def mean_probability(answer: Answer) -> float | None:
    """The geometric mean of the probabilities of the tokens, 0 to 1; None where they are not told.

    Of the beginning of a stream it is the highest that the whole may well reach.
    """
    if not answer.logprobs:
        return None
    if not answer.whole:
        return math.exp(at_most(MEAN, answer.logprobs))
    told = (min(max(token.logprob, _IMPOSSIBLE), 0.0) for token in answer.logprobs)
    return math.exp(math.fsum(told) / len(answer.logprobs))

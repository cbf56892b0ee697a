"""Is a candidate as good as a baseline, or worse by a margin? A test with three answers, and how many cases it needs.

Two hypotheses stand against each other: the candidate is equal, and it is worse by the margin. The line between them
is in the middle. A candidate passes where it is on the better side of the line and it is shown that it is not worse by
the margin (a one-sided test of non-inferiority); it fails where it is on the other side and it is shown to be worse at
all (a one-sided test of the difference). Where the cases are too few to show either, nothing is said. So each wrong
answer has the probability `risk` at most, and less with more cases: the room between both tests is shared out evenly.

Sources: non-inferiority of paired proportions with a relative margin as a linear contrast, Tang, Tang and Chan
("On tests of equivalence via non-unity relative risk for matched-pair design", Stat. Med. 22, 2003); two hypotheses
with a bound on both errors, Neyman and Pearson (Phil. Trans. R. Soc. A 231, 1933). Spreads are those of `paired`;
as verdicts are counts, half a case is taken from what is to be shown (Yates, Suppl. J. R. Stat. Soc. 1, 1934).
"""

import math
from enum import Enum

import msgspec

from homeport.stats.paired import Pairs, Spread, normal_share, spread, student

_SURER = 0.01
_MANY = 1 << 30


class Margin(msgspec.Struct, frozen=True):
    """By how much a candidate must not be worse.

    Attributes:
        amount: from 0 to 1, both excluded.
        relative: a share of the baseline's score; else points of the score.
    """

    amount: float
    relative: bool = True

    def points(self, baseline: float) -> float:
        """In points of the score."""
        return self.amount * baseline if self.relative else self.amount

    def against(self, pairs: Pairs, share: float) -> Spread:
        """By how much the candidate is better than the baseline would be if it lost this share of the margin."""
        if self.relative:
            return spread(pairs, 1 - share * self.amount)
        return spread(pairs, shift=share * self.amount)


class Verdict(Enum):
    """What is said of a candidate.

    Members:
        PASSED: it is not worse by the margin, and nearer to equal.
        WORSE: it is worse, and nearer to the margin than to equal.
        UNDECIDED: neither is shown.
    """

    PASSED = "passed"
    WORSE = "worse"
    UNDECIDED = "undecided"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and what it rests on.

    Attributes:
        margin: in points of the score.
        line: what the candidate must reach, as a difference of scores: half the margin below the baseline.
        least: the difference of scores is more than this; `risk` is the probability that it is not.
        most: the difference is less than this, likewise.
        passes_if_equal: the probability that an equal candidate passes with so many cases that differ as these do.
        fails_if_worse: that one which is worse by the margin fails.
        needed: cases with which each of both has the probability 1 - risk; None where no number suffices.
        needed_surer: with which each has the probability 0.99.
    """

    verdict: Verdict
    margin: float
    line: float
    least: float
    most: float
    passes_if_equal: float
    fails_if_worse: float
    needed: int | None
    needed_surer: int | None


def judge(pairs: Pairs, margin: Margin, risk: float = 0.05) -> Judgement:
    """Whether a candidate passes.

    Args:
        risk: the probability of a wrong answer, each way, is at most this; between 0 and 0.5.
    """
    gap = margin.points(pairs.baseline) if pairs.cases else 0.0
    worst, line, equal = (margin.against(pairs, share) for share in (1.0, 0.5, 0.0))
    half = (pairs.widest or 1.0) / (2 * worst.cases)
    below, above = worst.quantile(risk) * worst.error + half, equal.quantile(risk) * equal.error + half
    verdict = _verdict(worst.mean - below, line.mean, equal.mean + above) if gap > 0 else Verdict.UNDECIDED
    return Judgement(
        verdict=verdict,
        margin=gap,
        line=-gap / 2,
        least=max(-1.0, worst.mean - below - gap),
        most=min(1.0, equal.mean + above),
        passes_if_equal=_power(gap, below, worst.error),
        fails_if_worse=_power(gap, above, equal.error),
        needed=_needed(gap, pairs, risk),
        needed_surer=_needed(gap, pairs, min(risk, _SURER)),
    )


def _verdict(shown: float, line: float, at_most: float) -> Verdict:
    if line >= 0:
        return Verdict.PASSED if shown > 0 else Verdict.UNDECIDED
    return Verdict.WORSE if at_most < 0 else Verdict.UNDECIDED


def _power(gap: float, reach: float, error: float) -> float:
    """Of one of both tests where the truth is a whole margin away from what it must rule out."""
    if gap <= 0:
        return 0.0
    return normal_share((gap - max(gap / 2, reach)) / error) if error else 1.0


def _needed(gap: float, pairs: Pairs, risk: float) -> int | None:
    """Cases at which half the margin is as many standard errors as the risk asks for, the imagined ones included."""
    if gap <= 0:
        return None
    mean = (pairs.c - pairs.b) / pairs.cases
    variance = max(0.0, (pairs.cc - 2 * pairs.bc + pairs.bb) / pairs.cases - mean * mean)
    allowed = (gap / (2 * student(risk, _MANY))) ** 2
    imagined = 2 * (pairs.widest or 1.0) ** 2
    return math.ceil((variance + math.sqrt(variance * variance + 4 * imagined * allowed)) / (2 * allowed))

"""Alarms over the batches of one endpoint: what is clean, what was a passing deviation, and what is a change.

The first batches are presumed to be clean. Each one after them is scored against those, and its score is bet on
(`stats.sequential`); what stays within the tolerance joins them. An alarm is a change; after it the new provider is
learned. A batch far out that is followed by usual ones was transient: it raises no alarm, and is not learned from.
"""

from collections.abc import Sequence
from enum import Enum

import msgspec

from homeport.drift.scoring import LEAST_BATCHES, Clean, learn, score
from homeport.drift.similarity import WINDOW, Similarity
from homeport.stats.sequential import EDetector, factors

ALPHA = 0.001
"""An unchanged provider runs 1 / ALPHA batches at least, on average, before a false alarm."""

FAR = 0.25
"""A score above this is a deviation: a quarter of the probes moved."""

BURST = 10
PERSIST = 8

_MOST_LEARNED = 60
_CALM = 3
"""After so many batches within the tolerance, a noisy one before them is learned from."""
_UNCLEAN = 7
"""Of so many batches that are learned from, one may be a deviation: it is left out."""


class Verdict(Enum):
    """What a batch is.

    Members:
        LEARNED: it is among the first, and nothing was judged.
        UNJUDGED: too few of the usual probes were answered.
        USUAL: it says nothing of a change.
        DEVIATION: it is far out, and what follows is not known yet.
        TRANSIENT: it was far out, and it cleared.
        CHANGE: with it, or by what began with it, the alarm was raised.
    """

    LEARNED = "learned"
    UNJUDGED = "unjudged"
    USUAL = "usual"
    DEVIATION = "deviation"
    TRANSIENT = "transient"
    CHANGE = "change"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A batch.

    Attributes:
        e_value: evidence of a change after it; 1 where there is none.
        score, tolerance: of the batch, and what it was compared with; None where it was not judged.
        learned_from: clean batches that it was compared with.
        moved: by probe, from 0 to 1, NaN where it was not answered; empty where it was not judged.
    """

    batch: int
    verdict: Verdict
    e_value: float = 1.0
    score: float | None = None
    tolerance: float | None = None
    learned_from: int = 0
    moved: "Sequence[float]" = ()


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A change: the batch it was noticed at, and the first that was unlike those before."""

    batch: int
    since: int
    e_value: float


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """All batches of a recording, judged.

    Attributes:
        tolerance: the last; None where there were too few batches to learn one.
    """

    tolerance: float | None
    judged: tuple[Judged, ...]
    alarms: tuple[Alarm, ...]


def judge_burst(mismatches: Sequence[bool], of: int = BURST, least: int = PERSIST) -> Verdict:
    """What a deviation was, by the answers that were asked for at once after it.

    Returns:
        CHANGE if `least` of the first `of` differ as well, TRANSIENT once that cannot be any more, else DEVIATION.
    """
    asked = mismatches[:of]
    if sum(asked) >= least:
        return Verdict.CHANGE
    if len(asked) - sum(asked) > of - least:
        return Verdict.TRANSIENT
    return Verdict.DEVIATION


def audit(similarity: Similarity, alpha: float = ALPHA) -> Audit:
    """Judge the batches of an endpoint, one after the other, each by those before it alone."""
    auditor = _Auditor(similarity, alpha)
    for batch in range(similarity.rows.shape[1]):
        auditor.add(batch)
    return auditor.done()


class _Auditor:
    def __init__(self, similarity: Similarity, alpha: float) -> None:
        self._similarity = similarity
        self._enough = 1 / alpha
        self._detector = EDetector()
        self._learned: list[int] = []
        self._waiting: list[int] = []
        self._calm = 0
        self._clean: Clean | None = None
        self._judged: list[Judged] = []
        self._alarms: list[Alarm] = []

    def add(self, batch: int) -> None:
        clean = self._learn(batch)
        if clean is None:
            self._learned.append(batch)
            self._judged.append(Judged(batch=batch, verdict=Verdict.LEARNED, learned_from=len(self._learned) - 1))
            return
        found = score(self._similarity, batch, clean)
        if found.score is None:
            self._learned.append(batch)  # it says nothing against them, and new probes are learned by it
            self._clean = None
            self._judged.append(Judged(batch=batch, verdict=Verdict.UNJUDGED, e_value=self._evidence))
            return
        self._detector.add(factors(found.score, clean.tolerance))
        far = found.score > FAR
        self._judged.append(
            Judged(
                batch=batch,
                verdict=Verdict.DEVIATION if far else Verdict.USUAL,
                e_value=self._evidence,
                score=found.score,
                tolerance=clean.tolerance,
                learned_from=len(clean.batches),
                moved=found.moved.tolist(),
            )
        )
        if self._detector.evidence >= self._enough:
            self._raise_alarm(batch)
        else:
            self._admit(batch, found.score, clean.tolerance)

    @property
    def _evidence(self) -> float:
        return max(1.0, self._detector.evidence)

    def _learn(self, batch: int) -> "Clean | None":
        """What is clean, or None while too little of it is known."""
        import numpy as np

        near = [one for one in self._learned if one > batch - WINDOW][-_MOST_LEARNED:]
        if near != self._learned:
            self._learned, self._clean = near, None
        if self._clean is None and len(self._learned) >= LEAST_BATCHES:
            found = learn(self._similarity, np.array(self._learned))
            out = [one for one, value in zip(self._learned, found.scores, strict=True) if value > FAR]
            if 0 < len(out) <= len(self._learned) // _UNCLEAN:
                self._leave_out(out)
                return self._learn(batch)
            self._clean = found
        return self._clean

    def _leave_out(self, batches: Sequence[int]) -> None:
        self._learned = [one for one in self._learned if one not in batches]
        for one in batches:
            self._judged[one] = msgspec.structs.replace(self._judged[one], verdict=Verdict.TRANSIENT)

    def _admit(self, batch: int, found: float, tolerance: float) -> None:
        """Learn from what is within the tolerance at once, from what is a little above when it has calmed down."""
        if found > tolerance:
            self._waiting.append(batch)
            self._calm = 0
            return
        self._learned.append(batch)
        self._calm += 1
        if self._waiting and self._calm >= _CALM:
            self._clear()
        self._clean = None

    def _clear(self) -> None:
        for one in self._waiting:
            if self._judged[one].verdict is Verdict.DEVIATION:
                self._judged[one] = msgspec.structs.replace(self._judged[one], verdict=Verdict.TRANSIENT)
            else:
                self._learned.append(one)
        self._learned.sort()
        self._waiting = []

    def _raise_alarm(self, batch: int) -> None:
        """The new provider is learned from what differed in a row until now."""
        since = batch
        while since - 1 in self._waiting:
            since -= 1
        self._alarms.append(Alarm(batch=batch, since=since, e_value=self._evidence))
        for one in range(since, batch + 1):
            self._judged[one] = msgspec.structs.replace(self._judged[one], verdict=Verdict.CHANGE)
        self._learned, self._waiting, self._calm = list(range(since, batch + 1)), [], 0
        self._clean = None
        self._detector.reset()

    def done(self) -> Audit:
        last = next((one.tolerance for one in reversed(self._judged) if one.tolerance is not None), None)
        tolerance = self._clean.tolerance if self._clean else last
        return Audit(tolerance=tolerance, judged=tuple(self._judged), alarms=tuple(self._alarms))

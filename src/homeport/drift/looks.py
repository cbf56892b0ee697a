"""The hourly look at a model that tells log-probabilities: a few probes of one token, and a burst where they mismatch.

A look is compared with the looks before it, by the same scores as batches (scoring.py). One that is far out is followed
by ten more at once: a change if eight of them are far out as well, transient otherwise.
"""

from collections.abc import Sequence

import msgspec

from homeport.drift.asking import Question, Respondent
from homeport.drift.baselines import Archive, Asked, Baseline, asked, iso
from homeport.drift.detectors import BURST, FAR, Verdict, judge_burst
from homeport.drift.probes import collect
from homeport.drift.recording import Row
from homeport.drift.scoring import LEAST_BATCHES, learn, score
from homeport.drift.search import Method

LOOKED_AT = 3
"""Probes of a look, the nearest to the border."""

_REMEMBERED = 60
_MS = 1_000_000


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A look, and what it came to.

    Attributes:
        score: of the look; None where it was not judged.
        mismatches: of the burst, empty where there was none.
    """

    at: int
    verdict: Verdict
    score: float | None = None
    mismatches: tuple[bool, ...] = ()


def can_look(baseline: Baseline) -> bool:
    """Whether log-probabilities are told: a text of one token is too little to look at alone."""
    return baseline.method is Method.LOGPROBS


async def look(archive: Archive, baseline: Baseline, respond: Respondent, now: int) -> Looked:
    """Look once; what was usual is kept to compare the next looks with. After a change it is learned anew.

    Args:
        now: nanoseconds since the epoch.

    Raises:
        OSError: the folder cannot be written.
        HomeportError: nothing more can be asked.
    """
    usual = _usual(archive)
    first = await _ask(baseline, respond, now)
    if len({line.batch for line in usual}) < LEAST_BATCHES:
        archive.append(archive.looks, first)
        return Looked(at=now, verdict=Verdict.LEARNED)
    found = _score(usual, first)
    if found is None:
        return Looked(at=now, verdict=Verdict.UNJUDGED)
    if found <= FAR:
        archive.append(archive.looks, first)
        return Looked(at=now, verdict=Verdict.USUAL, score=found)
    told = await _burst(baseline, respond, usual, Looked(at=now, verdict=Verdict.DEVIATION, score=found))
    archive.append(archive.bursts, (told,))
    if told.verdict is Verdict.CHANGE:
        archive.looks.unlink(missing_ok=True)  # the next looks are those of the new model
    return told


async def _burst(baseline: Baseline, respond: Respondent, usual: Sequence[Asked], seen: Looked) -> Looked:
    """Ten more at once; it stops when the answer is certain."""
    mismatches: list[bool] = []
    verdict = Verdict.DEVIATION
    while verdict is Verdict.DEVIATION and len(mismatches) < BURST:
        found = _score(usual, await _ask(baseline, respond, seen.at + (len(mismatches) + 1) * _MS))
        mismatches.append(found is not None and found > FAR)
        verdict = judge_burst(mismatches)
    return msgspec.structs.replace(seen, verdict=verdict, mismatches=tuple(mismatches))


async def _ask(baseline: Baseline, respond: Respondent, at: int) -> list[Asked]:
    lines = []
    for probe in baseline.probes[:LOOKED_AT]:
        reply = await respond(Question(prompt=probe.prompt, tokens=probe.tokens))
        lines.append(asked(iso(at), probe.name, reply))
    return [line for line in lines if not line.error]


def _usual(archive: Archive) -> list[Asked]:
    """The newest looks that were usual."""
    lines = list(archive.rows(archive.looks))
    newest = {*list(dict.fromkeys(line.batch for line in lines))[-_REMEMBERED:]}
    return [line for line in lines if line.batch in newest]


def _score(usual: Sequence[Asked], now: Sequence[Asked]) -> float | None:
    """How far a look is from the usual ones; None where it was not answered."""
    import numpy as np

    if not now:
        return None
    numbers = {batch: place for place, batch in enumerate(dict.fromkeys(line.batch for line in (*usual, *now)))}
    rows = (
        Row(seconds=numbers[line.batch], batch=line.batch, probe=line.probe, output=line.output, logprobs=line.logprobs)
        for line in (*usual, *now)
    )
    similarity = collect(rows).similarity
    last = len(numbers) - 1
    return score(similarity, last, learn(similarity, np.arange(last))).score

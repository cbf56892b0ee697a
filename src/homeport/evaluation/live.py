"""How good the answers of a period were, by route: what is known of its outputs, made into estimates with intervals.

The truth is the mean score that people would give to all outputs whose text was kept. An output that was labelled and
not judged counts in the estimate by labels alone; the corrected one goes by those that have both. Where the judge was
off, or too few outputs have both, it is that of labels alone.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, SupportsFloat

import msgspec

from homeport.evaluation.estimate import Scored, estimate_quality
from homeport.evaluation.review import score_of
from homeport.stats.agreement import LEAST_PAIRS, UNMEASURED, Agreement, agree
from homeport.stats.arrays import Array
from homeport.stats.means import LEAST_ROWS
from homeport.stats.ppi import human_alone
from homeport.storage.opinions import Epoch, Opinion, RouteOutputs
from homeport.storage.standing_quality import Interval, ReviewerQuality, RouteQuality

_NO_VERDICT = 0.5
_MOST_REVIEWERS = 100


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time in nanoseconds since the epoch, and the judge's epoch; "" where nothing was judged."""

    since: int
    until: int
    epoch: str


class _Spanned(Protocol):
    """A figure with its interval, whatever it is called where it was made."""

    @property
    def value(self) -> SupportsFloat: ...
    @property
    def low(self) -> SupportsFloat: ...
    @property
    def high(self) -> SupportsFloat: ...


def choose_epoch(found: Sequence[Epoch]) -> str:
    """The judge to go by: the newest that people have labelled enough of; else the one they labelled most of.

    Args:
        found: the newest first.
    """
    measured = [one for one in found if one.labelled >= LEAST_PAIRS]
    if measured:
        return measured[0].epoch
    return max(found, key=lambda one: one.labelled).epoch if found else ""


def route_qualities(
    period: Period, rows: Sequence[Opinion], outputs: Sequence[RouteOutputs], most: int = 64
) -> tuple[RouteQuality, ...]:
    """All routes together first, then the first `most` of `outputs`. Raises ValueError for rows that cannot be."""
    by_route: dict[tuple[str, str], list[Opinion]] = {}
    for row in rows:
        by_route.setdefault((row.tier, row.target), []).append(row)
    counted = {name: sum(getattr(one, name) for one in outputs) for name in ("outputs", "kept", "drawn")}
    whole = RouteOutputs(tier="", target="", **counted)
    each = [route_quality(period, by_route.get((one.tier, one.target), ()), one) for one in outputs[:most]]
    return route_quality(period, rows, whole), *each


def route_quality(period: Period, rows: Sequence[Opinion], outputs: RouteOutputs) -> RouteQuality:
    """One route. Raises ValueError as `estimate_quality`."""
    labelled = [row for row in rows if row.ratings]
    judged = sum(row.judged for row in rows)
    human = _human(labelled)
    found = estimate_quality([_scored(row, period.epoch) for row in rows]) if judged else None
    return RouteQuality(
        tier=outputs.tier,
        target=outputs.target,
        epoch=period.epoch if judged else "",
        since=period.since,
        until=period.until,
        outputs=outputs.outputs,
        judged=judged,
        labelled=len(labelled),
        doubled=sum(len(row.ratings) > 1 for row in labelled),
        human=human,
        judge=_interval(found.estimates.judge) if found else None,
        corrected=(_interval(found.estimates.corrected) if found else None) or human,
        agreement=_interval(found.agreement.agreement) if found else None,
        kappa=_interval(found.agreement.kappa) if found else None,
        correlation=_interval(found.agreement.correlation) if found else None,
        reviewers=_reviewers_kappa(labelled),
        verdict=found.verdict.said if found else UNMEASURED,
        why=found.verdict.why if found else "it has judged nothing in this period",
    )


def reviewer_qualities(rows: Iterable[Opinion]) -> tuple[ReviewerQuality, ...]:
    """Everybody who labelled something, by name, at most a hundred."""
    by_reviewer: dict[str, list[Opinion]] = {}
    for row in rows:
        for rating in row.ratings:
            by_reviewer.setdefault(rating.reviewer, []).append(row)
    return tuple(_reviewer(name, by_reviewer[name]) for name in sorted(by_reviewer)[:_MOST_REVIEWERS])


def _reviewer(name: str, rows: Sequence[Opinion]) -> ReviewerQuality:
    judged, shared = [row for row in rows if row.judged], [row for row in rows if len(row.ratings) > 1]
    judge = _agree([(_own(row, name), _judge(row), row.human_share) for row in judged])
    others = _agree([(_own(row, name), _others(row, name), row.human_share) for row in shared])
    return ReviewerQuality(
        reviewer=name,
        labelled=len(rows),
        judged=len(judged),
        shared=len(shared),
        agreement=_interval(judge.agreement) if judge else None,
        kappa=_interval(judge.kappa) if judge else None,
        others_agreement=_interval(others.agreement) if others else None,
        others_kappa=_interval(others.kappa) if others else None,
    )


def _scored(row: Opinion, epoch: str) -> Scored:
    return Scored(
        epoch=epoch,
        human=_mean(row) if row.judged and row.ratings else None,
        judge=_judge(row) if row.judged else None,
        human_share=row.human_share,
        judge_share=row.judge_share,
        metrics=row.metrics,
    )


def _human(labelled: Sequence[Opinion]) -> Interval | None:
    """By labels alone, whether or not the judge was asked."""
    if len(labelled) < LEAST_ROWS:
        return None
    scores, shares = _array(_mean(row) for row in labelled), _array(row.human_share for row in labelled)
    return _interval(human_alone(scores, 1 / shares))


def _reviewers_kappa(labelled: Sequence[Opinion]) -> Interval | None:
    """Of two reviewers of each output; where more labelled it, the first two by name."""
    pairs = [
        (score_of(row.ratings[0].rating), score_of(row.ratings[1].rating), row.human_share)
        for row in labelled
        if len(row.ratings) > 1
    ]
    found = _agree(pairs)
    return _interval(found.kappa) if found else None


def _agree(pairs: Sequence[tuple[float, float, float]]) -> Agreement | None:
    """Of two scores and the probability of being labelled, each; None for too few."""
    if len(pairs) < LEAST_ROWS:
        return None
    first, second, shares = (_array(values) for values in zip(*pairs, strict=True))
    return agree(first, second, 1 / shares)


def _own(row: Opinion, name: str) -> float:
    return score_of(next(one.rating for one in row.ratings if one.reviewer == name))


def _others(row: Opinion, name: str) -> float:
    ratings = [one.rating for one in row.ratings if one.reviewer != name]
    return score_of(sum(ratings) / len(ratings))


def _mean(row: Opinion) -> float:
    return score_of(sum(one.rating for one in row.ratings) / len(row.ratings))


def _judge(row: Opinion) -> float:
    return _NO_VERDICT if row.judge is None else row.judge


def _interval(found: _Spanned | None) -> Interval | None:
    return None if found is None else Interval(float(found.value), float(found.low), float(found.high))


def _array(values: Iterable[float]) -> "Array":
    import numpy as np

    return np.array(list(values), float)

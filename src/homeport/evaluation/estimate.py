"""How good the answers of a period were: the judge's word, corrected by people's, of Homeport's own rows.

A judge that was changed (another model, prompt or rubric) is another judge: from then on its rows are of another
*epoch*, and labels of one epoch say nothing of the judge of another. Each epoch has its own estimates.
"""

from collections.abc import Mapping, Sequence

import msgspec

from homeport.stats.agreement import Agreement, Verdict, agree, judge_verdict
from homeport.stats.arrays import Array
from homeport.stats.phases import Estimate, Estimates, Sampled, estimate

_FARTHEST = 1e12
"""Automatic metrics beyond are taken for this."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, and what is known of how good it was.

    Attributes:
        epoch: of the judge at that time, whether or not the answer was judged.
        human, judge: scores; None where nobody looked. Of an answer that two people labelled, the mean. A judge that
            was asked and gave no verdict has said neither: the middle of the scale.
        human_share, judge_share: the probability with which this answer was to be labelled, judged. What is labelled
            is judged too: samples are nested, so the first is never above the second.
        metrics: of automatic metrics, in the same order for all; None where one does not apply.
    """

    epoch: str
    human: float | None = None
    judge: float | None = None
    human_share: float = 1.0
    judge_share: float = 1.0
    metrics: tuple[float | None, ...] = ()


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How good the answers of one epoch were.

    Attributes:
        estimates: of labels alone, of the judge alone, and corrected.
        agreement: of people and the judge, on the answers that both saw.
        verdict: whether the judge is of any use. It changes no estimate: a useless judge is not listened to anyway.
    """

    epoch: str
    estimates: Estimates
    agreement: Agreement
    verdict: Verdict

    @property
    def corrected(self) -> Estimate | None:
        return self.estimates.corrected


def by_epoch(rows: Sequence[Scored], bounds: tuple[float, float] = (0.0, 1.0)) -> Mapping[str, Quality]:
    """The quality of each epoch, in the order in which they begin in `rows`.

    Args:
        bounds: between which all scores are.

    Raises:
        ValueError: as `estimate_quality`.
    """
    epochs: dict[str, list[Scored]] = {}
    for row in rows:
        epochs.setdefault(row.epoch, []).append(row)
    return {epoch: estimate_quality(own, bounds) for epoch, own in epochs.items()}


def estimate_quality(rows: Sequence[Scored], bounds: tuple[float, float] = (0.0, 1.0)) -> Quality:
    """The quality of one epoch's answers.

    Raises:
        ValueError: there is no row, rows are of several epochs or have different metrics, a labelled one was not
            judged, a score is out of bounds, or a share is no probability.
    """
    epochs = {row.epoch for row in rows}
    if len(epochs) != 1:
        raise ValueError(f"an estimate is of the rows of one epoch, not of {len(epochs)}")
    sampled = _sampled(rows)
    estimates = estimate(sampled, bounds)
    agreement = _agreement(sampled, bounds)
    return Quality(epoch=rows[0].epoch, estimates=estimates, agreement=agreement, verdict=judge_verdict(agreement))


def _sampled(rows: Sequence[Scored]) -> Sampled:
    return Sampled(
        human=_numbers([row.human for row in rows]),
        judge=_numbers([row.judge for row in rows]),
        human_share=_numbers([row.human_share for row in rows]),
        judge_share=_numbers([row.judge_share for row in rows]),
        metrics=_metrics(rows),
    )


def _numbers(scores: Sequence[float | None]) -> "Array":
    import numpy as np

    return np.array([np.nan if score is None else score for score in scores], float)


def _metrics(rows: Sequence[Scored]) -> "Array":
    """(N, metrics), and for each metric that is missing somewhere whether it is there; what is missing is the mean."""
    import numpy as np

    if len({len(row.metrics) for row in rows}) > 1:
        raise ValueError("all rows have the same metrics")
    columns = []
    for place in range(len(rows[0].metrics)):
        column = _numbers([row.metrics[place] for row in rows])
        there = ~np.isnan(column)
        column = np.clip(column, -_FARTHEST, _FARTHEST)
        columns.append(np.where(there, column, column[there].mean() if there.any() else 0.0))
        if not there.all():
            columns.append(there.astype(float))
    return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))


def _agreement(rows: Sampled, bounds: tuple[float, float]) -> Agreement:
    import numpy as np

    labelled = ~np.isnan(rows.human)
    low, span = bounds[0], bounds[1] - bounds[0]
    return agree(
        (rows.human[labelled] - low) / span, (rows.judge[labelled] - low) / span, 1 / rows.human_share[labelled]
    )

"""Fitting, from a recording, the calibrators that a gateway reads confidence with."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from homeport.routing.confidence import MEAN, Confidence
from homeport.routing.families import family_of_text
from homeport.routing.recordings import Row
from homeport.stats.calibration import Calibrator, brier, calibrate, ece, fit_isotonic

_FAMILY_ROWS = 150
"""Fewer rows of a family do not get a curve of their own."""

_FOLDS = 5


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How far a model's confidence can be taken at its word, on rows that calibrators were not fitted on.

    Attributes:
        ece_before, ece_after: expected calibration errors with bins of equally many rows, of the probability that
            the log-probability says as it is, and of the calibrated one; the others with bins of equal width.
        told: share of the rows with a log-probability.
    """

    ece_before: float
    ece_after: float
    ece_width_before: float
    ece_width_after: float
    brier_before: float
    brier_after: float
    told: float


def fit_confidence(rows: Sequence[Row], models: Sequence[str], signal: str = MEAN) -> Confidence:
    """Calibrators of models, each for all prompts and for the families that are better off with their own.

    A model that never tells a log-probability gets none: all its answers are as likely right as they were.

    Args:
        signal: what `logconf` of the recording is, by its name in `confidence.SIGNALS`.
    """
    families = [str(family_of_text(row.prompt)) for row in rows]
    curves: dict[str, Mapping[str, Calibrator]] = {}
    silent: dict[str, float] = {}
    pooled: tuple[list[float], list[int]] = ([], [])
    for model in models:
        scores = [row.models[model].confidence for row in rows]
        right = [row.models[model].correct for row in rows]
        if any(math.isfinite(score) for score in scores):
            curves[model] = _curves(scores, right, families)
            pooled = (pooled[0] + scores, pooled[1] + right)
        elif rows:
            silent[model] = sum(right) / len(right)
    overall = calibrate(*pooled) if curves else None
    return Confidence(signal=signal, models=curves, silent=silent, overall=overall)


def measure_confidence(confidence: Confidence, rows: Sequence[Row], model: str) -> Calibration:
    """How well calibrators hold for a model on other rows."""
    right = [row.models[model].correct for row in rows]
    said = [math.exp(min(row.models[model].confidence, 0.0)) for row in rows]
    known = [confidence.calibrator(model, family_of_text(row.prompt)) for row in rows]
    held = [
        curve.p(row.models[model].confidence) if curve else raw
        for curve, row, raw in zip(known, rows, said, strict=True)
    ]
    return Calibration(
        ece_before=ece(said, right),
        ece_after=ece(held, right),
        ece_width_before=ece(said, right, equal_mass=False),
        ece_width_after=ece(held, right, equal_mass=False),
        brier_before=brier(said, right),
        brier_after=brier(held, right),
        told=sum(row.models[model].logconf is not None for row in rows) / max(len(rows), 1),
    )


def _curves(scores: Sequence[float], right: Sequence[int], families: Sequence[str]) -> Mapping[str, Calibrator]:
    found = {"": calibrate(scores, right)}
    for family in sorted(set(families)):
        own = [place for place, other in enumerate(families) if other == family]
        if _FAMILY_ROWS <= len(own) < len(scores) and _better_alone(scores, right, own):
            found[family] = calibrate([scores[place] for place in own], [right[place] for place in own])
    return found


def _better_alone(scores: Sequence[float], right: Sequence[int], own: Sequence[int]) -> bool:
    """Whether a family's own curve has the lower Brier score on folds it was not fitted on."""
    alone = together = 0.0
    for fold in range(_FOLDS):
        outside = set(own[fold::_FOLDS])
        inside = [place for place in own if place not in outside]
        rest = [place for place in range(len(scores)) if place not in outside]
        for place_rows, is_own in ((inside, True), (rest, False)):
            curve = fit_isotonic([scores[place] for place in place_rows], [right[place] for place in place_rows])
            loss = sum((curve.p(scores[place]) - right[place]) ** 2 for place in outside)
            alone, together = (alone + loss, together) if is_own else (alone, together + loss)
    return alone < together

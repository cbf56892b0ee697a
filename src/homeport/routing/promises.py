"""Thresholds of a cascade from a recording: for a split, or for a quality that can be promised.

Both are thresholds on calibrated confidence. What is promised is about the accuracy against asking the strongest model
every time, and is tested on training rows that no calibrator was fitted on.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.core.errors import ConfigError
from homeport.routing.calibrating import fit_confidence
from homeport.routing.confidence import MEAN, Confidence, probability
from homeport.routing.families import family_of_text
from homeport.routing.recordings import Row
from homeport.routing.thresholds import Promise
from homeport.stats.conformal import labels_needed, last_safe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SETTINGS = 60


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds that keep a promise: of each model but the last, and what comes of them on the rows of the test.

    Attributes:
        calibrators: what the thresholds are to be used with.
    """

    calibrators: Confidence
    accept: Mapping[str, float]
    shares: tuple[float, ...]
    promise: Promise
    loss: float


class Ladder:
    """Labelled rows of models, the cheapest first, as columns.

    Attributes:
        right, cost: a row for each model.
        sure: calibrated probabilities, for each model but the last; constant where it tells nothing.
    """

    def __init__(self, rows: Sequence[Row], models: Sequence[str], confidence: Confidence) -> None:
        import numpy as np

        families = [family_of_text(row.prompt) for row in rows]
        self.models = tuple(models)
        self.right = np.array([[row.models[model].correct for row in rows] for model in models], float)
        self.cost = np.array([[row.models[model].cost_usd for row in rows] for model in models], float)
        self.sure = np.array(
            [
                _probabilities(confidence, model, rows, families, float(right.mean()))
                for model, right in zip(models[:-1], self.right, strict=False)
            ]
        )

    def stays(self, accept: Sequence[float]) -> "NDArray[np.int64]":
        """The model whose answer each row gets, by its place."""
        import numpy as np

        found = np.full(self.right.shape[1], len(self.models) - 1)
        for place in reversed(range(len(self.models) - 1)):
            found[self.sure[place] >= accept[place]] = place
        return found

    def losses(self, accept: Sequence[float]) -> "Floats":
        """1 where the strongest model alone would have been right, -1 where the answer that is given alone is."""
        import numpy as np

        got = self.right[self.stays(accept), np.arange(self.right.shape[1])]
        return np.asarray(self.right[-1] - got, float)

    def shares(self, accept: Sequence[float]) -> tuple[float, ...]:
        import numpy as np

        stays = self.stays(accept)
        return tuple((np.bincount(stays, minlength=len(self.models)) / max(len(stays), 1)).tolist())

    def cost_ratio(self, accept: Sequence[float]) -> float:
        """What is paid, by everybody who was asked, over what the strongest model alone costs; 1 where that is free."""
        stays = self.stays(accept)
        paid = sum(float(cost[stays >= place].sum()) for place, cost in enumerate(self.cost))
        alone = float(self.cost[-1].sum())
        return paid / alone if alone else 1.0

    def path(self) -> list[tuple[float, ...]]:
        """Thresholds from "ask the strongest" to "believe the first", each cheaper than the one before.

        An answer is asked again where (accuracy of the next model - its own probability) is above a price for each
        dollar that asking costs; the price rises along the path.
        """
        import numpy as np

        gains = self.right[1:].mean(axis=1)
        price = self.cost[1:].mean(axis=1)
        price = np.maximum(price, 1e-12) / max(float(price.max()), 1e-12)
        worth = np.unique(((gains[:, None] - self.sure) / price[:, None]).ravel())
        steps = np.quantile(worth, np.linspace(0, 1, _SETTINGS))
        everything = (math.inf,) * len(gains)
        return [everything, *(tuple((gains - step * price).tolist()) for step in steps)]


def accept_for_split(rows: Sequence[Row], models: Sequence[str], shares: Sequence[float], signal: str) -> list[float]:
    """For each model but the last, the confidence from which its share of rows like these is kept."""
    import numpy as np

    ladder = Ladder(rows, models, fit_confidence(rows, models, signal))
    here, accept = np.arange(len(rows)), []
    for place, sure in enumerate(ladder.sure):
        above = math.fsum(shares[place + 1 :])
        kept = 1 - above / (above + shares[place]) if above + shares[place] else 0.0
        cut = float(np.quantile(sure[here], 1 - kept)) if len(here) and kept > 0 else math.inf
        accept.append(min(cut, 2.0))  # 2 is above every probability, and JSON has no infinity
        here = here[sure[here] < cut]
    return accept


def keep_promise(
    rows: Sequence[Row], models: Sequence[str], max_loss: float, confidence: float, *, signal: str = MEAN, seed: int = 0
) -> Kept:
    """The cheapest thresholds on a path of which it can be promised that the mean loss is at most `max_loss`.

    One half of the rows is for calibrators, the other for the test. Rows are drawn alike, as traffic will be.

    Raises:
        ConfigError: labels_too_few, with the number that is needed; promise_impossible.
    """
    import numpy as np

    if not max_loss > 0:
        raise _impossible(max_loss, confidence)
    needed = labels_needed(max_loss, confidence)
    if len(rows) < needed:
        raise ConfigError(
            f"{len(rows)} labelled rows of {', '.join(models)} are too few to promise anything: {needed} are needed",
            code="labels_too_few",
            hint=f"grade {needed - len(rows)} more answers of each model, or calibrate for a split: --split",
        )
    order = np.random.default_rng(seed).permutation(len(rows))
    fitted, tested = ([rows[place] for place in half] for half in np.array_split(order, 2))
    calibrators = fit_confidence(fitted, models, signal)
    path = Ladder(fitted, models, calibrators).path()
    ladder = Ladder(tested, models, calibrators)
    safe = last_safe((ladder.losses(accept).tolist() for accept in path), max_loss, confidence)
    if safe < 0:
        raise _impossible(max_loss, confidence)
    accept = path[safe]
    return Kept(
        calibrators=calibrators,
        accept={model: min(cut, 2.0) for model, cut in zip(models[:-1], accept, strict=True)},
        shares=ladder.shares(accept),
        loss=float(ladder.losses(accept).mean()),
        promise=Promise(
            max_loss=max_loss, confidence=confidence, labels=len(tested), cost_ratio=ladder.cost_ratio(accept)
        ),
    )


def _impossible(max_loss: float, confidence: float) -> ConfigError:
    return ConfigError(
        f"no thresholds can be promised to lose at most {max_loss:g} with confidence {confidence:g}",
        code="promise_impossible",
        hint="allow a larger loss or a lower confidence, or bring more labels",
    )


def _probabilities(
    confidence: Confidence, model: str, rows: Sequence[Row], families: Sequence[str], otherwise: float
) -> list[float]:
    if model not in confidence.models:
        return [confidence.silent.get(model, otherwise)] * len(rows)
    curves = [confidence.calibrator(model, family) for family in families]
    return [
        probability(curve, row.models[model].confidence) if curve else otherwise
        for curve, row in zip(curves, rows, strict=True)
    ]

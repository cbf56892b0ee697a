"""What a cascade would have made of a recording: it is fitted on the rows of `train`, and measured on those of `test`.

A ladder is two models or more, the cheapest first. At each step the answers with the highest scores are asked again of
the next model; see `escalation` for what a score may read. A prompt that goes up pays for every model that it asked.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.core.errors import ConfigError
from homeport.routing.escalation import Rows, Scorer, Scores
from homeport.routing.prompt_columns import PromptColumns
from homeport.routing.recordings import Recording, Row
from homeport.stats.calibration import calibrate, ece
from homeport.stats.ranking import Estimate, Ranking, auroc, measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

LEAST_ROWS = 40
"""Of each split: below, nothing that is said would hold."""

_FITTED_ON = 4_000
_RESAMPLES = 300
_STEPS = 10


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How well a way to score tells wrong answers of the cheaper model, and what to escalate.

    Attributes:
        auroc: of the probability that the cheaper model is right, over right and wrong answers; None where all are
            of one kind.
        auroc_escalation: the same of the score that answers are escalated by.
        apgr: of the score that answers are escalated by; None where the dearer model is not the better one.
        ece: of the calibrated probability that the cheaper model is right; None where none was fitted.
        chosen: what counts most in the score that answers are escalated by, and how much each counts.
    """

    auroc: Estimate | None
    auroc_escalation: Estimate | None
    apgr: Estimate | None
    ece: float | None = None
    chosen: str
    weights: Mapping[str, float] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A split, on the rows of `test`.

    Attributes:
        shares: of the answers that each model gave.
        of_strongest: accuracy over that of the last model.
        cost_ratio: what the answers cost that were given, each by its own model, over what the last model alone costs;
            None where that costs nothing.
        cost_ratio_asked: the same of every model that was asked, as a cascade pays them.
    """

    shares: tuple[float, ...]
    accuracy: float
    of_strongest: Estimate
    cost_ratio: float | None
    cost_ratio_asked: float | None


class Rehearsal:
    """A ladder of models on a recording, fitted.

    Args:
        recording: with the ladder's models, the cheapest first.

    Raises:
        ConfigError: recording_too_short; one of the splits has too few rows.
    """

    def __init__(self, recording: Recording, seed: int = 0) -> None:
        self.models = recording.models
        train, test = recording.part("train"), recording.part("test")
        for name, rows in (("train", train), ("test", test)):
            if len(rows) < LEAST_ROWS:
                raise ConfigError(
                    f"{len(rows)} rows of the split {name} have all of {', '.join(self.models)}: too few",
                    code="recording_too_short",
                    hint=f"at least {LEAST_ROWS} of each split are needed, and some hundreds say something",
                )
        self.train, self.test, self._seed = _sampled(train, seed), test, seed
        found = PromptColumns([row.prompt for row in self.train], seed)
        self._prompts = [found.measure([row.prompt for row in rows]) for rows in (self.train, self.test)]
        self.right = [[_right(rows, model) for model in self.models] for rows in (self.train, self.test)]
        self._known: dict[tuple[int, tuple[float, ...], bool], tuple[Scorer, Scores]] = {}
        self._cost = [_cost(self.test, model) for model in self.models]

    def step(self, place: int, shares: Sequence[float]) -> "tuple[Rows, Rows]":
        """Training and test rows of the step from a model to those above it, which count by their shares."""
        return self._step(0, place, shares), self._step(1, place, shares)

    def standing(self, *, blind: bool = False) -> Standing:
        """From the first model straight to the last."""
        train, test = self.step(0, self._straight())
        scorer, scores = self._fitted(0, self._straight(), blind=blind)
        gains, fails = scorer.gains.score(scores), scorer.fails.score(scores)
        curve = calibrate((-scorer.fails.held_out).tolist(), train.weak.astype(int).tolist())
        return Standing(
            auroc=_auroc(-fails, test.weak),
            auroc_escalation=_auroc(-gains, test.weak),
            apgr=self._apgr(gains, test),
            ece=ece([curve.p(-score) for score in fails.tolist()], test.weak.astype(int).tolist()),
            chosen=scorer.gains.name,
            weights=scorer.gains.weights,
        )

    def by_confidence(self) -> Standing:
        """The same by the first model's log-probability alone."""
        _, test = self.step(0, self._straight())
        sure = _ranked(test.sure[:, 0])
        area = _auroc(sure, test.weak)
        return Standing(auroc=area, auroc_escalation=area, apgr=self._apgr(-sure, test), chosen="confidence")

    def outcome(self, shares: Sequence[float]) -> Outcome:
        """So many of the test prompts for each model."""
        import numpy as np

        stays = np.zeros(len(self.test), int)
        here = np.arange(len(self.test))
        for place, _ in enumerate(self.models[:-1]):
            _, scores = self._scores(place, shares)
            wanted = round(math.fsum(shares[place + 1 :]) * len(self.test))
            here = here[_top(scores[here], wanted, self._seed)]
            stays[here] = place + 1
        return self._told(stays)

    def straight(self, rate: float) -> Outcome:
        """Of the first model's answers, so many are asked again of the last one."""
        import numpy as np

        _, scores = self._scores(0, self._straight())
        stays = np.zeros(len(self.test), int)
        stays[_top(scores, round(rate * len(self.test)), self._seed)] = len(self.models) - 1
        return self._told(stays, straight=True)

    def held(self, shares: Sequence[float]) -> Outcome:
        """The same with thresholds that were set on training rows, so that the split may be off."""
        import numpy as np

        stays = np.zeros(len(self.test), int)
        here, asked = np.arange(len(self.test)), np.arange(len(self.train))
        for place, _ in enumerate(self.models[:-1]):
            held_out, scores = self._scores(place, shares)
            wanted = round(math.fsum(shares[place + 1 :]) * len(self.train))
            ranked = np.sort(held_out[asked])[::-1]
            cut = ranked[wanted - 1] if wanted else math.inf
            asked = asked[held_out[asked] >= cut]
            here = here[scores[here] >= cut]
            stays[here] = place + 1
        return self._told(stays)

    def accuracy(self) -> dict[str, float]:
        """Of each model, on the test rows."""
        return {model: float(right.mean()) for model, right in zip(self.models, self.right[1], strict=True)}

    def disorder(self) -> str:
        """What is wrong with the order of the models, by training rows; "" where nothing is."""
        means = [float(right.mean()) for right in self.right[0]]
        for place in range(len(means) - 1):
            if means[place] >= means[place + 1]:
                low, high = self.models[place], self.models[place + 1]
                return f"on training rows {low} is right in {means[place]:.1%}, {high} in {means[place + 1]:.1%}"
        return ""

    def _scores(self, place: int, shares: Sequence[float]) -> "tuple[Floats, Floats]":
        """Of training rows by what was not fitted on them, and of test rows."""
        scorer, scores = self._fitted(place, shares)
        return scorer.gains.held_out, scorer.gains.score(scores)

    def _fitted(self, place: int, shares: Sequence[float], *, blind: bool = False) -> "tuple[Scorer, Scores]":
        above = tuple(shares[place + 1 :])
        key = (place, tuple(share / (math.fsum(above) or 1.0) for share in above), blind)
        if key not in self._known:
            train, test = self.step(place, shares)
            scorer = Scorer(train, blind=blind, seed=self._seed)
            self._known[key] = (scorer, scorer.score(test))
        return self._known[key]

    def _straight(self) -> tuple[float, ...]:
        return (0.0,) * (len(self.models) - 1) + (1.0,)

    def _step(self, part: int, place: int, shares: Sequence[float]) -> Rows:
        import numpy as np

        rows, right = (self.train, self.test)[part], self.right[part]
        above = list(shares[place + 1 :])
        if not math.fsum(above):
            above[-1] = 1.0
        strong = np.average(np.stack(right[place + 1 :]), axis=0, weights=above)
        sure = np.stack([_confidence(rows, model) for model in self.models[: place + 1]], axis=1)
        ease = np.array([_ease(row) for row in rows], float)
        return Rows(self._prompts[part], sure, right[place], strong, ease)

    def _apgr(self, scores: "Floats", test: Rows) -> Estimate | None:
        if test.strong.sum() <= test.weak.sum():
            return None
        ranking = Ranking(scores.tolist(), test.weak.tolist(), test.strong.tolist())
        return measure(ranking, seed=self._seed, resamples=_RESAMPLES).apgr

    def _told(self, stays: "Places", *, straight: bool = False) -> Outcome:
        import numpy as np

        rows = np.arange(len(stays))
        got, best = np.stack(self.right[1])[stays, rows], self.right[1][-1]
        costs = np.stack(self._cost)
        asked = (0, len(self.models) - 1) if straight else range(len(self.models))
        paid = sum(float(costs[place][stays >= place].sum()) for place in asked)
        alone = float(costs[-1].sum())
        return Outcome(
            shares=tuple((np.bincount(stays, minlength=len(self.models)) / len(stays)).tolist()),
            accuracy=float(got.mean()),
            of_strongest=_share(got, best, self._seed),
            cost_ratio=float(costs[stays, rows].sum()) / alone if alone else None,
            cost_ratio_asked=paid / alone if alone else None,
        )


def _sampled(rows: Sequence[Row], seed: int) -> tuple[Row, ...]:
    import numpy as np

    if len(rows) <= _FITTED_ON:
        return tuple(rows)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_FITTED_ON])
    return tuple(rows[place] for place in chosen)


def _right(rows: Sequence[Row], model: str) -> "Floats":
    import numpy as np

    return np.array([row.models[model].correct for row in rows], float)


def _cost(rows: Sequence[Row], model: str) -> "Floats":
    import numpy as np

    return np.array([row.models[model].cost_usd for row in rows], float)


def _confidence(rows: Sequence[Row], model: str) -> "Floats":
    import numpy as np

    return np.array([row.models[model].confidence for row in rows], float)


def _ease(row: Row) -> float:
    return sum(result.correct for result in row.models.values()) / len(row.models)


def _ranked(values: "Floats") -> "Floats":
    from scipy.stats import rankdata

    return rankdata(values) / len(values)  # type: ignore[no-any-return]  # SciPy has no types


def _auroc(scores: "Floats", right: "Floats") -> Estimate | None:
    """With its interval by Hanley and McNeil, Radiology 143 (1982)."""
    many, few = float(right.sum()), float(len(right) - right.sum())
    if not (many and few):
        return None
    area = auroc(scores.tolist(), right.tolist())
    one, two = area / (2 - area), 2 * area * area / (1 + area)
    variance = area * (1 - area) + (many - 1) * (one - area * area) + (few - 1) * (two - area * area)
    width = 1.96 * math.sqrt(max(variance, 0.0) / (many * few))
    return Estimate(area, max(0.0, area - width), min(1.0, area + width))


def _top(scores: "Floats", count: int, seed: int) -> "Places":
    """Places of the highest scores; of equal ones any."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(scores))
    return order[np.argsort(-scores[order], kind="stable")][:count]


def _share(got: "Floats", best: "Floats", seed: int) -> Estimate:
    import numpy as np

    rng, drawn = np.random.default_rng(seed), []
    for _ in range(_RESAMPLES):
        again = rng.integers(0, len(got), len(got))
        drawn.append(float(got[again].sum()) / max(float(best[again].sum()), 1.0))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(got.sum()) / max(float(best.sum()), 1.0), float(low), float(high))

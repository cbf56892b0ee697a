"""Which answers are worth asking a dearer model again, learned from a recording.

What is predicted is the *gap*: the probability that the dearer model is right minus that the cheaper one is. Where
that is negative, asking again hurts. It is predicted from the prompt and from how sure each model was that has
*already answered*: the cheaper one and those before it. How sure the dearer model is nobody knows before it is asked,
so that is never read.

Confidence enters as its rank among training answers, so any monotone transform of it, such as a sum or a mean of
log-probabilities or a probability, gives the same result. Several ways to predict are tried, and they are blended: each
counts by how near it comes to the best one on training rows that it was not fitted on.

Which answers are likely *wrong* is another question with another answer; it is blended on its own.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from homeport.stats.boosting import boost
from homeport.stats.ridge import fit_ridge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FOLDS = 5
_HINGES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
_CROSSED = 12
_SURE, _RIDGE, _MIXED = "confidence", "ridge", "ridge+trees"
_FAILS, _HALF = "fails by ", "half fails by "

_SHARES = (0.25, 0.5, 0.75, 1.0)
"""How much of what a model says is believed, over what the confidence says alone: few rows teach little."""


class Rows:
    """Rows of a part of a recording, as columns.

    Attributes:
        prompts: what prompts look like; a row each.
        sure: the confidence of each model that has answered; the last is the one whose answer is in question.
        weak, strong: 1 where the answer in question, and the dearer model's, is right.
        ease: the share of all recorded models that are right: what training may know of a prompt's difficulty.
    """

    def __init__(self, prompts: "Floats", sure: "Floats", weak: "Floats", strong: "Floats", ease: "Floats") -> None:
        self.prompts, self.sure, self.weak, self.strong, self.ease = prompts, sure, weak, strong, ease

    def take(self, places: "NDArray[np.int64]") -> "Rows":
        return Rows(self.prompts[places], self.sure[places], self.weak[places], self.strong[places], self.ease[places])

    def __len__(self) -> int:
        return len(self.weak)


Scores = Mapping[str, "Floats"]
"""By candidate: the higher, the more is gained by asking on."""


class Blend:
    """Candidates in one score: the mean of their ranks, in which a candidate counts by what it reached.

    One that is z standard errors behind the best counts exp(-z^2 / 2) times as much. So few rows, which tell little,
    leave much of the confidence in the score, and many leave what is better; and of many nearly equal candidates the
    mean is surer than the one that happened to be first.

    Args:
        held_out: scores of training rows, each by what was not fitted on it.
        aim: what is to have high scores, a number for each training row.

    Attributes:
        weights: of the candidates, together 1.
        name: the one that counts most.
        held_out: the score of the training rows.
    """

    def __init__(self, held_out: Scores, aim: "Floats") -> None:
        import numpy as np

        self._sorted = {name: np.sort(scores) for name, scores in held_out.items()}
        above = aim - aim.mean()
        # A row adds so much to the covariance of rank and aim, which is the area that is to be large but for a factor.
        parts = {name: above * _ranks(self._sorted[name], scores) for name, scores in held_out.items()}
        best = max(parts, key=lambda name: float(parts[name].sum()))
        counts = {name: math.exp(-(_errors_behind(parts[best] - part) ** 2) / 2) for name, part in parts.items()}
        self.weights = {name: count / math.fsum(counts.values()) for name, count in counts.items()}
        self.name = best
        self.held_out = self.score(held_out)

    def score(self, scores: Scores) -> "Floats":
        """Of any rows, from what the candidates say of them."""
        import numpy as np

        ranked = [weight * _ranks(self._sorted[name], scores[name]) for name, weight in self.weights.items()]
        return np.asarray(sum(ranked), float)


class Scorer:
    """The candidates, fitted.

    Args:
        train: the rows to fit on.
        blind: confidence is not read, and a ridge regression alone is tried: what prompts tell is little.

    Attributes:
        gains: high where asking the dearer model gains most.
        fails: high where the answer in question is most likely wrong.
    """

    def __init__(self, train: Rows, *, blind: bool = False, seed: int = 0) -> None:
        self._train, self._blind, self._seed = train, blind, seed
        held_out = self._cross()
        self.gains = Blend(held_out, train.strong - train.weak)
        failing = {name: scores for name, scores in held_out.items() if name == _SURE or name.startswith(_FAILS)}
        self.fails = Blend(failing, 1 - train.weak)
        self._predict = self._fit(train)

    def score(self, rows: Rows) -> Scores:
        """What each candidate says, for a blend."""
        return self._predict(rows)

    def _cross(self) -> Scores:
        import numpy as np

        train = self._train
        folds = np.random.default_rng(self._seed).permutation(len(train)) % _FOLDS
        found: dict[str, Floats] = {}
        for fold in range(_FOLDS):
            outside = np.flatnonzero(folds == fold)
            predicted = self._fit(train.take(np.flatnonzero(folds != fold)))(train.take(outside))
            for name, scores in predicted.items():
                found.setdefault(name, np.zeros(len(train)))[outside] = scores
        return found

    def _fit(self, train: Rows) -> Callable[[Rows], Scores]:
        design = Design(train, blind=self._blind, seed=self._seed)
        targets = {"": train.strong - train.weak, _FAILS: 1 - train.weak}
        fits = [_fit_target(design, train, name, target) for name, target in targets.items()]

        def predict(rows: Rows) -> Scores:
            scores = {name: found for fit in fits for name, found in fit(rows).items()}
            if design.told:
                # Half of each: where the models are nearly equal, failing is the louder part of the gap.
                scores |= {f"{_HALF}{name}": (scores[name] + scores[_FAILS + name]) / 2 for name in _fitted_names()}
                scores[_SURE] = -design.rank(rows)
            return scores

        return predict


def _errors_behind(lost: "Floats") -> float:
    """In standard errors of a sum of what rows lose."""
    error = float(lost.std()) * math.sqrt(len(lost))
    return float(lost.sum()) / error if error else 0.0


def _fitted_names() -> list[str]:
    return [f"{kind} {share}" for kind in (_RIDGE, _MIXED) for share in _SHARES]


def _fit_target(design: "Design", train: Rows, prefix: str, target: "Floats") -> Callable[[Rows], Scores]:
    """A ridge regression, trees, and how much of what they say is believed."""
    ridge = fit_ridge(design.columns(train), target)
    if not design.told:
        return lambda rows: {f"{prefix}{_RIDGE}": ridge.predict(design.columns(rows))}
    trees, curve = boost(design.plain(train), target), fit_ridge(design.bent(train), target)

    def predict(rows: Rows) -> Scores:
        flat, sure = ridge.predict(design.columns(rows)), curve.predict(design.bent(rows))
        said = {_RIDGE: flat, _MIXED: (flat + trees.predict(design.plain(rows))) / 2}
        return {f"{prefix}{kind} {share}": sure + share * (said[kind] - sure) for kind in said for share in _SHARES}

    return predict


class Design:
    """The columns that are fitted on: prompts, ranks of confidence, and how the one changes with the other.

    Attributes:
        told: the model in question told how sure it was, at least sometimes.
    """

    def __init__(self, train: Rows, *, blind: bool, seed: int) -> None:
        import numpy as np

        finite = np.isfinite(train.sure)
        self._sorted = [np.sort(train.sure[:, place]) for place in range(train.sure.shape[1])]
        self._read = [place for place in range(train.sure.shape[1]) if finite[:, place].any() and not blind]
        self.told = train.sure.shape[1] - 1 in self._read
        self._ease = fit_ridge(train.prompts, train.ease)
        folds = np.random.default_rng(seed + 1).permutation(len(train)) % _FOLDS
        self._train, self._train_ease = train, np.zeros(len(train))
        for fold in range(_FOLDS):
            inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            part = fit_ridge(train.prompts[inside], train.ease[inside])
            self._train_ease[outside] = part.predict(train.prompts[outside])

    def rank(self, rows: Rows) -> "Floats":
        """Of the confidence in question, from 0 to 1 among training answers."""
        return self._ranks(rows, rows.sure.shape[1] - 1)

    def plain(self, rows: Rows) -> "Floats":
        """For trees, which find by themselves what depends on what."""
        import numpy as np

        # A training row's ease is told by what was not fitted on it, as it will be for others.
        ease = self._train_ease if rows is self._train else self._ease.predict(rows.prompts)
        ranks = [self._ranks(rows, place) for place in self._read]
        return np.column_stack([rows.prompts, ease, *ranks])

    def columns(self, rows: Rows) -> "Floats":
        """For a linear model: ranks bend at several points, and weigh differently in prompts of other kinds."""
        import numpy as np

        crossed = rows.prompts[:, -_CROSSED:] * (self.rank(rows)[:, None] - 0.5) if self.told else rows.prompts[:, :0]
        return np.column_stack([self.plain(rows), *map(partial(self._bends, rows), self._read), crossed])

    def bent(self, rows: Rows) -> "Floats":
        """The confidence in question alone, where it bends."""
        return self._bends(rows, rows.sure.shape[1] - 1)

    def _bends(self, rows: Rows, place: int) -> "Floats":
        import numpy as np

        rank, none = self._ranks(rows, place), ~np.isfinite(rows.sure[:, place])
        return np.column_stack([none, rank, *(np.maximum(rank - hinge, 0) for hinge in _HINGES)])

    def _ranks(self, rows: Rows, place: int) -> "Floats":
        return _ranks(self._sorted[place], rows.sure[:, place])


def _ranks(ordered: "Floats", values: "Floats") -> "Floats":
    """From 0 to 1 among others; the middle of those that are equal."""
    import numpy as np

    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((low + high) / (2 * len(ordered)), float)

"""Fitting a gap model: a ridge regression of the gap (strong minus weak) on standardised features and hashed words.

numpy and scipy are imported where they are needed: a process that answers requests never does.
"""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.routing.features import FEATURES, LENGTH, SHAPE, Text, measure
from homeport.routing.gap import FAR, Curve, GapModel, Weighted
from homeport.routing.grams import grams
from homeport.routing.rows import Rows

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Places = NDArray[int64]

DIMENSION = 1 << 18

_FEATURES_SHARE, _WORDS_SHARE = 0.3, 2.0
"""By what both are multiplied, so that one penalty fits them: words are many and each is rare."""

_TOLERANCE = 1e-3
_MOST_STEPS = 200
_CURVE_STEPS = 50
_CURVE_PENALTY = 1.0
"""Of a curve's slope: as if one row more had said that the score tells nothing."""

_NAMES = tuple(FEATURES)


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is fitted from, and how strongly its weights are held back."""

    name: str
    features: tuple[str, ...]
    words: bool = False
    penalty: float = 30.0


CANDIDATES = (
    Configuration(name="length", features=LENGTH),
    Configuration(name="shape", features=SHAPE),
    Configuration(name="features", features=_NAMES),
    Configuration(name="features and words", features=_NAMES, words=True),
    Configuration(name="features and words, held back", features=_NAMES, words=True, penalty=100.0),
)
"""What is chosen among, from simple to rich."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as numbers, read once for all fits.

    Attributes:
        features: a row each, a column for each of FEATURES.
        words: a sparse matrix, a column for each place.
        qualities: a column for each model, weakest first.
        groups: of each row, "" where nothing is said.
    """

    features: Any
    words: Any
    qualities: Any
    groups: tuple[str, ...]

    @property
    def weak(self) -> "Floats":
        column: Floats = self.qualities[:, 0]
        return column

    @property
    def strong(self) -> "Floats":
        column: Floats = self.qualities[:, -1]
        return column

    def take(self, places: "Places") -> "Sample":
        """Some of the rows."""
        return Sample(
            features=self.features[places],
            words=self.words[places],
            qualities=self.qualities[places],
            groups=tuple(self.groups[place] for place in places),
        )


def read_sample(rows: Rows) -> Sample:
    """What fits read of rows, of which there is at least one."""
    import numpy as np
    from scipy.sparse import csr_matrix

    features, places, values, starts = [], array("i"), array("f"), [0]
    for row in rows.rows:
        text = Text(row.prompt)
        features.append(measure(text, _NAMES))
        found, weights = grams(text.lower, DIMENSION)
        places.extend(found)
        values.extend(weights)
        starts.append(len(places))
    shape = (len(rows.rows), DIMENSION)
    return Sample(
        features=np.array(features),
        words=csr_matrix((np.array(values, float), np.array(places), np.array(starts)), shape=shape),
        qualities=np.array([row.quality for row in rows.rows], float),
        groups=tuple(row.group for row in rows.rows),
    )


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What was fitted: how features were spread, and weights of features and then of words as `design` has them."""

    configuration: Configuration
    base: float
    mean: Any
    deviation: Any
    weights: Any

    def predict(self, sample: Sample) -> "Floats":
        """The score of each row: the same as the model's of its text."""
        found: Floats = self.design(sample) @ self.weights + self.base
        return found

    def design(self, sample: Sample) -> Any:
        """Rows as a matrix: standardised features, and words where they are used."""
        import numpy as np
        from scipy.sparse import csr_matrix, hstack

        far = (sample.features[:, _columns(self.configuration)] - self.mean) / self.deviation
        beyond = FAR + np.log1p(np.maximum(np.abs(far) - FAR, 0.0))
        features = np.where(np.abs(far) <= FAR, far, np.copysign(beyond, far)) * _FEATURES_SHARE
        return hstack([csr_matrix(features), sample.words * _WORDS_SHARE], format="csr") if self._words else features

    def model(self, about: str, curves: tuple[Curve, ...] = ()) -> GapModel:
        """The model that scores without a library."""
        names = self.configuration.features
        words = array("f", (self.weights[len(names) :] * _WORDS_SHARE).tolist())
        if words and array("H", [1]).tobytes() != b"\1\0":
            words.byteswap()
        return GapModel(
            about=about,
            base=self.base,
            features=tuple(
                Weighted(name=name, mean=float(mean), deviation=float(deviation), weight=float(weight))
                for name, mean, deviation, weight in zip(
                    names, self.mean, self.deviation, self.weights[: len(names)] * _FEATURES_SHARE, strict=True
                )
            ),
            words=words.tobytes(),
            success=curves,
        )

    @property
    def _words(self) -> bool:
        return self.configuration.words


def fit(samples: Sequence[Sample], configuration: Configuration) -> Fit:
    """Fit on samples, each of which counts as much as the others whatever its size."""
    import numpy as np
    from scipy.sparse import issparse, vstack

    features = np.vstack([sample.features[:, _columns(configuration)] for sample in samples])
    gaps = np.concatenate([sample.strong - sample.weak for sample in samples])
    sizes = [len(sample.groups) for sample in samples]
    share = np.concatenate([np.full(size, len(gaps) / len(sizes) / size) for size in sizes])
    mean = np.average(features, axis=0, weights=share)
    deviation = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=share))
    # A feature that never varied has no weight, whatever it is later.
    deviation[deviation < 1e-9] = 1e9
    base = float(np.average(gaps, weights=share))
    empty = Fit(configuration=configuration, base=base, mean=mean, deviation=deviation, weights=None)
    designs = [empty.design(sample) for sample in samples]
    design: Any = vstack(designs, format="csr") if issparse(designs[0]) else np.vstack(designs)
    root = np.sqrt(share)
    if len(samples) == 1:
        weighed = design
    else:
        weighed = design.multiply(root[:, None]).tocsr() if issparse(design) else design * root[:, None]
    return msgspec.structs.replace(empty, weights=_ridge(weighed, (gaps - base) * root, configuration.penalty))


def _ridge(design: Any, target: "Floats", penalty: float) -> "Floats":
    """Weights w that make |design w - target|^2 + penalty |w|^2 least."""
    import numpy as np
    from scipy.sparse import issparse
    from scipy.sparse.linalg import LinearOperator, cg

    if not issparse(design):
        few: Floats = np.linalg.solve(design.T @ design + penalty * np.eye(design.shape[1]), design.T @ target)
        return few
    # There are more words than rows: w = design^T a, with one unknown a row (Saunders et al., ICML 1998).
    turned = design.T.tocsr()
    rows = len(target)
    kernel = LinearOperator((rows, rows), matvec=lambda vector: design @ (turned @ vector) + penalty * vector)
    found: Floats = turned @ cg(kernel, target, rtol=_TOLERANCE, maxiter=_MOST_STEPS)[0]
    return found


def fit_curve(name: str, scores: "Floats", qualities: "Floats") -> Curve:
    """The probability of a right answer as a logistic function of the score, by Newton's method.

    Args:
        scores: of rows that the scoring model was not fitted on, or the curve is too steep.
    """
    import numpy as np

    spread = float(scores.std()) or 1.0
    middle = float(scores.mean())
    design = np.column_stack([np.ones(len(scores)), (scores - middle) / spread])
    penalty = np.array([1e-6, _CURVE_PENALTY])
    found = np.zeros(2)
    # Two rows of one more of each kind keep the curve finite where all answers were right, or none (Platt 1999).
    target = np.clip(qualities, 1 / (len(scores) + 2), 1 - 1 / (len(scores) + 2))
    for _ in range(_CURVE_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        slope = design.T @ (target - chance) - penalty * found
        bend = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        found = found + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    steep = float(found[1]) / spread
    return Curve(name=name, intercept=float(found[0]) - steep * middle, slope=steep)


def _columns(configuration: Configuration) -> list[int]:
    return [_NAMES.index(name) for name in configuration.features]

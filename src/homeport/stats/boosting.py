"""Regression by gradient-boosted trees, for a few thousand rows and some dozens of columns.

Source: Friedman, "Greedy function approximation: a gradient boosting machine" (Annals of Statistics, 2001) and
"Stochastic gradient boosting" (2002), with the histograms of Ke et al., LightGBM (NeurIPS 2017). Squared error, trees
of a fixed depth whose leaves are drawn towards 0. NumPy is loaded when it is used: a gateway never fits.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BINS = 32


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How trees are grown.

    Attributes:
        sample: share of the rows that each tree sees.
        ridge: rows by which each leaf is drawn towards 0.
    """

    trees: int = 80
    depth: int = 3
    rate: float = 0.08
    sample: float = 0.6
    ridge: float = 20.0
    seed: int = 0


class Boosted:
    """A fitted model."""

    def __init__(self, edges: "NDArray[np.float64]", mean: float, rate: float) -> None:
        self._edges = edges
        self._mean = mean
        self._rate = rate
        self._trees: list[tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], NDArray[np.float64]]] = []

    def predict(self, columns: "NDArray[np.float64]") -> "NDArray[np.float64]":
        return self._sum(_binned(columns, self._edges))

    def _sum(self, binned: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        import numpy as np

        total = np.full(len(binned), self._mean)
        rows = np.arange(len(binned))
        for features, cuts, leaves in self._trees:
            node = np.zeros(len(binned), np.int64)
            for feature, cut in zip(features, cuts, strict=True):
                node = 2 * node + (binned[rows, feature[node]] > cut[node])
            total += self._rate * leaves[node]
        return total

    def grow(self, binned: "NDArray[np.uint8]", target: "NDArray[np.float64]", settings: Settings) -> None:
        """Add the trees. `binned` has columns as `predict` bins them."""
        import numpy as np

        rng = np.random.default_rng(settings.seed)
        rest = target - self._mean
        rows = np.arange(len(binned))
        for _ in range(settings.trees):
            chosen = rng.choice(len(binned), max(1, int(settings.sample * len(binned))), replace=False)
            features, cuts, node = [], [], np.zeros(len(chosen), np.int64)
            for level in range(settings.depth):
                feature, cut = _best(binned[chosen], rest[chosen], node, 2**level, settings.ridge)
                features.append(feature)
                cuts.append(cut)
                node = 2 * node + (binned[chosen, feature[node]] > cut[node])
            size = 2**settings.depth
            sums = np.bincount(node, rest[chosen], size)
            leaves = sums / (np.bincount(node, minlength=size) + settings.ridge)
            self._trees.append((features, cuts, leaves))
            everywhere = np.zeros(len(binned), np.int64)
            for feature, cut in zip(features, cuts, strict=True):
                everywhere = 2 * everywhere + (binned[rows, feature[everywhere]] > cut[everywhere])
            rest = rest - self._rate * leaves[everywhere]


def boost(columns: "NDArray[np.float64]", target: "NDArray[np.float64]", settings: Settings | None = None) -> Boosted:
    """Fit on rows of finite numbers."""
    import numpy as np

    settings = settings or Settings()
    edges = np.quantile(columns, np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)
    model = Boosted(edges, float(target.mean()), settings.rate)
    model.grow(_binned(columns, edges), target, settings)
    return model


def _binned(columns: "NDArray[np.float64]", edges: "NDArray[np.float64]") -> "NDArray[np.uint8]":
    import numpy as np

    placed = [np.searchsorted(edges[:, place], columns[:, place]) for place in range(columns.shape[1])]
    return np.stack(placed, axis=1).astype(np.uint8)


def _best(
    binned: "NDArray[np.uint8]", rest: "NDArray[np.float64]", node: "NDArray[np.int64]", nodes: int, ridge: float
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """For each node the column and the bin after which to split: the largest fall of the squared error."""
    import numpy as np

    width = binned.shape[1]
    places = (node[:, None] * width + np.arange(width)) * _BINS + binned
    size = nodes * width * _BINS
    flat = places.ravel()
    counts = np.bincount(flat, minlength=size).reshape(nodes, width, _BINS).cumsum(axis=2)
    sums = np.bincount(flat, np.repeat(rest, width), size).reshape(nodes, width, _BINS).cumsum(axis=2)
    whole, total = counts[:, :, -1:], sums[:, :, -1:]
    gain = sums**2 / (counts + ridge) + (total - sums) ** 2 / (whole - counts + ridge)
    best = gain[:, :, :-1].reshape(nodes, -1).argmax(axis=1)
    return best // (_BINS - 1), best % (_BINS - 1)
